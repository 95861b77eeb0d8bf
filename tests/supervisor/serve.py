# SPDX-License-Identifier: ISC
"""Servers that cannot be preloaded: each shape, linked statically."""
import os
import subprocess
import unittest

import fixture
from fixture import v1, v2


def build(case, source, *flags, compiler="gcc"):
    """A program of tests/supervisor or tests/preload, linked statically."""
    fixture.need(compiler)
    folder = fixture.folder(case.addCleanup)
    program = folder + "/program"
    # where the kernel's are, of whatever machine and C library
    kernel = ["/usr/include", "/usr/include/" + subprocess.run(
        ["gcc", "-print-multiarch"], stdout=subprocess.PIPE, text=True,
        check=True).stdout.strip()]
    done = subprocess.run(
        [compiler, "-static", *flags,
         *(word for path in kernel for word in ("-idirafter", path)), "-I",
         os.environ.get("PP_BUILDDIR", "."), "-o", program,
         os.path.join(os.environ.get("PP_SRCDIR", "."), "tests", source)],
        stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise unittest.SkipTest(f"{compiler} -static: {done.stderr}")
    return program


def run(case, argv, **settings):
    """A program under the supervisor."""
    program = fixture.Program(
        [fixture.COMMAND, "run", "--how=supervise", *argv],
        fixture.environment(**settings))
    case.addCleanup(program.stop)
    return program


class Shapes(unittest.TestCase):
    """tests/preload/shapes.c: how servers wait for their listener."""

    def check(self, shape, *flags, compiler="gcc"):
        ring = os.path.join(os.environ.get("PP_SRCDIR", "."),
                            "tests/preload/uring.c")
        server = run(self, [build(self, "preload/shapes.c", ring, "-pthread",
                                  *flags, compiler=compiler), shape])
        port = int(server.wait_line(r"^port (\d+)$")[1])
        for number in range(1, 20):
            header = v1 if number % 2 else v2
            with fixture.connect(port, header(
                    "192.0.2.7", source_port=number)) as client:
                self.assertEqual(fixture.read_all(client),
                                 b"accepted 192.0.2.7 %d\n" % number)

    def test_blocking(self):
        self.check("blocking")

    def test_threads(self):
        self.check("threads")

    def test_processes(self):
        self.check("processes")

    def test_epoll(self):
        self.check("epoll")

    def test_poll(self):
        self.check("poll")

    def test_select(self):
        self.check("select")


class OtherMachine(unittest.TestCase):
    """Programs of i386, also those that call by socketcall(2)."""

    def test_socketcall(self):
        server = run(self, [build(self, "supervisor/socketcall.c", "-m32")])
        port = int(server.wait_line(r"^port [^ ]+ (\d+)$")[1])
        with fixture.connect(port, v1()):
            self.assertEqual(server.wait(), 0)
        self.assertEqual(server.lines[1:], [
            "accept 192.0.2.1 1111", "getpeername 192.0.2.1 1111",
            "getsockname 192.0.2.2 2222"])

    def test_calls_of_their_own(self):
        Shapes.check(self, "blocking", "-m32")
        Shapes.check(self, "epoll", "-m32")


class Musl(unittest.TestCase):
    def test_musl(self):
        for shape in "blocking", "poll":
            Shapes.check(self, shape, "-Wl,--defsym=__poll_chk=poll",
                         compiler="musl-gcc")


class Go(unittest.TestCase):
    """net's Listen and Accept, without libc."""

    SOURCE = """
package main

import (
	"fmt"
	"net"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println("port", listener.Addr().(*net.TCPAddr).Port)
	for {
		client, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go func() {
			fmt.Fprintf(client, "%s %s", client.RemoteAddr(),
				client.LocalAddr())
			client.Close()
		}()
	}
}
"""

    def test_net(self):
        fixture.need("go")
        folder = fixture.folder(self.addCleanup)
        with open(folder + "/main.go", "w", encoding="ascii") as file:
            file.write(self.SOURCE)
        subprocess.run(
            ["go", "build", "-o", "program", "main.go"], cwd=folder,
            check=True, env=os.environ | {
                "CGO_ENABLED": "0", "GO111MODULE": "off",
                "GOFLAGS": "", "GOCACHE": folder + "/cache"})
        server = run(self, [folder + "/program"])
        port = int(server.wait_line(r"^port (\d+)$")[1])
        late = [fixture.connect(port, v1()[:10]) for _ in range(50)]
        for number in range(1, 50):
            with fixture.connect(port, v2(source_port=number)) as client:
                self.assertEqual(fixture.read_all(client),
                                 b"192.0.2.1:%d 192.0.2.2:2222" % number)
        for client in late:
            client.sendall(v1()[10:])
        for client in late:
            self.assertEqual(fixture.read_all(client),
                             b"192.0.2.1:1111 192.0.2.2:2222")
            client.close()


if __name__ == "__main__":
    fixture.main()
