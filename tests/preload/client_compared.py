# SPDX-License-Identifier: ISC
"""Clients under libproxyproto_connect.so beside the same without it.

What the calls return, with errno, is the same, and the server gets the same
bytes behind a header: one a connection, never two, never none.
"""
import functools
import os
import re
import socket
import subprocess
import unittest
import unittest.mock
from select import POLLERR, POLLHUP, POLLOUT

import fixture
from fixture import CLIENT_LIBRARY, namespaces, v1, v2
from fixture.client import ADDR, PORT, ROUGH

BACKLOG = 3
# connect waits for the connection and sends the header, or the rest, then.
WAITING = ({"rough": "PP_SLOW_OPEN"}, {"rough": "PP_OLD"}, {"SPLIT": 5},
           {"TLV": "noop=65000"})
AT_ONCE = ("once", "once_nonblocking", "refused", "refused_nonblocking",
           "refused_and_asked", "unreachable", "unreachable_nonblocking",
           "bound", "bound_nonblocking", "dissolved", "dissolved_nonblocking",
           "edges", "listens", "listens_nonblocking", "deferred",
           "deferred_nonblocking", "fast", "fast_nonblocking", "fast_errors",
           "forked", "forked_nonblocking", "vforked", "executed", "threads")
# The connection stands late.
LATE = ("again", "interrupted", "restarted", "timed_out",
        "timed_and_interrupted", "fast_and_late", "left", "by_handler")


class Compared(unittest.TestCase):
    @staticmethod
    @functools.cache
    def bare(run, way):
        """What it comes to without the library."""
        return run(way, False)

    def serve(self, host="127.0.0.1", backlog=512):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        server = socket.create_server((host, 0), family=family,
                                      backlog=backlog)
        server.settimeout(fixture.PATIENCE)
        self.addCleanup(server.close)
        return server

    def begin(self, server, way, under, rough=None, host=None, **settings):
        library = None
        if under:
            library = ROUGH if rough else CLIENT_LIBRARY
            settings = {"ADDR": ADDR, "PORT": PORT} | settings
        name = server.getsockname()
        with unittest.mock.patch.dict(os.environ, {rough: "1"} if rough
                                      else {}):
            program = fixture.Program(
                [fixture.probe("connecting"), host or name[0], str(name[1]),
                 way],
                fixture.environment(library, **(settings if under else {})))
        self.addCleanup(program.stop)
        return program

    def header(self, server, TLV="", VERSION=2, **_):
        header = (v1 if VERSION == 1 else v2)(
            ADDR, "127.0.0.1", PORT, server.getsockname()[1])
        if not TLV:
            return b"" if VERSION == 0 else header
        return fixture.v2_raw(block=header[16:] + b"\4\xfd\xe8" + bytes(65000))

    def read(self, server, program):
        """What each connection had, until the program has ended."""
        read = []
        server.settimeout(0.02)
        while True:
            # before, so that a connection made meanwhile is seen
            ended = program.process.poll() is not None
            try:
                connection = server.accept()[0]
            except TimeoutError:
                if ended:
                    break
                continue
            with connection:
                connection.settimeout(fixture.PATIENCE)
                read.append(fixture.read_all(connection))
        self.assertEqual(program.wait(), 0, program.output())
        return read

    def run_way(self, way, under, host=None, **settings):
        server = self.serve(host or "127.0.0.1")
        program = self.begin(server, way, under, **settings)
        read = self.read(server, program)
        if under:
            header = self.header(server, **settings)
            for data in read:
                self.assertEqual(data[:len(header)], header,
                                 program.output())
            read = [data[len(header):] for data in read]
        return program.lines, read

    def check(self, ways, **settings):
        for way in ways:
            with self.subTest(way, **settings):
                self.assertEqual(self.run_way(way, True, **settings),
                                 self.bare(self.run_way, way))


class AtOnce(Compared):
    def test_the_header_goes_along(self):
        self.check((*AT_ONCE, "shut_before"))

    def test_the_header_goes_behind_the_handshake(self):
        for settings in WAITING:
            # the kernel of rough.c refuses these to the program, too
            refused = ("deferred", "fast", "listens") if "rough" in settings \
                else ()
            self.check([way for way in AT_ONCE if not way.startswith(refused)],
                       **settings)

    def test_ipv6(self):
        fixture.need_ipv6()
        for way in "once", "once_nonblocking", "dissolved", "deferred":
            server = self.serve("::1")
            program = self.begin(server, way, True)
            header = v2("::ffff:c000:207", "::1", PORT,
                        server.getsockname()[1])
            self.assertIn(header + b"data", self.read(server, program))

    def test_a_connection_to_itself(self):
        """It gets its own header."""
        server = self.serve()
        bare = self.begin(server, "itself", False)
        under = self.begin(server, "itself", True)
        self.assertEqual([bare.wait(), under.wait()], [0, 0])
        self.assertEqual(under.lines, bare.lines)
        self.assertIn("data", bare.lines)


class Late(Compared):
    """A listener whose backlog is full answers nobody.

    When it is emptied the kernel tries again, a second after the first time,
    as it does where the path drops what comes with a SYN.
    """

    def run_late(self, way, under, **settings):
        server = self.serve(backlog=BACKLOG)
        fill = [fixture.connect(server.getsockname()[1])
                for _ in range(BACKLOG + 1)]
        program = self.begin(server, way, under, **settings)
        program.wait_line(self.until(way, settings))
        for client in fill:
            server.accept()[0].close()
            client.close()
        read = self.read(server, program)
        header = self.header(server, **settings) if under else b""
        for data in read:
            self.assertEqual(data[:len(header)], header, program.output())
        return program.lines, [data[len(header):] for data in read]

    @staticmethod
    def until(way, settings):
        """What the program prints before its connection has to stand."""
        if way in ("interrupted", "restarted", "timed_and_interrupted",
                   "left", "by_handler"):
            return "^signal$"
        waits = settings and "VERSION" not in settings
        return "^begin$" if waits else "^(again|connect|fast) E"

    def check_late(self, ways, **settings):
        for way in ways:
            with self.subTest(way, **settings):
                bare = self.bare(self.run_late, way)
                self.assertEqual(self.run_late(way, True, **settings), bare)
                self.assertNotEqual(bare[1], [])

    def test_the_header_goes_along(self):
        self.check_late(LATE)

    def test_the_header_goes_behind_the_handshake(self):
        for settings in WAITING:
            self.check_late(("interrupted", "restarted",
                             "timed_and_interrupted"), **settings)

    def test_connect_waits_with_what_goes_behind(self):
        """Longer than it may: the one thing that is not as without."""
        for settings in WAITING:
            for way in "again", "timed_out":
                with self.subTest(way, **settings):
                    lines, read = self.run_late(way, True, **settings)
                    self.assertEqual(read, [b"data"])
                    # where there was room before the program's time was over
                    if way == "timed_out" and "connect 0" in lines:
                        continue
                    self.assertEqual(lines[1:3],
                                     ["connect EINPROGRESS", "again 0"])


    def test_versions(self):
        for version in 0, 1:
            self.check_late(("again",), VERSION=version)

    def test_the_server_goes(self):
        """While it is connecting: an error is left for the program."""
        ran = []
        for under in False, True:
            server = self.serve(backlog=BACKLOG)
            for _ in range(BACKLOG + 1):
                self.addCleanup(
                    fixture.connect(server.getsockname()[1]).close)
            program = self.begin(server, "once_nonblocking", under)
            program.wait_line("^connect EINPROGRESS")
            server.close()
            self.assertEqual(program.wait(), 0)
            ran.append(program.lines)
        self.assertEqual(ran[0], ran[1])
        self.assertIn("error 111", ran[0])


class Cost(unittest.TestCase):
    def test_no_call_but_where_a_connection_begins(self):
        """Each hooked function is one system call, as without the library."""
        fixture.need("strace")

        def calls(library):
            script = ("import os, socket\n"
                      "a, b = socket.socketpair()\n"
                      "c = socket.socket(type=socket.SOCK_DGRAM)\n"
                      "c.bind(('127.0.0.1', 0))\n"
                      "os.getppid()\n"
                      "a.send(b'xy')\nb.recv(1)\n"
                      "c.sendto(b'x', c.getsockname())\n"
                      "a.sendmsg([b'x'])\n"
                      "os.getppid()\n")
            result = subprocess.run(
                ["strace", "-o", "/dev/stdout",
                 *(["-E", "LD_PRELOAD=" + library] if library else []),
                 "python3", "-c", script], env=fixture.environment(),
                stdout=subprocess.PIPE, check=True, text=True)
            names = re.findall(r"^(\w+)\(", result.stdout, re.M)
            first = names.index("getppid")
            return names[first:names.index("getppid", first + 1)]

        self.assertEqual(calls(CLIENT_LIBRARY), calls(None))
        self.assertIn("sendmsg", calls(CLIENT_LIBRARY))


class Networks(Compared):
    """What the network, or the kernel, does with it."""

    def setUp(self):
        self.pair = namespaces.Pair(self)

    def sysctl(self, name, value):
        with self.pair.client, open(f"/proc/sys/net/ipv4/{name}", "w",
                                    encoding="ascii") as file:
            file.write(str(value))

    def run_pair(self, way, under, host="10.77.0.1", **settings):
        with self.pair.server:
            server = self.serve("10.77.0.1")
        with self.pair.client:
            program = self.begin(server, way, under, host=host, **settings)
        read = self.read(server, program)
        header = v2(ADDR, "10.77.0.1", PORT, server.getsockname()[1])
        if under:
            for data in read:
                self.assertEqual(data[:len(header)], header)
            read = [data[len(header):] for data in read]
        return program.lines, read

    def check_pair(self, ways, **settings):
        for way in ways:
            with self.subTest(way, **settings):
                self.assertEqual(self.run_pair(way, True, **settings),
                                 self.run_pair(way, False, **settings))

    def test_fast_open_is_off(self):
        """tcp_fastopen without 1; both sides of it; for servers alone."""
        ways = ("once", "once_nonblocking", "dissolved", "refused",
                "dissolved_nonblocking", "refused_nonblocking", "unreachable",
                "fast_errors", "executed", "threads")
        for value in 0, 2:
            self.sysctl("tcp_fastopen", value)
            self.check_pair(ways)

    def test_the_header_leaves_with_the_syn(self):
        """And is taken with it by a server that takes it."""
        name = "/proc/sys/net/ipv4/tcp_fastopen"
        with self.pair.server, open(name, "w", encoding="ascii") as file:
            file.write(str(0x2 | 0x200 | 0x400))
        self.check_pair(("once", "once_nonblocking"))
        with self.pair.server, open("/proc/thread-self/net/netstat",
                                    encoding="ascii") as file:
            lines = [line.split() for line in file
                     if line.startswith("TcpExt:")]
        counts = dict(zip(*lines))
        self.assertEqual(counts["TCPFastOpenPassive"], "2")

    @staticmethod
    def without_haste(lines, read):
        """The kernel wakes the program for the error, and only then has it
        hung up and writable: whoever asks at once may miss the latter."""
        return [f"events {POLLOUT | POLLERR | POLLHUP}"
                if line == f"events {POLLERR}" else line
                for line in lines], read

    def test_nobody_is_at_the_address(self):
        """Told by the network while it connects; and no way there at all."""
        for host in "10.77.0.99", "10.78.0.1":
            for way in "once", "once_nonblocking":
                with self.subTest(host=host, way=way):
                    lines, read = self.run_pair(way, False, host=host)
                    self.assertEqual(
                        self.without_haste(*self.run_pair(way, True,
                                                          host=host)),
                        self.without_haste(lines, read))
                    self.assertRegex(" ".join(lines),
                                     "EHOSTUNREACH|ENETUNREACH|error 113")

    def drop_syns_with_data(self):
        """What the client sends goes to class 2, a SYN to class 1, which has
        no room for one that is longer than the options need."""
        for words in (
                ("qdisc", "root handle 1: htb default 2"),
                ("class", "parent 1: classid 1:1 htb rate 1mbit"),
                ("class", "parent 1: classid 1:2 htb rate 1gbit"),
                ("qdisc", "parent 1:1 handle 2: tbf rate 1mbit burst 90 "
                          "limit 10000"),
                ("filter", "parent 1: protocol ip u32 match ip protocol 6 "
                           "0xff match u8 0x02 0x12 at 33 classid 1:1")):
            with self.pair.client:
                result = subprocess.run(
                    ["tc", words[0], "add", "dev", "client",
                     *words[1].split()], capture_output=True, text=True,
                    check=False)
            if result.returncode:
                self.skipTest(f"tc: {result.stderr.strip()}")

    def dropped(self):
        with self.pair.client:
            text = subprocess.run(["tc", "-s", "qdisc", "show", "dev",
                                   "client"], check=True, text=True,
                                  capture_output=True).stdout
        return int(re.search(r"qdisc tbf.*?dropped (\d+)", text, re.S)[1])

    def test_a_path_that_drops_a_syn_with_data(self):
        """The kernel sends it again, a second later, without."""
        fixture.need("tc")
        self.drop_syns_with_data()
        for way in "once", "once_nonblocking":
            before = self.dropped()
            bare = self.run_pair(way, False)
            self.assertEqual(self.dropped(), before)
            self.assertEqual(self.run_pair(way, True), bare)
            self.assertEqual(self.dropped(), before + 1)


if __name__ == "__main__":
    fixture.main()
