# SPDX-License-Identifier: ISC
"""The settings file: who reads it, when, and what a bad one does."""
import fcntl
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile

import fixture
from fixture import manual, v1, v2
from fixture.calls import CallsCase, pack_unix
from fixture.trace import Trace

VALID_TIMEOUT = "seconds from 0.001 to 3600, with a fraction or without"
NOBODY = "65534:65534"
# A descriptor that nothing else has.
INHERITED = 9


class FileCase(CallsCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.path = os.path.join(self.directory, "a settings file.conf")

    def write(self, text, path=None):
        with open(path or self.path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())

    def begin(self, text, argv=None, **settings):
        """The program with a file of this text."""
        self.write(text)
        return self.start(argv=argv, CONFIG=self.path, **settings)

    def outcome(self, calls, sent, listener=None):
        """
        What becomes of a client that sends this and ends: believed, handed
        over, or dropped.
        """
        listener = listener or calls.listener(nonblocking=True)
        client = self.client(listener, sent)
        client.shutdown(socket.SHUT_WR)
        reply = calls.accept(listener.fd)
        if reply.result < 0:
            self.assertEqual(reply.outcome, (-1, "EAGAIN"))
            return "dropped"
        if reply.address == client.getsockname():
            self.assertEqual(calls.receive_all(reply.result), sent)
            return "handed over"
        self.assertEqual(reply.address, ("192.0.2.1", 1111))
        return "believed"

    def assert_refused(self, calls, message):
        """listen fails on internet sockets, and one line says why."""
        for family in socket.AF_INET, socket.AF_INET6, socket.AF_INET:
            fd = calls.socket(family)
            self.assertEqual(calls.do("listen", fd, 1).outcome,
                             (-1, "EINVAL"))
        lines = [line for line in calls.output().split("\n")
                 if line.startswith("libproxyproto")]
        self.assertEqual(lines, ["libproxyproto: " + message])


class Precedence(FileCase):
    """Environment, section, top of the file, default."""

    def check(self, text, expected, sent=v1(), **settings):
        with self.subTest(text, **settings):
            self.assertEqual(
                self.outcome(self.begin(text, **settings), sent), expected)

    def test_default(self):
        self.check("", "believed")
        self.check("# nothing\n\n", "believed")
        self.check("[other]\nversion = 0\n", "believed")

    def test_top(self):
        self.check("version = 0", "handed over")
        self.check("version = 2", "handed over")
        self.check("version = 2", "believed", v2())
        self.check("must_use_protocol_header = on", "dropped", b"hello")
        self.check("trusted = 127.0.0.2", "handed over")
        self.check("trusted = 10.0.0.0/8, 127.0.0.1", "believed")
        self.check("ports = 1", "handed over")
        self.check("ports = 1-65535", "believed")

    def test_section_beats_top(self):
        self.check("version = 0\n[calls]\nversion = 3\n", "believed")
        self.check("trusted = 127.0.0.1\n[calls]\ntrusted = 10.0.0.1\n",
                   "handed over")
        self.check("trusted = 10.0.0.1\n[calls]\ntrusted = everyone\n",
                   "believed")
        self.check("ports = 1\n[calls]\nports = all\n", "believed")

    def test_later_section_beats_earlier(self):
        self.check("[calls]\nversion = 0\n[c*]\nversion = 3\n", "believed")
        self.check("[c*]\nversion = 3\n[calls]\nversion = 0\n",
                   "handed over")

    def test_environment_beats_section(self):
        text = "version = 0\n[calls]\nversion = 0\ntrusted = 10.0.0.1\n"
        self.check(text, "believed", VERSION=3, TRUSTED="127.0.0.1")
        self.check(text, "handed over", VERSION=3)
        self.check("[calls]\nversion = 3", "handed over", VERSION=0)

    def test_each_name_on_its_own(self):
        self.check("version = 2\n[calls]\nmust_use_protocol_header = 1\n",
                   "dropped", v1())
        self.check("version = 2\n[calls]\nmust_use_protocol_header = 1\n",
                   "believed", v2())

    def test_timeout(self):
        calls = self.begin("timeout = 3600\n[calls]\ntimeout = 0.05\n")
        listener = calls.listener()
        client = self.client(listener)
        self.assertEqual(calls.accept(listener.fd).address,
                         client.getsockname())

    def test_debug(self):
        calls = self.begin("debug = yes")
        self.assertEqual(self.outcome(calls, v1()), "believed")
        calls.wait_line("^libproxyproto: accept: fd .*: v1 PROXY header")

    def test_spelling(self):
        self.check("\r\n Must_Use_Protocol_Header=YES # why\r\n", "dropped",
                   b"hello")
        self.check("[ other  c?lls, third ] # three\n\tversion\t=\t0\n",
                   "handed over")
        self.check("\ufeffversion = 0\n", "handed over")
        self.check("\ufeff# all\r\nversion = 0\r\n", "handed over")
        self.check("trusted=" + " ,".join(f"10.0.{i // 256}.{i % 256}"
                                          for i in range(1000))
                   + ", 127.0.0.0/8", "believed")


class Sections(FileCase):
    """What a program is called."""

    TEXT = "version = 0\n[sshd my-daemon]\nversion = 3\n"

    def check(self, argv, expected):
        calls = self.begin(self.TEXT, argv=argv)
        self.assertEqual(self.outcome(calls, v1()), expected)

    def test_link(self):
        link = os.path.join(self.directory, "sshd")
        os.symlink(fixture.probe("calls"), link)
        self.check([link], "believed")
        self.check([fixture.probe("calls")], "handed over")

    def test_script(self):
        script = os.path.join(self.directory, "my-daemon")
        # a link, as the line must be short and have no blanks
        interpreter = os.path.join(self.directory, "x")
        os.symlink(fixture.probe("calls"), interpreter)
        self.write(f"#!{interpreter}\n", script)
        os.chmod(script, 0o755)
        self.check([script], "believed")

    def test_other_argument_0(self):
        code = "import os, sys; os.execv(sys.argv[1], ['sshd'])"
        self.check([sys.executable, "-c", code, fixture.probe("calls")],
                   "handed over")

    def test_descriptor(self):
        """There is no name but the argument that the program goes by."""
        code = ("import os, sys; os.execve(os.open(sys.argv[1], 0), "
                "['/x/sshd'], os.environ)")
        self.check([sys.executable, "-c", code, fixture.probe("calls")],
                   "believed")


class Documents(FileCase):
    """What they show as a settings file is one."""

    def setUp(self):
        super().setUp()
        self.text = self.document("doc/libproxyproto.conf.example")

    @staticmethod
    def document(name):
        with open(f"{os.environ['PP_SRCDIR']}/{name}",
                  encoding="utf-8") as file:
            return file.read()

    def check_valid(self, text):
        """It is one, in which the program that comes first has a proxy."""
        name = re.search(r"\[([\w-]+)", text).group(1)
        link = os.path.join(self.directory, name)
        if not os.path.exists(link):
            os.symlink(fixture.probe("calls"), link)
        calls = self.begin(text, argv=[link])
        self.assertEqual(self.outcome(calls, v1()), "handed over")
        calls = self.begin(text.replace("192.0.2.10", "127.0.0.1"),
                           argv=[link], PORTS="all")
        self.assertEqual(self.outcome(calls, v1()), "believed")

    def test_readme(self):
        block = re.search(r"^# SETTINGS FILE$(?:\n(?! ).*)+\n((?: .*\n|\n)+)",
                          self.document("README"), re.M).group(1)
        self.check_valid(block)

    def test_manual_page(self):
        blocks = re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed",
                            self.document("man/libproxyproto.conf.5.in"),
                            re.M | re.S)
        blocks = [block for block in blocks if "trusted" in block]
        self.assertEqual(len(blocks), 6)
        for block in blocks:
            self.check_valid(block)

    def test_as_it_is(self):
        self.assertEqual(self.outcome(self.begin(self.text), v1()),
                         "believed")

    def test_all_of_it(self):
        text = re.sub(r"^#(?=\w|\[)", "", self.text, flags=re.M)
        self.assertEqual(self.outcome(self.begin(text), v1()), "handed over")
        text = text.replace("my-daemon", "calls")
        self.assertEqual(self.outcome(self.begin(text), v2()), "believed")


class Errors(FileCase):
    def check(self, text, message):
        with self.subTest(text):
            calls = self.begin(text)
            self.assert_refused(calls, self.path + message)

    def test_lines(self):
        self.check("timeout = abc\n",
                   f':1: timeout = "abc" is not valid: it takes '
                   f"{VALID_TIMEOUT}")
        self.check("\n# x\n[other]\nports = 22 http 80",
                   ':4: ports with "http" is not valid: it takes ports from 1 '
                   "to 65535 and ranges, as 22 or 8000-8099, or all")
        self.check("trustd = 10.0.0.1",
                   ':1: "trustd" is not a setting: there are debug, '
                   "must_use_protocol_header, version, trusted, ports, "
                   "timeout")
        self.check("[calls\n", ':1: "[calls" is not valid: it takes [program]')
        self.check(b"version = 3\n\0", ":2: has a NUL byte: it takes text")

    def test_sections(self):
        for name in ("/usr/sbin/calls", ".", "calls]", "[calls", "[s-c]alls",
                     "calls\\", "call\1s", "c" * 256):
            self.check(f"[{name}]\nversion = 3\n",
                       f':1: "{name[:80]}" is not valid: a section takes '
                       "names of programs, without a directory, or shell "
                       "patterns".replace("\1", "?"))

    def test_environment_first(self):
        calls = self.begin("timeout = abc", TIMEOUT="def")
        self.assert_refused(calls, 'LIBPROXYPROTO_TIMEOUT="def" is not valid: '
                            f"it takes {VALID_TIMEOUT}")

    def test_version_0_in_the_environment(self):
        calls = self.begin("timeout = abc", VERSION=0)
        self.assert_refused(calls, f'{self.path}:1: timeout = "abc" is not '
                            f"valid: it takes {VALID_TIMEOUT}")

    def test_largest(self):
        mebibyte = 1 << 20
        calls = self.begin("#" * (mebibyte - 12) + "\nversion = 0")
        self.assertEqual(self.outcome(calls, v1()), "handed over")
        self.check("#" * (mebibyte + 1), ": cannot be read: File too large: "
                   "it takes a regular file of up to 1048576 bytes")

    def assert_no_file(self, path, message):
        self.assert_refused(self.start(CONFIG=path), f"{path}: {message}")

    def test_not_a_regular_file(self):
        message = ("cannot be read: Invalid argument: it takes a regular file "
                   "of up to 1048576 bytes")
        fifo = os.path.join(self.directory, "fifo")
        os.mkfifo(fifo)
        for path in self.directory, fifo, "/dev/null", "/dev/zero":
            with self.subTest(path):
                self.assert_no_file(path, message)

    def test_not_there(self):
        self.assert_no_file(self.path,
                            "cannot be opened: No such file or directory")
        self.assert_no_file("/dev/null/x", "cannot be opened: Not a directory")

    def test_link(self):
        self.write("version = 0")
        link = os.path.join(self.directory, "link")
        os.symlink(self.path, link)
        calls = self.start(CONFIG=link)
        self.assertEqual(self.outcome(calls, v1()), "handed over")


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


class Environment(FileCase):
    """Bad values of the variables that came with TRUSTED."""

    def check(self, name, value, message):
        with self.subTest(name, value=value):
            self.assert_refused(self.start(**{name: value}),
                                f"LIBPROXYPROTO_{name}{message}")

    def test_config(self):
        allowed = " is not valid: it takes an absolute path of up to 255 bytes"
        for value in "", "x.conf", "./x", "/" + "x" * 255:
            self.check("CONFIG", value, f'="{value[:80]}"' + allowed)

    def test_trusted(self):
        allowed = (" is not valid: it takes addresses and networks, no bit "
                   "set beyond the prefix length, as 192.0.2.1, 10.0.0.0/8 or "
                   "2001:db8::/32, or everyone")
        for value in "", "10.0.0.1/8", "localhost", "fe80::1%lo":
            self.check("TRUSTED", value, f'="{value}"' + allowed)
        self.check("TRUSTED", "::1, 10.0.0.1/8 x",
                   ' with "10.0.0.1/8"' + allowed)

    def test_ports(self):
        allowed = (" is not valid: it takes ports from 1 to 65535 and ranges, "
                   "as 22 or 8000-8099, or all")
        for value in "", "0", "65536", "9-8":
            self.check("PORTS", value, f'="{value}"' + allowed)
        self.check("PORTS", "22,9-8,80", ' with "9-8"' + allowed)

    def test_names_that_are_no_setting(self):
        for name in "TRUSTD", "trusted", "TRUST":
            with self.subTest(name):
                self.assert_refused(
                    self.begin("", **{name: "10.0.0.1"}),
                    f"LIBPROXYPROTO_{name} is not a setting: the nearest one "
                    "is LIBPROXYPROTO_TRUSTED")


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
        fd = calls.socket(socket.AF_UNIX)
        calls.ok("bind", fd, pack_unix(path))
        calls.ok("listen", fd, 1)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            self.assertGreaterEqual(calls.accept(fd).result, 0)
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
            fd = calls.socket(socket.AF_UNIX)
            calls.ok("bind", fd, pack_unix(path))
            calls.ok("listen", fd, 1)
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(path)
                calls.ok("accept", fd, 128)
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


class Root(FileCase):
    """
    The file where the library looks for it by itself, in a root directory of
    the test's own. There is nothing in it but the programs and what they load.
    """

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("needs root for chroot")
        self.root = os.path.join(self.directory, "root")
        self.default = manual.settings_file(fixture.SERVER_LIBRARY)
        self.path = self.inside(self.default)
        os.makedirs(os.path.dirname(self.path))
        os.chmod(self.directory, 0o755)
        for program in "calls", "linked_calls":
            self.install(fixture.probe(program), fixture.SERVER_LIBRARY)

    def inside(self, path):
        return self.root + path

    def install(self, *paths):
        """Copies files, and the libraries they need, to where they are."""
        needed = subprocess.check_output(["ldd", *paths], text=True)
        for path in set(re.findall(r"(/\S+) \(0x", needed)) | set(paths):
            os.makedirs(os.path.dirname(self.inside(path)), exist_ok=True)
            shutil.copy(path, self.inside(path))

    def run_inside(self, program, *chroot, library=fixture.SERVER_LIBRARY,
                   **settings):
        return self.start(library, ["chroot", *chroot, self.root, program],
                          **settings)

    def calls(self, *chroot, **settings):
        return self.run_inside(fixture.probe("calls"), *chroot, **settings)

    def test_default_path(self):
        self.write("trusted = 10.0.0.1\n")
        self.assertEqual(self.outcome(self.calls(), v1()), "handed over")

    def test_no_file(self):
        calls = self.calls()
        fd = calls.bound()
        self.assertEqual(calls.do("listen", fd, 1).outcome, (0, "KEPT"))
        self.assertEqual(self.outcome(calls, v1()), "believed")

    def test_no_directory(self):
        directory = os.path.dirname(self.path)
        os.rmdir(directory)
        self.write("", directory)
        self.assertEqual(self.outcome(self.calls(), v1()), "believed")

    def test_bad_file(self):
        self.write("timeout = abc")
        self.assert_refused(
            self.calls(), f'{self.default}:1: timeout = "abc" is not valid: '
            f"it takes {VALID_TIMEOUT}")

    def jailed(self, text):
        """The program with this file, in a root directory below its own."""
        self.write(text)
        os.mkdir(self.inside("/jail"))
        calls = self.calls()
        self.assertEqual(calls.do("chroot", "/jail").outcome, (0, "KEPT"))
        return calls

    def test_chroot_before_the_first_listen(self):
        self.assertEqual(
            self.outcome(self.jailed("trusted = 10.0.0.1"), v1()),
            "handed over")

    def test_chroot_and_a_bad_file(self):
        calls = self.jailed("timeout = abc")
        self.assertNotIn("libproxyproto", calls.output())
        self.assert_refused(
            calls, f'{self.default}:1: timeout = "abc" is not valid: it takes '
            f"{VALID_TIMEOUT}")

    def test_another_path_instead(self):
        self.write("version = 0")
        self.write("version = 3", self.inside("/other.conf"))
        calls = self.calls(CONFIG="/other.conf")
        self.assertEqual(self.outcome(calls, v1()), "believed")

    def test_naming_the_default_path(self):
        """What is named must be there."""
        self.assert_refused(
            self.calls(CONFIG=self.default),
            f"{self.default}: cannot be opened: No such file or directory")

    def test_unreadable(self):
        self.write("version = 0")
        os.chmod(self.path, 0o600)
        self.assert_refused(
            self.calls("--userspec=" + NOBODY),
            f"{self.default}: cannot be opened: Permission denied")

    def secure(self, name, text, **settings):
        """A set-user-ID program that nobody starts by this name."""
        if os.statvfs(self.root).f_flag & os.ST_NOSUID:
            self.skipTest(f"{self.root} is mounted nosuid")
        self.write(text)
        program = self.inside("/real-name")
        shutil.copy(fixture.probe("linked_calls"), program)
        os.chmod(program, 0o4755)
        if name != "real-name":
            os.symlink("/real-name", self.inside("/" + name))
        return self.run_inside("/" + name, "--userspec=" + NOBODY,
                               library=None, **settings)

    def test_secure_takes_the_default_path(self):
        self.write("nonsense", self.inside("/bad.conf"))
        calls = self.secure("real-name", "trusted = 10.0.0.1",
                            CONFIG="/bad.conf", TRUSTED="127.0.0.1")
        self.assertEqual(self.outcome(calls, v1()), "handed over")

    def test_not_secure_takes_the_environment(self):
        """The same, but not set-user-ID: or the test above shows nothing."""
        self.write("trusted = 10.0.0.1")
        calls = self.run_inside(fixture.probe("linked_calls"), library=None,
                                TRUSTED="127.0.0.1")
        self.assertEqual(self.outcome(calls, v1()), "believed")

    def test_secure_program_is_not_what_its_caller_calls_it(self):
        # /proc as it would be
        os.makedirs(self.inside("/proc/self"))
        os.symlink("/real-name", self.inside("/proc/self/exe"))
        text = ("trusted = 10.0.0.1\n[real-name]\ntrusted = 127.0.0.2\n"
                "[liar]\ntrusted = everyone\n")
        calls = self.secure("liar", text)
        listener = calls.listener(nonblocking=True)
        self.assertEqual(self.outcome(calls, v1(), listener), "handed over")
        with fixture.connect(listener.port, v1(), source="127.0.0.2"):
            self.assertEqual(calls.accept(listener.fd).address,
                             ("192.0.2.1", 1111))

    def test_secure_program_without_a_name(self):
        calls = self.secure("liar", "trusted = 10.0.0.1\n"
                            "[liar]\ntrusted = everyone\n")
        self.assertEqual(self.outcome(calls, v1()), "handed over")


if __name__ == "__main__":
    fixture.main()
