# SPDX-License-Identifier: ISC
"""Settings from the environment: good, bad, and when they are looked at."""
import os
import shutil
import socket
import subprocess
import tempfile
import unittest

import fixture
from fixture import CLIENT_LIBRARY, SERVER_LIBRARY, allowed, v1, v2
from fixture.calls import Calls, CallsCase, pack_address

CLIENT = "192.0.2.1", 1111
BOOLEAN = "1, yes, true, on, 0, no, false, off or nothing"
SERVER = {
    "DEBUG": (BOOLEAN, ("2", "maybe", "yes ", " ", "-1", "o")),
    "MUST_USE_PROTOCOL_HEADER": (BOOLEAN, ("2", "truth", "ON!")),
    "VERSION": ("0 (off), 1, 2, 3 (both) or spp",
                ("4", "-1", "", "01", "1.0", "v1", " 1", "99999999999")),
    "TIMEOUT": ("seconds from 0.001 to 3600, with a fraction or without",
                ("0", "", "3600.001", "-1", "1e3", "0x10", "3s", "nan",
                 ".", "1,5", "99999999999999999999")),
    "CONFIG": ("an absolute path of up to 255 bytes",
               ("", "x.conf", "./x", "/" + "x" * 255)),
    "TRUSTED": ("addresses and networks, no bit set beyond the prefix length, "
                "as 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32, or everyone",
                ("", "10.0.0.1/8", "localhost", "fe80::1%lo")),
    "DESTINATION": ("header or socket", ("", "1", "sockets")),
    "IPV6_ON_IPV4": ("client or proxy", ("", "yes", "clients")),
    "UDP_CLIENTS": ("a number from 0 to 16777216",
                    ("16777217", "", "-1", "many")),
    "PORTS": ("ports from 1 to 65535 and ranges, as 22 or 8000-8099, or all",
              ("", "0", "65536", "9-8")),
}
CLIENT_SIDE = {
    "DEBUG": (BOOLEAN, ("2", "maybe")),
    "ADDR": ("a numeric IPv4 or IPv6 address or network, no bit set beyond "
             "the prefix length, as 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32",
             ("localhost", "", "192.0.2", "192.0.2.1:80", "[::1]",
              "fe80::1%lo", "256.0.0.1", "192.0.2.01")),
    "PORT": ("a port from 0 to 65535",
             ("65536", "-1", "", "http", "080", "8080 ", "0x50")),
    "VERSION": ("0 (none), 1, 2 or spp", ("3", "", "two", "-1")),
    "DEST_ADDR": ("a numeric IPv4 or IPv6 address, or actual",
                  ("here", "", "192.0.2.0/24")),
    "DEST_PORT": ("a port from 0 to 65535, or actual", ("65536", "", "any")),
    "COMMAND": ("PROXY or LOCAL", ("", "HEALTH", "1")),
    "CRC32C": (BOOLEAN, ("2", "maybe")),
    "RAW": (r"up to 65551 bytes as text, with the escapes \r, \n, \\ and "
            r"\xHH; or none", ("", r"\0", r"\xg0", "\\")),
    "SPLIT": ("bytes from 0 (all of them) to 65551", ("65552", "", "-1")),
    "DELAY": ("seconds from 0 to 3600, with a fraction or without",
              ("3601", "", "-1", "1s")),
    "TO": ("addresses and networks, with a port, a range or neither, as "
           "192.0.2.1:80, 10.0.0.0/8, [2001:db8::]/32:443 or *:8000-8099; or "
           "all", ("", "localhost:80", "80", "127.0.0.1:0", "[::1]80")),
}
# How a program does away with its environment, in python.
SCRUB = """
import ctypes, os, socket
libc = ctypes.CDLL(None)
environ = ctypes.POINTER(ctypes.c_void_p).in_dll(libc, "environ")
assert libc.getenv(b"LIBPROXYPROTO_VERSION")
"""
SCRUBBING = (
    "libc.clearenv()\n",
    "for name in os.environb:\n    libc.unsetenv(name)\n",
    # the strings themselves, as for a title
    """
at = 0
while string := environ[at]:
    string = ctypes.c_void_p(string)
    libc.memset(string, ord("x"), ctypes.c_size_t(libc.strlen(string)))
    at += 1
assert not libc.getenv(b"LIBPROXYPROTO_VERSION")
""")
TRUE = "1", "yes", "TRUE", "On"
FALSE = "0", "no", "False", "OFF", ""


def message(library, name, value, allowed):
    return (f'{library}: LIBPROXYPROTO_{name}="{value[:80]}" is not valid: '
            f"it takes {allowed}")


class Bad(CallsCase):
    """One line, then EINVAL, and the program goes on."""

    def told(self, calls):
        """What was written besides the answers to calls."""
        return [line for line in calls.lines if " = " not in line]

    def check_server(self, expected, **settings):
        calls = self.start(**settings)
        listeners = [calls.socket(), calls.socket(socket.AF_INET6)]
        self.assertEqual(self.told(calls), [])
        for _ in range(2):
            for fd in listeners:
                self.assertEqual(calls.do("listen", fd, 8).outcome,
                                 (-1, "EINVAL"))
                self.assertEqual(calls.accept(fd).outcome, (-1, "EINVAL"))
        self.assertEqual(self.told(calls), [expected])

    def check_client(self, expected, **settings):
        with socket.create_server(("127.0.0.1", 0)) as server:
            name = pack_address("127.0.0.1", server.getsockname()[1])
            calls = self.start(CLIENT_LIBRARY, **settings)
            for _ in range(2):
                self.assertEqual(
                    calls.do("connect", calls.socket(), name).outcome,
                    (-1, "EINVAL"))
            self.assertEqual(self.told(calls), [expected])
            server.setblocking(False)
            with self.assertRaises(BlockingIOError):
                server.accept()

    def test_server(self):
        for name, (allowed, values) in SERVER.items():
            for value in values:
                with self.subTest(name=name, value=value):
                    self.check_server(message("libproxyproto", name, value,
                                              allowed), **{name: value})

    def test_original_bad_address_or_version_silently_sends_nothing(self):
        for name, (allowed, values) in CLIENT_SIDE.items():
            for value in values:
                with self.subTest(name=name, value=value):
                    self.check_client(
                        message("libproxyproto_connect", name, value,
                                allowed), **{name: value})

    def test_first_of_two(self):
        """The one that is first in the environment."""
        bad = [("VERSION", "7"), ("TIMEOUT", "soon")]
        for first, second in (bad, bad[::-1]):
            self.check_server(message("libproxyproto", *first,
                                      SERVER[first[0]][0]),
                              **dict((first, second)))
        bad = [("VERSION", "7"), ("ADDR", "here")]
        for first, second in (bad, bad[::-1]):
            self.check_client(message("libproxyproto_connect", *first,
                                      CLIENT_SIDE[first[0]][0]),
                              **dict((first, second)))

    def test_bad_beside_switched_off(self):
        """VERSION=0 does not hide that something else is wrong."""
        self.check_server(message("libproxyproto", "TIMEOUT", "soon",
                                  SERVER["TIMEOUT"][0]),
                          VERSION=0, TIMEOUT="soon")
        self.check_client(message("libproxyproto_connect", "ADDR", "here",
                                  CLIENT_SIDE["ADDR"][0]),
                          VERSION=0, ADDR="here")

    def test_a_value_is_one_line_however_it_looks(self):
        calls = self.start(VERSION="1\n2\t\x1b[31m" + "9" * 300)
        calls.do("listen", calls.socket(), 8)
        told = self.told(calls)
        self.assertEqual(len(told), 1)
        self.assertIn('VERSION="1?2??[31m999', told[0])
        self.assertTrue(told[0].endswith("3 (both) or spp"))

    def test_others_are_not_disturbed(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "socket")
            calls = self.start(VERSION="bad")
            self.assertGreater(calls.accept_unix(path)[1].result, 0)
            self.assertEqual(self.told(calls), [])
            calls = self.start(CLIENT_LIBRARY, VERSION="bad")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
                server.bind(("127.0.0.1", 0))
                name = pack_address(*server.getsockname())
                datagram = calls.socket(kind=socket.SOCK_DGRAM)
                calls.ok("connect", datagram, name)
            self.assertEqual(self.told(calls), [])

    def test_programs_that_never_listen_or_connect(self):
        for library in (SERVER_LIBRARY, CLIENT_LIBRARY):
            done = subprocess.run(
                ["sh", "-c", "echo hello; ls / | head -1 >/dev/null; exit 3"],
                env=fixture.environment(library, VERSION="bad", DEBUG="bad"),
                capture_output=True, timeout=fixture.PATIENCE)
            self.assertEqual((done.returncode, done.stdout, done.stderr),
                             (3, b"hello\n", b""))

    def test_names_that_are_no_setting(self):
        """A slip opens no door; the message names what was meant."""
        for name, nearest in (("TRUST", "TRUSTED"), ("trusted", "TRUSTED"),
                              ("VERSIONS", "VERSION"), ("ADDRESS", "ADDR")):
            text = (f": LIBPROXYPROTO_{name} is not a setting: the nearest "
                    f"one is LIBPROXYPROTO_{nearest}")
            with self.subTest(name):
                self.check_server("libproxyproto" + text, **{name: "1"})
                self.check_client("libproxyproto_connect" + text,
                                  **{name: "1"})

    def test_first_of_a_bad_name_and_a_bad_value(self):
        bad = {"TRUST": "10.0.0.1", "VERSION": "7"}
        self.check_server("libproxyproto: LIBPROXYPROTO_TRUST is not a "
                          "setting: the nearest one is LIBPROXYPROTO_TRUSTED",
                          **bad)
        self.check_server(message("libproxyproto", "VERSION", "7",
                                  SERVER["VERSION"][0]),
                          **dict(reversed(bad.items())))

    def test_each_library_knows_the_other_s_settings(self):
        """Whatever they are, they are none of its business."""
        calls = self.start(ADDR="here", RAW="", DEST_PORT="any")
        calls.listener()
        self.assertEqual(self.told(calls), [])
        calls = self.start(CLIENT_LIBRARY, TRUSTED="", TIMEOUT="soon",
                           INETD="maybe")
        with socket.create_server(("127.0.0.1", 0)) as server:
            calls.ok("connect", calls.socket(),
                     pack_address(*server.getsockname()))
        self.assertEqual(self.told(calls), [])


class Good(CallsCase):
    def test_booleans(self):
        for value in TRUE + FALSE:
            calls = self.start(MUST_USE_PROTOCOL_HEADER=value)
            listener = calls.listener()
            self.client(listener, b"bare")
            client = self.client(listener, v1())
            reply = calls.accept(listener.fd)
            self.assertEqual(reply.address == CLIENT, value in TRUE, value)
            client.close()


class Scrubbed(CallsCase):
    """A daemon that does away with its environment keeps its settings."""

    def run_each(self, library, script, **settings):
        """Programs that do it, each in its way, and then the script."""
        for way in SCRUBBING:
            with fixture.Program(
                    ["python3", "-c", SCRUB + way + script],
                    fixture.environment(library, **settings)) as program:
                yield program

    def test_server(self):
        script = ("s = socket.create_server(('127.0.0.1', 0))\n"
                  "print('port', s.getsockname()[1], flush=True)\n"
                  "print(s.accept()[1], flush=True)\n")
        for program in self.run_each(SERVER_LIBRARY, script, VERSION=2,
                                     MUST_USE_PROTOCOL_HEADER=1):
            port = int(program.wait_line(r"port (\d+)")[1])
            with fixture.connect(port, v1()) as bad:
                self.assertEqual(fixture.read_all(bad), b"")
            with fixture.connect(port, v2()):
                program.wait_line(r"'192\.0\.2\.1', 1111")

    def test_client(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(fixture.PATIENCE)
            port = server.getsockname()[1]
            script = f"socket.create_connection(('127.0.0.1', {port}))\n"
            for program in self.run_each(CLIENT_LIBRARY, script, VERSION=1,
                                         ADDR=CLIENT[0], PORT=CLIENT[1]):
                connection, _ = server.accept()
                with connection:
                    self.assertEqual(
                        fixture.read_all(connection),
                        v1(destination="127.0.0.1", destination_port=port))
                self.assertEqual(program.wait(), 0, program.output())


class Privileged(unittest.TestCase):
    """Whoever runs a setuid program does not steer what it believes."""

    def setUp(self):
        if os.getuid() != 0:
            self.skipTest("needs root to make a setuid program")
        fixture.need("setpriv", "cc")
        self.folder = fixture.folder(self.addCleanup)
        os.chmod(self.folder, 0o755)
        if os.statvfs(self.folder).f_flag & os.ST_NOSUID:
            self.skipTest(f"{self.folder} is mounted nosuid")
        with open("/proc/self/status", encoding="ascii") as status:
            if "NoNewPrivs:\t1" in status.read():
                self.skipTest("setuid programs gain no privileges here")

    def start(self, library, **settings):
        """The program, linked: the loader leaves LD_PRELOAD out."""
        name = os.path.basename(library) + ".0"
        program = os.path.join(self.folder, "calls")
        shutil.copy(library, os.path.join(self.folder, name))
        subprocess.run(
            ["cc", "-pthread", "-o", program,
             os.path.join(os.environ.get("PP_SRCDIR", "."),
                          "tests/preload/calls.c"),
             "-Wl,--no-as-needed", os.path.join(self.folder, name),
             "-Wl,-rpath," + self.folder], check=True)
        os.chmod(program, 0o4755)
        calls = Calls(argv=["setpriv", "--reuid", "65534", "--regid", "65534",
                            "--clear-groups", program], **settings)
        self.addCleanup(calls.stop)
        calls.socket()
        self.assertIn(name, allowed.maps_of(calls.pid))
        return calls

    def test_environment_is_ignored(self):
        calls = self.start(SERVER_LIBRARY, VERSION="bad", DEBUG=1)
        listener = calls.listener()
        with listener.connect(v1()):
            self.assertEqual(calls.accept(listener.fd).address, CLIENT)
        self.assertNotIn("libproxyproto", calls.output())

    def test_a_client_s_too(self):
        calls = self.start(CLIENT_LIBRARY, ADDR="bad", VERSION=1, DEBUG=1)
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            calls.ok("connect", calls.socket(),
                     pack_address("127.0.0.1", port))
            calls.stop()
            connection, _ = server.accept()
            with connection:
                self.assertEqual(
                    fixture.read_all(connection),
                    v2("127.0.0.1", "127.0.0.1", 8080, port))
        self.assertNotIn("libproxyproto", calls.output())


if __name__ == "__main__":
    fixture.main()
