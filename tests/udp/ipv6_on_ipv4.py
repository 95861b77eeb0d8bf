# SPDX-License-Identifier: ISC
"""IPv6 clients on a socket of IPv4: told as such, or the proxy is."""
import unittest

import fixture
from fixture import addresses, v2_raw
from fixture.udp import Shapes, call, sender, udp

WAYS = "recvfrom", "recvmsg", "recvmmsg"
SIX = udp("2001:db8::1", 7)
# name of shapes.c: family, port and address
AS_SIX = "name=40:0a0000070000000020010db8"
AS_FOUR = "name=40:02000457c0000201"


class IPv6OnIPv4(unittest.TestCase):
    def check_proxy(self, shapes, way, room):
        """The proxy is told, and answered; an IPv4 client as ever."""
        with sender() as proxy, sender() as other:
            port = proxy.getsockname()[1]
            for _ in range(2):
                shapes.send(proxy, SIX + b"hello")
                self.assertIn("name=40:0200%04x7f000001" % port,
                              shapes.ask(call(way, name=room)))
                shapes.ask(f"send 3 127.0.0.1 {port}")
                self.assertEqual(proxy.recv(99), b"aaa")
                shapes.send(other, udp() + b"hello")
                self.assertIn(AS_FOUR, shapes.ask(call(way, name=room)))
                shapes.ask("send 4 192.0.2.1 1111")
                self.assertEqual(other.recv(99), b"aaaa")

    def test_client(self):
        for way in WAYS:
            with self.subTest(way), Shapes() as shapes, sender() as proxy:
                shapes.send(proxy, SIX + b"hello")
                self.assertIn(AS_SIX, shapes.ask(call(way)))
                shapes.ask("send 3 2001:db8::1 7")
                self.assertEqual(proxy.recv(99), b"aaa")

    def test_without_room(self):
        """Cut, it would be another's address."""
        for way in WAYS:
            with self.subTest(way), Shapes() as shapes:
                self.check_proxy(shapes, way, 16)
                self.check_proxy(shapes, way, 27)

    def test_proxy(self):
        for way in WAYS:
            with self.subTest(way), Shapes(IPV6_ON_IPV4="proxy") as shapes:
                self.check_proxy(shapes, way, 28)

    def test_proxy_mapped(self):
        """An IPv4 client in an IPv6 header is told."""
        header = v2_raw(protocol=0x22, block=addresses(
            "::ffff:192.0.2.1", "::ffff:192.0.2.2", 1111, 2222))
        with Shapes(IPV6_ON_IPV4="proxy") as shapes, sender() as proxy:
            shapes.send(proxy, header + b"hello")
            self.assertIn(AS_FOUR, shapes.ask(call("recvfrom", name=16)))

    def test_on_ipv6(self):
        fixture.need_ipv6()
        with Shapes("::1", IPV6_ON_IPV4="proxy") as shapes, \
                sender("::1") as proxy:
            for room in 16, 28:
                shapes.send(proxy, SIX + b"hello")
                self.assertIn("name=40:0a000007",
                              shapes.ask(call("recvfrom", name=room)))


if __name__ == "__main__":
    fixture.main()
