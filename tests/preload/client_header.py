# SPDX-License-Identifier: ISC
"""What libproxyproto_connect.so says, and in which pieces."""
import socket
import struct

import fixture
from fixture import CLIENT_LIBRARY, SERVER_LIBRARY, v1, v2
from fixture.calls import pack_address
from fixture.client import ClientCase

LIBRARY = "libproxyproto_connect"
# Bytes that a header of version 2 over IPv4 has without vectors.
PLAIN = 28


class HeaderCase(ClientCase):
    def setUp(self):
        self.server = self.serve()
        self.port = self.server.getsockname()[1]
        self.name = pack_address("127.0.0.1", self.port)

    def connect(self, calls):
        """What the server gets of a client that says nothing itself."""
        fd = calls.socket()
        calls.ok("connect", fd, self.name)
        calls.ok("close", fd)
        return fixture.read_all(self.accept(self.server))

    def said(self, **settings):
        return self.connect(self.start(CLIENT_LIBRARY, **settings))


class Said(HeaderCase):
    def test_destination(self):
        for version, header in ((1, v1), (2, v2)):
            self.assertEqual(
                self.said(VERSION=version, DEST_ADDR="203.0.113.80"),
                header("127.0.0.1", "203.0.113.80", 8080, self.port))
            self.assertEqual(
                self.said(VERSION=version, DEST_PORT=443),
                header("127.0.0.1", "127.0.0.1", 8080, 443))
            self.assertEqual(
                self.said(VERSION=version, ADDR="2001:db8::7",
                          DEST_ADDR="2001:db8::8", DEST_PORT=0),
                header("2001:db8::7", "2001:db8::8", 8080, 0))

    def test_local(self):
        self.assertEqual(self.said(COMMAND="LOCAL"),
                         fixture.v2_raw(0x20, 0))

    def test_vectors(self):
        expected = (b"\1\0\2h2" b"\2\0\x0bexample.org" b"\x05\0\2x7"
                    b"\x30\0\4blue" b"\4\0\3\0\0\0" b"\x20\0\5\1\0\0\0\0"
                    b"\xea\0\2\1\xff")
        block = v2("127.0.0.1", "127.0.0.1", 8080, self.port)[16:]
        words = ("alpn=h2,authority=example.org unique-id=x7\tnetns=blue, "
                 "noop=3,ssl=0100000000,0xEA=01ff")
        self.assertEqual(self.said(TLV=words),
                         fixture.v2_raw(block=block + expected))

    def test_checksum(self):
        data = self.said(CRC32C="yes", TLV="alpn=h2")
        self.assertEqual(data[PLAIN:-4], b"\1\0\2h2\3\0\4")
        self.assertEqual(
            data[-4:], struct.pack("!I", fixture.crc32c(data[:-4] + bytes(4))))

    def test_verbatim(self):
        self.assertEqual(self.said(RAW=r"PROXY\x20UNKNOWN\r\n\\\x00"),
                         b"PROXY UNKNOWN\r\n\\\0")

    def test_the_longest(self):
        data = self.said(ADDR="::1", TLV="noop=65489", CRC32C=1)
        self.assertEqual(len(data), 16 + 65535)
        self.assertEqual(data[14:16], b"\xff\xff")

    def test_debug(self):
        for settings, line in (
                ({"COMMAND": "LOCAL"}, "v2 header of 16 bytes: client none, "
                                       "destination none"),
                ({"RAW": "x"}, "raw header of 1 bytes: client none, "
                               "destination none"),
                ({"DEST_PORT": 443},
                 "v2 header of 28 bytes: client 127.0.0.1:8080, destination "
                 "127.0.0.1:443")):
            calls = self.start(CLIENT_LIBRARY, DEBUG=1, **settings)
            self.connect(calls)
            self.assertEqual(
                [said for said in calls.lines if LIBRARY in said],
                [f"{LIBRARY}: connect: fd 4: {line}: sent"])

    def test_a_server_takes_it(self):
        """Vectors and a right checksum; a wrong one drops the connection."""
        calls = self.start(SERVER_LIBRARY)
        listener = calls.listener()
        for settings, peer in (
                ({"CRC32C": 1, "TLV": "noop=60000"}, ("192.0.2.7", 8080)),
                ({"TLV": "0x03=00000000"}, None),
                ({"RAW": r"PROXY TCP4 192.0.2.8 192.0.2.9 1 2\n"}, None),
                ({}, ("192.0.2.7", 8080))):
            if "RAW" not in settings:
                settings["ADDR"] = "192.0.2.7"
            client = self.start(CLIENT_LIBRARY, **settings)
            fd = client.socket()
            client.ok("connect", fd, pack_address("127.0.0.1", listener.port))
            if peer:
                reply = calls.accept(listener.fd)
                self.assertEqual(reply.address, peer)
            else:
                calls.begin("accept", listener.fd, 128)
                # what is dropped is reset or ended
                self.assertEqual(client.receive(fd).data, b"")
                good = fixture.connect(listener.port, v2("192.0.2.10"))
                self.addCleanup(good.close)
                self.assertEqual(calls.finish("accept").address[0],
                                 "192.0.2.10")


class Pieces(HeaderCase):
    """A header that does not come whole."""

    def test_split(self):
        self.assertEqual(self.said(SPLIT=5),
                         v2("127.0.0.1", "127.0.0.1", 8080, self.port))

    def test_split_and_delay(self):
        """In an hour there would be more."""
        calls = self.start(CLIENT_LIBRARY, SPLIT=10, DELAY=3600)
        calls.begin("connect", calls.socket(), self.name)
        self.assertEqual(
            self.accept(self.server).recv(PLAIN),
            v2("127.0.0.1", "127.0.0.1", 8080, self.port)[:10])
        calls.wait_asleep()

    def test_a_server_waits_for_the_rest(self):
        calls = self.start(SERVER_LIBRARY)
        listener = calls.listener()
        client = self.start(CLIENT_LIBRARY, ADDR="192.0.2.7", SPLIT=1,
                            DELAY=0.01)
        fd = client.socket()
        client.begin("connect", fd, pack_address("127.0.0.1", listener.port))
        self.assertEqual(calls.accept(listener.fd).address,
                         ("192.0.2.7", 8080))
        client.finish("connect")


class Networks(HeaderCase):
    """ADDR is a network: each connection has another address."""

    def places(self, calls, number):
        """The last bytes of the addresses that the next connections state."""
        return [self.connect(calls)[19] for _ in range(number)]

    def test_one_behind_the_other_and_round(self):
        calls = self.start(CLIENT_LIBRARY, ADDR="198.51.100.8/29")
        places = self.places(calls, 13)
        self.assertEqual(sorted(places[:6]), list(range(9, 15)))
        for before, after in zip(places, places[1:]):
            self.assertEqual(after, before + 1 if before < 14 else 9)

    def test_processes_start_at_different_places(self):
        addresses = {
            self.said(ADDR="10.0.0.0/8")[16:20] for _ in range(10)}
        self.assertGreater(len(addresses), 8)

    def test_a_forked_process_has_another_place(self):
        calls = self.start(CLIENT_LIBRARY, ADDR="10.0.0.0/8")
        parent = struct.unpack("!I", self.connect(calls)[16:20])[0]
        calls.do("fork")
        child = struct.unpack("!I", self.connect(calls)[16:20])[0]
        self.assertNotIn(abs(child - parent), range(0, 100))
        calls.begin("exit", 0)
        calls.finish("exit")
        again = struct.unpack("!I", self.connect(calls)[16:20])[0]
        self.assertEqual(again, parent + 1)

    def test_ipv6(self):
        addresses = [self.said(ADDR="2001:db8::/48")[16:32]
                     for _ in range(4)]
        self.assertEqual(len(set(addresses)), 4)
        for address in addresses:
            self.assertEqual(address[:8], socket.inet_pton(
                socket.AF_INET6, "2001:db8::")[:8])


class Conflicts(HeaderCase):
    """One line, and connects fail."""

    def test_line(self):
        for settings, line in (
                ({"VERSION": 1, "TLV": "alpn=h2"},
                 'LIBPROXYPROTO_TLV="alpn=h2" is not valid with '
                 'LIBPROXYPROTO_VERSION="1": version 1 has no vectors'),
                ({"RAW": "x", "ADDR": "::1"},
                 'LIBPROXYPROTO_ADDR="::1" is not valid with '
                 'LIBPROXYPROTO_RAW="x": a raw header states nothing else'),
                ({"DELAY": "0.1"},
                 'LIBPROXYPROTO_DELAY="0.1" is not valid with '
                 'LIBPROXYPROTO_SPLIT="0": a header in one write has no delay '
                 'in it')):
            calls = self.start(CLIENT_LIBRARY, **settings)
            for _ in range(2):
                self.assertEqual(
                    calls.do("connect", calls.socket(), self.name).outcome,
                    (-1, "EINVAL"))
            self.assertEqual([said for said in calls.lines
                              if LIBRARY in said], [f"{LIBRARY}: {line}"])

    def test_nothing_is_said_nothing_is_wrong(self):
        self.assertEqual(self.said(VERSION=0, RAW="x", ADDR="::1"), b"")


if __name__ == "__main__":
    fixture.main()
