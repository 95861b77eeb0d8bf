# SPDX-License-Identifier: ISC
"""How the library is loaded: early, twice, into programs of every kind."""
import os
import re
import shutil
import subprocess
import sys
import unittest

import fixture
from fixture import SERVER_LIBRARY, v1, v2
from fixture.calls import Calls, CallsCase

CLIENT = "192.0.2.1", 1111
NOBODY = "65534"


def module(name):
    """The path of a library built from tests/preload."""
    return fixture.probe(os.path.join(".libs", name + ".so"))


class Directory(CallsCase):
    def setUp(self):
        """A directory that anybody may look into."""
        self.path = fixture.folder(self.addCleanup)
        os.chmod(self.path, 0o755)

    def copy(self, file, name, mode=0o755):
        path = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copy(file, path)
        os.chmod(path, mode)
        return path


class Constructors(unittest.TestCase):
    """Another constructor accepts before ours has run, or after."""

    def test_order(self):
        for libraries in ((SERVER_LIBRARY, module("constructor")),
                          (module("constructor"), SERVER_LIBRARY)):
            done = subprocess.run(
                ["true"], env=fixture.environment(" ".join(libraries)),
                capture_output=True, text=True, timeout=fixture.PATIENCE)
            self.assertEqual(
                (done.returncode, done.stdout, done.stderr),
                (0, "constructor: accept: 192.0.2.1:1111\n"
                 "constructor: getpeername: 192.0.2.1:1111\n", ""))

    def test_settings_are_there(self):
        """Settings are read before the first accept, whoever calls it."""
        for libraries in ((SERVER_LIBRARY, module("constructor")),
                          (module("constructor"), SERVER_LIBRARY)):
            done = subprocess.run(
                ["true"], env=fixture.environment(" ".join(libraries),
                                                  VERSION=2),
                capture_output=True, text=True, timeout=fixture.PATIENCE)
            self.assertIn("constructor: accept: 127.0.0.1:", done.stdout)


class Children(Directory):
    """Of a process whose threads are not all there any more."""

    def test_a_thread_was_in_the_loader(self):
        """Its lock is held for ever in a child of _Fork."""
        fifo = os.path.join(self.path, "fifo")
        os.mkfifo(fifo)
        for settings in ({}, {"VERSION": 3}):
            program = fixture.Program(
                [fixture.probe("loader"), fifo, shutil.which("true")],
                env=fixture.environment(SERVER_LIBRARY, **settings))
            self.addCleanup(program.stop)
            program.wait_line("^status 0$")


class Sanitized(Directory):
    """A program that is built with AddressSanitizer; see the manual page."""

    def test_behind_its_runtime(self):
        fixture.need("gcc")
        runtime = subprocess.run(
            ["gcc", "-print-file-name=libasan.so"], check=True,
            capture_output=True, text=True).stdout.strip()
        if not os.path.isabs(runtime):
            self.skipTest("gcc has no AddressSanitizer")
        program = os.path.join(self.path, "calls")
        subprocess.run(
            ["gcc", "-w", "-pthread", "-fsanitize=address", "-o", program,
             os.path.join(os.environ.get("PP_SRCDIR", "."),
                          "tests/preload/calls.c")], check=True)
        calls = Calls(f"{runtime} {SERVER_LIBRARY}", [program])
        self.addCleanup(calls.stop)
        listener = calls.listener()
        self.client(listener, v1())
        self.assertEqual(calls.accept(listener.fd).address, CLIENT)


class Copies(Directory):
    """The library under two names: the header is taken off once."""

    def check(self, *libraries, argv=None):
        calls = Calls(" ".join(libraries), argv, DEBUG=1)
        self.addCleanup(calls.stop)
        listener = calls.listener()
        self.assertEqual(len(re.findall("^libproxyproto: listen: .*, version",
                                        calls.output(), re.M)), 1)
        for header, length in ((v1(), len(v1())), (v2(), 28)):
            start = len(calls.lines)
            self.client(listener, header + v1(source="192.0.2.9"))
            reply = calls.accept(listener.fd)
            self.assertEqual(reply.address, CLIENT)
            self.assertEqual(calls.getpeername(reply.result).address, CLIENT)
            self.assertEqual(calls.receive(reply.result).data,
                             v1(source="192.0.2.9"))
            told = [line for line in calls.lines[start:] if "proxy" in line]
            self.assertEqual(len(told), 1, told)
            self.assertIn(f"header of {length} bytes", told[0])

    def test_two_copies(self):
        copy = self.copy(SERVER_LIBRARY, "libproxyproto.so")
        self.check(copy, SERVER_LIBRARY)
        self.check(SERVER_LIBRARY, copy)

    def test_another_version_in_the_name(self):
        copy = self.copy(SERVER_LIBRARY, "libproxyproto.so.0.9.9")
        self.check(copy, SERVER_LIBRARY)
        self.check(SERVER_LIBRARY, copy)

    def test_three_copies(self):
        self.check(self.copy(SERVER_LIBRARY, "a/libproxyproto.so"),
                   SERVER_LIBRARY,
                   self.copy(SERVER_LIBRARY, "b/libproxyproto.so.0"))

    def test_a_program_that_is_linked_with_it(self):
        """And has another copy preloaded."""
        copy = self.copy(SERVER_LIBRARY, "libproxyproto.so")
        self.check(copy, argv=[fixture.probe("linked_calls")])
        self.check(argv=[fixture.probe("linked_calls")])

    def test_a_link_is_the_same_library(self):
        link = os.path.join(self.path, "libproxyproto.so")
        os.symlink(SERVER_LIBRARY, link)
        self.check(link, SERVER_LIBRARY)

    def test_with_the_client_library(self):
        self.check(SERVER_LIBRARY, fixture.CLIENT_LIBRARY)
        self.check(fixture.CLIENT_LIBRARY, SERVER_LIBRARY)


class EveryProgram(Directory):
    """Programs that have nothing to do with it run as without."""

    def commands(self):
        """Commands whose output is the same each time."""
        yield ["true"]
        yield ["false"]
        yield ["bash", "-c", "echo $((6 * 7)) | cat; (exit 3); echo $?; "
               "exec 2>&1; ls /nonexistent; exit 4"]
        yield ["sh", "-c", "trap 'echo trapped' TERM; kill $$; ulimit -n"]
        yield ["ls", "-lA", self.path]
        yield [sys.executable, "-c", "import os, socket, threading; "
               "print(sorted(os.listdir('/proc/self/fd'))); "
               "a, b = socket.socketpair(); print(a.getpeername()); "
               "print(os.fork() and os.wait()[1])"]
        yield ["grep", "-c", "Sig", "/proc/self/status"]
        yield ["env", "-i", "sh", "-c", "echo $0 $#"]
        if os.getuid() == 0:
            # id, as a setuid program that nobody runs
            setuid = self.copy(shutil.which("id"), "id", 0o4755)
            yield ["setpriv", "--reuid", NOBODY, "--regid", NOBODY,
                   "--clear-groups", setuid]

    def run_command(self, argv, library=None, wrapper=()):
        done = subprocess.run(
            [*wrapper, *argv], env=fixture.environment(library),
            stdin=subprocess.DEVNULL, capture_output=True,
            timeout=fixture.PATIENCE)
        return done.returncode, done.stdout, done.stderr

    def test_under_the_library(self):
        for argv in self.commands():
            with self.subTest(argv):
                self.assertEqual(self.run_command(argv),
                                 self.run_command(argv, SERVER_LIBRARY))

    def everywhere(self):
        """
        Runs what follows with the library in an /etc/ld.so.preload of its
        own: in a mount namespace, over a copy of /etc.
        """
        fixture.need("unshare", "setpriv")
        if os.getuid() != 0:
            self.skipTest("a mount namespace takes root")
        if os.statvfs(self.path).f_flag & os.ST_NOSUID:
            self.skipTest(f"no setuid programs in {self.path}")
        library = self.copy(SERVER_LIBRARY, "libproxyproto.so")
        etc = os.path.join(self.path, "etc")
        subprocess.run(["cp", "-a", "/etc", etc], check=True)
        with open(os.path.join(etc, "ld.so.preload"), "w",
                  encoding="ascii") as preload:
            preload.write(library + "\n")
        wrapper = ("unshare", "-m", "sh", "-c",
                   f"mount --bind {etc} /etc && exec \"$@\"", "sh")
        if self.run_command(["true"], wrapper=wrapper)[0] != 0:
            self.skipTest("no mount namespaces are allowed here")
        maps = self.run_command(["cat", "/proc/self/maps"], wrapper=wrapper)
        self.assertIn(library.encode(), maps[1])
        return wrapper

    def test_in_ld_so_preload(self):
        wrapper = self.everywhere()
        for argv in self.commands():
            with self.subTest(argv):
                self.assertEqual(self.run_command(argv),
                                 self.run_command(argv, wrapper=wrapper))

    def test_setuid_program_does_not_heed_the_environment(self):
        """Whoever runs it must not choose whom it believes."""
        wrapper = self.everywhere()
        probe = self.copy(fixture.probe("calls"), "calls", 0o4755)
        calls = Calls(argv=[*wrapper, "setpriv", "--reuid", NOBODY, probe],
                      VERSION=0, DEBUG=1)
        self.addCleanup(calls.stop)
        listener = calls.listener()
        self.client(listener, v1() + b"x")
        reply = calls.accept(listener.fd)
        self.assertEqual(reply.address, CLIENT)
        self.assertEqual(calls.receive(reply.result).data, b"x")
        self.assertNotIn("libproxyproto", calls.output())


if __name__ == "__main__":
    fixture.main()
