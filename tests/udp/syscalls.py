# SPDX-License-Identifier: ISC
"""What a datagram costs, in system calls: as many as bare, by strace."""
import re
import socket
import tempfile
import unittest

import fixture
from fixture.udp import Shapes, call, sender, udp

ROUNDS = 5
# the same call of the kernel's, but for who sent it
SAME = {"read": "recvfrom", "readv": "recvfrom", "write": "sendto",
        "writev": "sendmsg"}
CLIENT = "192.0.2.1", 1111


class Traced(Shapes):
    """The probe under strace, with the library or bare."""

    def __init__(self, bare, **settings):
        fixture.need("strace")
        self._file = tempfile.NamedTemporaryFile("r")
        self._read_to = 0
        self.header = b"" if bare else udp(*CLIENT)
        super().__init__(library=None if bare else fixture.UDP_LIBRARY,
                         trace=self._file.name, **settings)

    def calls(self):
        """Of its socket since the last time, in their order."""
        self.ask("ready")
        with open(self._file.name, encoding="ascii", errors="replace") as file:
            lines = file.read().splitlines()
        lines, self._read_to = lines[self._read_to:], len(lines)
        # what reads our lines and answers them, and what asked "ready"
        names = [re.match(r"(\w+)\((?![01],)", line) for line in lines]
        names = [name[1] for name in names if name]
        self.assert_polled(names.pop())
        return names

    @staticmethod
    def assert_polled(name):
        if name not in ("poll", "ppoll"):
            raise AssertionError(name)

    def __exit__(self, *words):
        super().__exit__(*words)
        self._file.close()


class Datagram(unittest.TestCase):
    def count(self, bare, script, **settings):
        with Traced(bare, **settings) as shapes, sender() as proxy:
            # the first ones make tables, and ask what the socket is
            for _ in range(2):
                script(shapes, proxy)
            shapes.calls()
            for _ in range(ROUNDS):
                script(shapes, proxy)
            return shapes.calls()

    def check(self, script, *expected, **settings):
        """The calls of the script bare, and no others with the library."""
        bare = self.count(True, script)
        self.assertEqual(bare, list(expected) * ROUNDS)
        self.assertEqual(
            [SAME.get(name, name) for name in
             self.count(False, script, **settings)],
            [SAME.get(name, name) for name in bare])

    def check_both(self, way, *expected, sizes="100", **call_options):
        """With a header; and without the library believing any."""
        def script(shapes, proxy):
            shapes.send(proxy, shapes.header + b"hello")
            line = shapes.ask(call(way, sizes, **call_options))
            self.assertNotIn("result=-1", line)
        self.check(script, *expected)
        self.check(script, *expected, TRUSTED="192.0.2.0/24")

    def test_receiving(self):
        for way in "recvfrom", "recvmsg", "recvmmsg", "read", "readv":
            with self.subTest(way):
                self.check_both(way, way)
        with self.subTest("recv"):
            self.check_both("recv", "recvfrom")

    def test_receiving_in_other_shapes(self):
        """Shown, cut off, in parts, without a sender, ancillary data."""
        for options in ({"flags": socket.MSG_TRUNC}, {"sizes": "3"},
                        {"sizes": "2,1,0,50"}, {"name": -1},
                        {"control": 300}):
            for way in "recvmsg", "recvmmsg":
                with self.subTest(way=way, **options):
                    self.check_both(way, way, **options)

        def script(shapes, proxy):
            shapes.send(proxy, shapes.header + b"hello")
            for flags in socket.MSG_PEEK, 0:
                shapes.ask(call("recvfrom", flags=flags))
        self.check(script, "recvfrom", "recvfrom")

    def test_many_at_once(self):
        def script(shapes, proxy):
            for _ in range(60):
                shapes.send(proxy, shapes.header + b"hello")
            shapes.ask(call("recvmmsg", count=60))
        self.check(script, "recvmmsg")

    def test_nothing_there(self):
        for way in "recvfrom", "recvmsg", "recvmmsg":
            def script(shapes, _, way=way):
                shapes.ask(call(way, flags=socket.MSG_DONTWAIT))
            self.check(script, way)

    def check_answer(self, give, *expected):
        def script(shapes, proxy):
            shapes.send(proxy, shapes.header + b"hello")
            shapes.ask(call("recvfrom"))
            to = CLIENT if shapes.header else proxy.getsockname()
            self.assertNotIn("-1", shapes.ask(give + " %s %d" % to))
            proxy.recv(99)
        self.check(script, "recvfrom", *expected)

    def test_sending(self):
        for way in "sendto", "sendmsg":
            self.check_answer(f"give {way} 5", way)
        self.check_answer("sendmany 60", "sendmmsg")

    def test_connected(self):
        """Connected to a client, and then received and sent by."""
        def script(shapes, proxy, way):
            to = CLIENT if shapes.header else proxy.getsockname()
            shapes.send(proxy, shapes.header + b"hello")
            shapes.ask(call("read"))
            if way is not None:
                self.assertEqual(shapes.ask("give %s 5 %s %d" % (way, *to)),
                                 "give: 5 0")
                return
            self.assertEqual(shapes.ask("connect %s %d" % to), "connect: 0")
        for way, expected in (("write", "write"), ("writev", "writev"),
                              ("send", "sendto"), ("sendto", "sendto"),
                              ("sendmsg", "sendmsg"), (None, "connect")):
            def once(shapes, proxy, way=way):
                if not hasattr(shapes, "connected"):
                    shapes.connected = True
                    script(shapes, proxy, None)
                script(shapes, proxy, way)
            with self.subTest(way):
                self.check(once, "read", expected)

    def test_other_sockets(self):
        """Of a port that does not count, and with the library off."""
        def script(shapes, proxy):
            shapes.send(proxy, b"hello")
            for way in "recvfrom", "read":
                shapes.ask(call(way, flags=socket.MSG_DONTWAIT))
                shapes.send(proxy, b"hello")
            shapes.ask(call("recvmsg"))
            shapes.ask("give sendto 5 %s %d" % proxy.getsockname())
            proxy.recv(99)
        for settings in {"PORTS": 1}, {"VERSION": 0}:
            self.check(script, "recvfrom", "read", "recvmsg", "sendto",
                       **settings)


if __name__ == "__main__":
    fixture.main()
