# SPDX-License-Identifier: ISC
"""When the settings file is read, and by whom."""
import fcntl
import os
import resource
import socket
import subprocess
import sys

import fixture
from fixture import v1
from fixture.calls import pack_unix
from fixture.settings_file import VALID_TIMEOUT, FileCase
from fixture.trace import Trace

# A descriptor that nothing else has.
INHERITED = 9


class Passing(FileCase):
    """Where descriptors are short the next call tries again."""

    def at_the_limit(self, calls, *command):
        """What a call answers where no descriptor is left."""
        limits = resource.prlimit(calls.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(calls.pid, resource.RLIMIT_NOFILE,
                         (max(calls.descriptors()) + 1, limits[1]))
        try:
            return calls.do(*command).outcome
        finally:
            resource.prlimit(calls.pid, resource.RLIMIT_NOFILE, limits)

    def check(self, calls, outcome):
        fd = calls.bound()
        for _ in range(2):
            self.assertEqual(self.at_the_limit(calls, "listen", fd, 8),
                             (-1, "EMFILE"))
        self.assertEqual(calls.do("listen", fd, 8).outcome, (0, "KEPT"))
        self.assertEqual(self.outcome(calls, v1()), outcome)
        self.assertNotIn("libproxyproto", calls.output())

    def test_no_file(self):
        self.check(self.start(), "believed")

    def test_file(self):
        self.check(self.begin("version = 0"), "handed over")

    def test_accept(self):
        """An inherited listener, so to speak: listen was not called by name."""
        calls = self.begin("trusted = 10.0.0.1")
        fd = calls.bound()
        calls.ok("rawlisten", fd, 8)
        self.assertEqual(self.at_the_limit(calls, "accept", fd, 128),
                         (-1, "EMFILE"))
        self.assertEqual(self.outcome(calls, v1()), "handed over")

    def test_bad_file(self):
        calls = self.begin("timeout = abc")
        self.assertEqual(self.at_the_limit(calls, "listen", calls.bound(), 8),
                         (-1, "EMFILE"))
        self.assert_refused(
            calls, f'{self.path}:1: timeout = "abc" is not valid: it takes '
            f"{VALID_TIMEOUT}")

    def test_chroot(self):
        """In jail there would be another file, or none."""
        if os.geteuid() != 0:
            self.skipTest("needs root for chroot")
        calls = self.begin("trusted = 10.0.0.1")
        calls.socket()   # it has started, with all that it loads
        self.assertEqual(self.at_the_limit(calls, "chroot", self.directory),
                         (0, "KEPT"))
        self.assert_refused(
            calls, f"{self.path}: cannot be opened: Too many open files")


class Readers(FileCase):
    """Who reads it: programs that listen or accept on internet sockets."""

    BAD = "nonsense"

    def refusal(self):
        return (f'{self.path}:1: "nonsense" is not valid: a line takes name = '
                "value, [program] or # comment")

    def test_programs_that_do_not_listen(self):
        self.write(self.BAD)
        env = fixture.environment(fixture.SERVER_LIBRARY, CONFIG=self.path)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            code = ("import socket, sys; socket.create_connection("
                    "('127.0.0.1', int(sys.argv[1]))).getpeername(); "
                    "socket.socketpair(); print('fine')")
            for argv in (["true"], ["sh", "-c", "ls / | wc -l"],
                         [sys.executable, "-c", code,
                          str(listener.getsockname()[1])]):
                result = subprocess.run(argv, env=env, capture_output=True,
                                        text=True, check=True)
                self.assertEqual(result.stderr, "")

    def test_unix_sockets(self):
        calls = self.begin(self.BAD)
        path = os.path.join(self.directory, "socket")
        self.assertGreaterEqual(calls.accept_unix(path)[1].result, 0)
        self.assertNotIn("libproxyproto:", calls.output())
        self.assert_refused(calls, self.refusal())

    def inherit(self, text):
        """The program with a listener that it did not make."""
        self.write(text)
        code = ("import os, socket, sys; "
                "s = socket.create_server(('127.0.0.1', 0)); "
                f"os.dup2(s.fileno(), {INHERITED}); "
                "os.environ['LD_PRELOAD'] = sys.argv[1]; "
                "os.environ['LIBPROXYPROTO_CONFIG'] = sys.argv[2]; "
                "os.execv(sys.argv[3], sys.argv[3:])")
        calls = self.start(None, argv=[
            sys.executable, "-c", code, fixture.SERVER_LIBRARY, self.path,
            fixture.probe("calls")])
        port = calls.getsockname(INHERITED).address[1]
        return calls, port

    def test_inherited_listener(self):
        calls, port = self.inherit("trusted = 127.0.0.1")
        with fixture.connect(port, v1()):
            self.assertEqual(calls.accept(INHERITED).address,
                             ("192.0.2.1", 1111))
        with fixture.connect(port, v1(), source="127.0.0.2") as client:
            self.assertEqual(calls.accept(INHERITED).address,
                             client.getsockname())

    def test_inherited_listener_and_a_bad_file(self):
        calls, port = self.inherit(self.BAD)
        with fixture.connect(port, v1()):
            for call in "accept", "accept4":
                self.assertEqual(calls.do(call, INHERITED, 128, 0).outcome,
                                 (-1, "EINVAL"))
        self.assert_refused(calls, self.refusal())

    def stale(self, text):
        """An inherited listener on a number that was a UNIX socket's."""
        calls, port = self.inherit(text)
        path = os.path.join(self.directory, "socket")
        fd = calls.socket(socket.AF_UNIX)
        calls.ok("bind", fd, pack_unix(path))
        calls.ok("listen", fd, 1)
        os.unlink(path)
        calls.ok("dup2", INHERITED, fd)
        calls.ok("fcntl", fd, fcntl.F_SETFL, os.O_NONBLOCK)
        client = fixture.connect(port, v1())
        self.addCleanup(client.close)
        return calls, calls.accept(fd), client

    def test_a_number_that_was_a_unix_socket_s(self):
        for text, believed in ("trusted = 10.0.0.1", False), \
                ("version = 0\nmust_use_protocol_header = 1", False), \
                ("trusted = 127.0.0.1", True):
            with self.subTest(text):
                _, reply, client = self.stale(text)
                self.assertEqual(reply.address, ("192.0.2.1", 1111) if believed
                                 else client.getsockname())

    def test_a_number_that_was_a_unix_socket_s_and_a_bad_file(self):
        calls, reply, client = self.stale(self.BAD)
        self.assertTrue(calls.is_reset(reply.result))
        self.assertEqual(fixture.read_all(client), b"")
        self.assert_refused(calls, self.refusal())

    def test_errno_and_descriptors_are_kept(self):
        calls = self.begin("version = 1")
        fd = calls.bound()
        before = calls.descriptors()
        self.assertEqual(calls.do("listen", fd, 1).outcome, (0, "KEPT"))
        self.assertEqual(calls.descriptors(), before)

    def test_read_once(self):
        calls = self.begin("version = 0")
        listener = calls.listener(nonblocking=True)
        self.write("version = 3")
        self.assertEqual(self.outcome(calls, v1(), listener), "handed over")
        self.assertEqual(self.outcome(calls, v1()), "handed over")

    def opened(self, function, *arguments):
        """How often the file is opened meanwhile."""
        self.write("version = 3")
        calls = self.start(CONFIG=self.path)
        with Trace(calls.pid) as trace:
            function(calls, *arguments)
        return sum(self.path in line for line in trace.lines)

    def test_opened_by_the_first_listen_and_only_then(self):
        def listen(calls, times):
            for _ in range(times):
                self.outcome(calls, v1())
        self.assertEqual(self.opened(listen, 1), 1)
        self.assertEqual(self.opened(listen, 3), 1)

    def test_never_opened_without_an_internet_listener(self):
        def others(calls):
            path = os.path.join(self.directory, "socket")
            fd, reply = calls.accept_unix(path)
            self.assertGreaterEqual(reply.result, 0)
            calls.do("accept", 12345, 128)
            calls.do("getpeername", fd, 128)
            os.unlink(path)
        self.assertEqual(self.opened(others), 0)

    def test_nothing_is_opened_at_start(self):
        fixture.need("strace")
        self.write(self.BAD)
        log = os.path.join(self.directory, "log")
        subprocess.run(
            ["strace", "-f", "-o", log, "-E", "LD_PRELOAD="
             + fixture.SERVER_LIBRARY, "cat", "/dev/null"], check=True,
            env=fixture.environment(CONFIG=self.path))
        with open(log, encoding="utf-8", errors="replace") as lines:
            text = lines.read()
        self.assertIn("libproxyproto.so", text)
        self.assertNotRegex(text, r'\((AT_FDCWD, )?"[^"]*\.conf"')


class Threads(FileCase):
    """Threads whose first listen comes at once."""

    def check(self, text, expected, lines, *arguments):
        self.write(text)
        env = fixture.environment(fixture.SERVER_LIBRARY, CONFIG=self.path)
        for _ in range(50):
            result = subprocess.run(
                [fixture.probe("rush"), *arguments], env=env,
                capture_output=True, text=True, check=True,
                timeout=fixture.PATIENCE)
            self.assertEqual(result.stdout, expected + "\n")
            self.assertEqual(len(result.stderr.splitlines()), lines)

    def test_good(self):
        self.check("trusted = 10.0.0.0/8\nports = 1",
                   "listening 8 refused 0 more 0", 0)

    def test_bad(self):
        self.check("trusted = 10.0.0.1/8",
                   "listening 0 refused 8 more 0", 1)

    def test_cancelled(self):
        self.check("trusted = 10.0.0.0/8", "listening 8 refused 0 more 0", 0,
                   "cancelled")
        self.check("trusted = x", "listening 0 refused 8 more 0", 1,
                   "cancelled")


if __name__ == "__main__":
    fixture.main()
