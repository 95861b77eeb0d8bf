# SPDX-License-Identifier: ISC
"""Whose datagrams are believed."""
import socket
import unittest

import fixture
from fixture import tlv, v2_local, v2_raw
from fixture.udp import Shapes, call, sender, udp

CLIENT = "192.0.2.1", 1111
SIGNATURE = fixture.V2_SIGNATURE
FORGED = {
    "client": udp(*CLIENT) + b"hello",
    "IPv6 client": udp("2001:db8::1", 7) + b"hello",
    "client with TLVs": udp(*CLIENT, tlvs=tlv(2, b"x" * 300)) + b"hello",
    "the proxy's address": udp("127.0.0.1", 4711) + b"hello",
    "LOCAL": v2_local() + b"hello",
    "unspecified": v2_raw(protocol=0) + b"hello",
    "TCP": fixture.v2() + b"hello",
    "UNIX": v2_raw(protocol=0x32, block=bytes(216)) + b"hello",
    "ends in its header": udp(*CLIENT)[:20],
    "not valid": SIGNATURE + b"\x31\x12\x00\x0c" + bytes(12),
    "two headers": udp(*CLIENT) * 2 + b"hello",
    "version 1": fixture.v1() + b"hello",
    "nothing": b"",
}


class Trust(unittest.TestCase):
    def test_forged(self):
        """Whole, and from whom the kernel names; or not at all."""
        with sender("127.0.0.2") as forger, sender() as proxy, \
                Shapes(TRUSTED="127.0.0.1, 192.0.2.0/24, 2001:db8::/32") \
                as shapes, \
                Shapes(TRUSTED="127.0.0.1", MUST_USE_PROTOCOL_HEADER=1) \
                as strict:
            strict.ask("nonblocking 1")
            name = "name=40:0200%04x7f000002" % forger.getsockname()[1]
            for what, datagram in FORGED.items():
                with self.subTest(what):
                    for way in "recvfrom", "recvmsg", "recvmmsg":
                        shapes.send(forger, datagram)
                        line = shapes.ask(call(way, "2000"))
                        self.assertIn(name, line)
                        self.assertIn(f"bytes={len(datagram)}:", line)
                        strict.send(forger, datagram)
                        self.assertIn("errno=11", strict.ask(call(way)))
            self.check_routes(shapes, forger, proxy)

    def check_routes(self, shapes, forger, proxy):
        """No answer goes where a forged datagram would have it."""
        shapes.send(proxy, udp(*CLIENT) + b"hello")
        shapes.ask(call("recvfrom"))
        for datagram in FORGED.values():
            shapes.send(forger, datagram)
            shapes.ask(call("recvfrom", "2000"))
        shapes.ask("send 3 %s %d" % CLIENT)
        self.assertEqual(proxy.recv(99), b"aaa")

    def test_a_header_within_a_header(self):
        """Only the first is the proxy's; the rest is the client's."""
        with sender() as proxy, Shapes() as shapes:
            inner = udp("198.51.100.1", 7)
            shapes.send(proxy, udp(*CLIENT) + inner + b"hello")
            line = shapes.ask(call("recvfrom"))
            self.assertIn("name=40:02000457c0000201", line)
            self.assertIn((inner + b"hello").hex(), line)

    def check_goes_to(self, shapes, address, arrives_at):
        """What the server sends there."""
        shapes.ask("send 3 %s %d" % address)
        self.assertEqual(arrives_at.recv(99), b"aaa")

    def test_a_proxy_that_speaks_for_itself(self):
        """Nobody has its address: its answers cannot be led elsewhere."""
        for own in v2_local(), v2_raw(protocol=0):
            with sender() as one, sender("127.0.0.3") as two, \
                    Shapes(TRUSTED="127.0.0.0/8") as shapes:
                address = two.getsockname()
                forged = udp(*address) + b"forged"
                shapes.ask("nonblocking 1")
                shapes.send(two, own + b"check")
                shapes.send(one, forged)
                for way in "recvfrom", "recvmsg", "recvmmsg":
                    shapes.send(one, forged)
                    line = shapes.ask(call(way))
                    if way == "recvfrom":
                        self.assertIn("name=40:0200%04x7f000003" % address[1],
                                      line)
                    else:
                        self.assertIn("errno=11", line)
                    self.check_goes_to(shapes, address, two)
                # those behind the address of a proxy are clients
                shapes.send(one, udp(address[0], 7) + b"hello")
                self.assertIn("name=40:020000077f000003",
                              shapes.ask(call("recvfrom")))
                self.check_goes_to(shapes, (address[0], 7), one)

    def test_no_reflection(self):
        """
        A client by a proxy's address, or by anybody's, is answered through the
        proxy that it came through, until the true one comes.
        """
        with sender() as one, sender("127.0.0.3") as two:
            address = two.getsockname()
            for own in v2_local(), v2_raw(protocol=0), b"":
                for trusted in ("127.0.0.0/8",) + (() if own else
                                                   ("127.0.0.1",)):
                    with self.subTest((own, trusted)), \
                            Shapes(TRUSTED=trusted) as shapes:
                        shapes.send(one, udp(*address) + b"forged")
                        shapes.ask(call("recvfrom"))
                        self.check_goes_to(shapes, address, one)
                        shapes.send(two, own + b"check")
                        shapes.ask(call("recvfrom"))
                        self.check_goes_to(shapes, address, two)
                        if own == b"":
                            shapes.send(one, udp(*address) + b"again")
                            shapes.ask(call("recvfrom"))
                            self.check_goes_to(shapes, address, one)

    def test_no_loop(self):
        """Where the client is the server itself, or the proxy."""
        with sender() as proxy, Shapes() as shapes:
            for client in (("127.0.0.1", shapes.port), proxy.getsockname()):
                shapes.send(proxy, udp(*client) + b"hello")
                shapes.ask(call("recvfrom"))
                self.check_goes_to(shapes, client, proxy)
                self.assertEqual(shapes.ask("ready"), "ready: 0")

    def test_flood_of_clients(self):
        """Memory is bounded, whoever is said to come."""
        with sender() as proxy, Shapes(UDP_CLIENTS=1000) as shapes:
            before = 0
            for n in range(20000):
                shapes.send(proxy, udp("10.%d.%d.1" % (n >> 8, n & 255), n)
                            + b"x")
                if n % 60 == 59:
                    shapes.ask(call("recvmmsg", count=180,
                                    flags=socket.MSG_DONTWAIT))
                # when all else that grows has grown
                if n == 2000:
                    before = self.memory(shapes)
            self.assertLess(self.memory(shapes) - before, 256)

    @staticmethod
    def memory(shapes):
        """Resident KiB that are of no file."""
        with open(f"/proc/{shapes.process.pid}/status",
                  encoding="ascii") as file:
            for line in file:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1])
        raise AssertionError("no RssAnon")


if __name__ == "__main__":
    fixture.main()
