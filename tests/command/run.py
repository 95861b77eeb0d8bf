# SPDX-License-Identifier: ISC
"""proxyproto run and connect: the program is served, and its status kept."""
import os
import re
import subprocess
import sys
import unittest

import fixture
from fixture import v1
from fixture.command import (PROXYPROTO, command, need_supervisor,
                             started)
from fixture.udp import sender, udp

# Accepts once, and tells who that was.
SERVER = """
import socket
with socket.create_server(("127.0.0.1", 0)) as listener:
    print("port", listener.getsockname()[1], flush=True)
    connection, client = listener.accept()
    print("client", *client, connection.recv(100), flush=True)
"""

# The same of a datagram.
DATAGRAMS = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
    server.bind(("127.0.0.1", 0))
    print("udp", server.getsockname()[1], flush=True)
    data, client = server.recvfrom(100)
    print("from", *client, data, flush=True)
"""

# Connects, sends a word.
CLIENT = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
    connection.sendall(b"hello")
"""


def source(path):
    with open(os.path.join(os.environ["PP_SRCDIR"], path),
              encoding="ascii") as file:
        return file.read()


# The same in Go.
GO_SERVER = """package main
import ("fmt"; "net")
func main() {
	listener, _ := net.Listen("tcp", "127.0.0.1:0")
	fmt.Println("port", listener.Addr().(*net.TCPAddr).Port)
	connection, _ := listener.Accept()
	fmt.Println("client", connection.RemoteAddr())
}
"""
GO_CLIENT = """package main
import ("net"; "os")
func main() {
	connection, _ := net.Dial("tcp", "127.0.0.1:" + os.Args[1])
	connection.Write([]byte("hello"))
	connection.Close()
}
"""


class Run(unittest.TestCase):
    def test_server_is_preloaded(self):
        with started("run", "--how=preload", sys.executable, "-c",
                     SERVER) as server:
            port = int(server.wait_line(r"port (\d+)")[1])
            with fixture.connect(port, v1() + b"hello"):
                server.wait_line(r"client 192.0.2.1 1111 b'hello'")

    def test_shell_is_supervised(self):
        """And so is what it starts."""
        need_supervisor()
        script = f"{sys.executable} -c '{SERVER}'; exit 7"
        with started("run", "sh", "-c", script) as server:
            port = int(server.wait_line(r"port (\d+)")[1])
            with fixture.connect(port, v1() + b"hello"):
                server.wait_line(r"client 192.0.2.1 1111 b'hello'")
            self.assertEqual(server.wait(), 7)

    def test_go_programs(self):
        """Both are supervised, as no preload reaches them."""
        fixture.need("go")
        need_supervisor()
        folder = fixture.folder(self.addCleanup)
        for name, text in ("server", GO_SERVER), ("client", GO_CLIENT):
            with open(f"{folder}/{name}.go", "w", encoding="ascii") as file:
                file.write(text)
            subprocess.run(["go", "build", "-o", name, name + ".go"],
                           cwd=folder, env=os.environ | {"HOME": folder},
                           check=True)
        with started("run", folder + "/server") as server:
            port = server.wait_line(r"port (\d+)")[1]
            done = command("connect", "--addr=192.0.2.7", "--port=7",
                           folder + "/client", port)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            server.wait_line("client 192.0.2.7:7")

    def test_shell_of_a_client(self):
        """It is supervised, with what it starts."""
        need_supervisor()
        with started("run", sys.executable, "-c", SERVER) as server:
            port = server.wait_line(r"port (\d+)")[1]
            done = command("connect", "--addr=192.0.2.77", "sh", "-c",
                           f"{sys.executable} -c '{CLIENT}' {port}")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            server.wait_line(r"client 192.0.2.77 8080 b'hello'")

    def test_datagrams(self):
        """With --udp, and the connections of the same program."""
        with started("run", "--udp", sys.executable, "-c",
                     DATAGRAMS + SERVER) as server:
            port = int(server.wait_line(r"udp (\d+)")[1])
            with sender() as proxy:
                proxy.sendto(udp("192.0.2.9", 1234) + b"hello",
                             ("127.0.0.1", port))
                server.wait_line("from 192.0.2.9 1234 b'hello'")
            port = int(server.wait_line(r"port (\d+)")[1])
            header = v1("192.0.2.7", source_port=1000)
            with fixture.connect(port, header + b"x"):
                server.wait_line("client 192.0.2.7 1000 ")

    def test_no_datagrams(self):
        with started("run", sys.executable, "-c", DATAGRAMS) as server, \
                sender() as proxy:
            port = int(server.wait_line(r"udp (\d+)")[1])
            proxy.sendto(udp() + b"hello", ("127.0.0.1", port))
            server.wait_line(rf"from 127.0.0.1 {proxy.getsockname()[1]} ")

    def test_client_is_preloaded(self):
        with started("run", sys.executable, "-c", SERVER) as server:
            port = server.wait_line(r"port (\d+)")[1]
            done = command("connect", "--how=preload", "--addr=192.0.2.77",
                           "--port", "77", sys.executable, "-c", CLIENT, port)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            server.wait_line(r"client 192.0.2.77 77 b'hello'")

    def test_status_is_the_commands(self):
        for status in 0, 3, 125:
            done = command("run", "--how=preload", "sh", "-c",
                           f"exit {status}")
            self.assertEqual((done.returncode, done.stdout, done.stderr),
                             (status, "", ""))

    def test_what_cannot_be_run(self):
        done = command("run", "/nonexistent/server")
        self.assertEqual(done.returncode, 127)
        self.assertIn("proxyproto: run: /nonexistent/server: ", done.stderr)
        done = command("run", "/etc/passwd")
        self.assertEqual(done.returncode, 126)
        self.assertIn("proxyproto: run: /etc/passwd: ", done.stderr)

    def test_options_end_at_the_command(self):
        for before in (), ("--",), ("--debug=no", "--"):
            done = command("run", *before, "echo", "--help", "--", "--debug")
            self.assertEqual((done.returncode, done.stdout, done.stderr),
                             (0, "--help -- --debug\n", ""))

    def test_preloaded_libraries_are_kept(self):
        other = os.path.join(fixture.probe(".libs"), "beside.so")
        done = command("run", "--how=preload", "sh", "-c", "echo $LD_PRELOAD",
                       env=fixture.environment(other))
        self.assertEqual(done.stdout, f"{fixture.SERVER_LIBRARY}:{other}\n")

    def test_a_copy_gives_way(self):
        """Of the library itself: two would take a header each."""
        other = os.path.join(fixture.probe(".libs"), "beside.so")
        for there in ("libproxyproto.so", "/nonexistent/libproxyproto.so.0",
                      fixture.SERVER_LIBRARY):
            done = command("run", "--how=preload", sys.executable, "-c",
                           "import os; print(os.environ['LD_PRELOAD'])",
                           env=fixture.environment(f"{there} {other}"))
            self.assertEqual(done.stdout, f"{fixture.SERVER_LIBRARY}:{other}\n")

    def test_supervised_without_the_library(self):
        """It takes one header off, not what looks like a second one."""
        need_supervisor()
        with started("run", "sh", "-c", f"{sys.executable} -c '{SERVER}'",
                     env=fixture.environment(fixture.SERVER_LIBRARY,
                                             MUST_USE_PROTOCOL_HEADER=1)
                     ) as server:
            port = int(server.wait_line(r"port (\d+)")[1])
            with fixture.connect(port, v1() + v1("192.0.2.9")):
                server.wait_line(r"client 192.0.2.1 1111 b'PROXY TCP4")


class Mistakes(unittest.TestCase):
    """Told before the command starts, and with status 125."""

    def check(self, told, *arguments, env=None):
        done = command(*arguments, "echo", "started", env=env)
        self.assertEqual((done.returncode, done.stdout), (125, ""))
        self.assertRegex(done.stderr, rf"\Aproxyproto: {told}.*\n\Z")

    def test_subcommands(self):
        self.check('"nonsense" is no subcommand: it takes run, connect',
                   "nonsense")
        done = command()
        self.assertEqual(done.returncode, 125)
        self.assertIn("a subcommand is needed", done.stderr)

    def test_options(self):
        self.check("run: --nonsense: no such option", "run", "--nonsense")
        self.check("run: -z: no such option", "run", "-z")
        self.check("run: --t=1: .*more than one begins so", "run", "--t=1")
        self.check('run: --how="magic" is not valid: it takes preload',
                   "run", "--how=magic")
        done = command("run", "--trusted")
        self.assertEqual(done.returncode, 125)
        self.assertIn("run: --trusted: it takes a value", done.stderr)

    def test_values(self):
        self.check('run: --trusted="10.0.0.1/8" is not valid: it takes addr',
                   "run", "--trusted=10.0.0.1/8")
        self.check('run: --must-use="perhaps" is not valid: it takes 1',
                   "run", "--must-use=perhaps")
        self.check('connect: --port="70000" is not valid: it takes a port',
                   "connect", "--port=70000")

    def test_not_of_the_supervisor(self):
        """What it does not do is not left undone silently."""
        for option in "inetd", "unix", "udp":
            self.check(f"run: --{option}: echo would be supervised, which "
                       "cannot do that: it takes --how=preload", "run",
                       "--how=supervise", f"--{option}")
            done = command("run", f"--{option}", "--how=preload", "echo")
            self.assertEqual(done.returncode, 0)
        for option in "udp", "version=spp":
            self.check(f"connect: --{option}: echo would be supervised, which "
                       "cannot do that: it takes --how=preload", "connect",
                       "--how=supervise", f"--{option}")
            done = command("connect", f"--{option}", "--how=preload", "echo")
            self.assertEqual(done.returncode, 0)

    def test_of_neither(self):
        """What only a preload does, of a program that none reaches."""
        fixture.need("cc")
        program = os.path.join(fixture.folder(self.addCleanup), "program")
        subprocess.run(["cc", "-static", "-x", "c", "-", "-o", program],
                       input=b"int main(void) { return 0; }", check=True)
        for how in (), ("--how=supervise",):
            done = command("run", *how, "--unix", program)
            self.assertEqual(
                (done.returncode, done.stderr),
                (125, "proxyproto: run: --unix: it takes a preloaded library, "
                 f"and {program} is statically linked: there is no loader "
                 "that preloads\n"))

    def test_environment(self):
        self.check('run: LIBPROXYPROTO_VERSION="4" is not valid', "run",
                   env=fixture.environment(VERSION=4))

    def test_no_command(self):
        done = command("run")
        self.assertEqual(done.returncode, 125)
        self.assertIn("run: COMMAND is missing", done.stderr)


class Help(unittest.TestCase):
    def test_version(self):
        done = command("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"\Aproxyproto \d+\.\d+\.\d+\n\Z")

    def test_help(self):
        done = command("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for name in "run", "connect":
            self.assertIn(f"\n  {name} ", done.stdout)
            more = command(name, "--help")
            self.assertEqual((more.returncode, more.stderr), (0, ""))
            self.assertIn(f"Usage: proxyproto {name} ", more.stdout)
            self.assertIn("\nExamples:\n  proxyproto " + name, more.stdout)
            for line in (done.stdout + more.stdout).splitlines():
                if ".conf" not in line:     # is as long as configure was told
                    self.assertLessEqual(len(line), 80, line)

    def test_each_setting_is_an_option(self):
        """And --help has words of its own for it."""
        words = re.findall(r'^\t{ "(\w+)", ', source(
            "src/command/options.c"), re.M)
        for name, file in (("run", "settings"), ("connect", "client")):
            table = re.search(r"_settings\[\] = {(.*?)^};", source(
                f"src/settings/{file}.c"), re.M | re.S)[1]
            settings = re.findall(r'^\t{ "(\w+)", ', table, re.M)
            self.assertGreater(len(settings), 5)
            text = command(name, "--help").stdout
            for setting in settings:
                option = setting.removesuffix("_PROTOCOL_HEADER").lower()
                self.assertIn(f" --{option.replace('_', '-')}", text)
                self.assertIn(setting, words)

    def test_output_that_cannot_be_written(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run(
                [PROXYPROTO, "--help"], stdout=full, stderr=-1, text=True,
                check=False)
        self.assertEqual(done.returncode, 125)
        self.assertIn("standard output: No space", done.stderr)


if __name__ == "__main__":
    fixture.main()
