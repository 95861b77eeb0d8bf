# SPDX-License-Identifier: ISC
"""Cloudflare's Simple Proxy Protocol, both ways."""
import socket
import struct
import unittest

import fixture
from fixture.udp import (CLIENT, EDGE, ProgramCase, Shapes, call, sender, spp,
                         udp)

SENDING = """
import os, socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
print("port", server.getsockname()[1], flush=True)
_, client = server.recvfrom(99)
"""


class Receiving(unittest.TestCase):
    def test_client(self):
        self.assertEqual(len(spp()), 38)
        with Shapes(VERSION="spp") as shapes, sender() as proxy:
            for way in "recvfrom", "recvmsg", "recvmmsg":
                for payload in b"", b"hello", b"x" * 2000:
                    shapes.send(proxy, spp() + payload)
                    line = shapes.ask(call(way, "3000"))
                    self.assertIn("name=40:02000457c0000201", line)
                    self.assertIn(f"bytes={len(payload)}:", line)

    def test_client6(self):
        with Shapes("::", VERSION="SPP") as shapes, sender() as proxy:
            shapes.send(proxy, spp(("2001:db8::1", 7)) + b"hello")
            self.assertIn("name=40:0a0000070000000020010db8",
                          shapes.ask(call("recvfrom")))

    def test_no_header(self):
        """PROXY protocol's is none here."""
        with sender() as proxy:
            name = "name=40:0200%04x" % proxy.getsockname()[1]
            for datagram in udp() + b"x", b"hello", b"", spp()[:37], \
                    b"\x56\xed" + spp()[2:]:
                with Shapes(VERSION="spp") as shapes:
                    shapes.send(proxy, datagram)
                    line = shapes.ask(call("recvfrom"))
                    self.assertIn(name, line)
                    self.assertIn(f"bytes={len(datagram)}:", line)
                with Shapes(VERSION="spp",
                            MUST_USE_PROTOCOL_HEADER=1) as shapes:
                    shapes.send(proxy, datagram)
                    self.assertIn("bytes=0:", shapes.ask(call("recvfrom")))

    def test_not_trusted(self):
        with Shapes(VERSION="spp", TRUSTED="192.0.2.0/24") as shapes, \
                sender() as proxy:
            shapes.send(proxy, spp() + b"hello")
            self.assertIn("bytes=43:", shapes.ask(call("recvfrom")))

    def test_not_without_the_setting(self):
        with Shapes() as shapes, sender() as proxy:
            shapes.send(proxy, spp() + b"hello")
            self.assertIn("bytes=43:", shapes.ask(call("recvfrom")))


class Sending(ProgramCase, unittest.TestCase):
    source = SENDING

    def check(self, text, client=CLIENT, edge=EDGE, count=1):
        def talk(proxy):
            proxy.send(spp(client, edge) + b"hello")
            for _ in range(count):
                self.assertEqual(proxy.recv(99), spp(client, edge) + b"answer")
        self.run_program(text, talk, VERSION="spp")

    def test_sendto(self):
        self.check('assert server.sendto(b"answer", client) == 6')

    def test_addresses(self):
        for client in CLIENT, ("2001:db8::1", 7):
            for edge in EDGE, ("2001:db8::9", 9):
                with Shapes("::", VERSION="spp") as shapes, \
                        sender() as proxy:
                    shapes.send(proxy, spp(client, edge) + b"hello")
                    shapes.ask(call("recvfrom"))
                    self.assertEqual(shapes.ask("send 3 %s %d" % client),
                                     "send: 3 0")
                    self.assertEqual(proxy.recv(99),
                                     spp(client, edge) + b"aaa")

    def test_sendmsg(self):
        self.check("""
assert server.sendmsg([b"an", b"", b"swer"], [], 0, client) == 6
""")

    def test_sendmmsg(self):
        with Shapes(VERSION="spp") as shapes, sender() as proxy:
            shapes.send(proxy, spp() + b"hello")
            shapes.ask(call("recvfrom"))
            self.assertEqual(shapes.ask("sendmany 150 192.0.2.1 1111"),
                             "sendmany: 150 0 450")
            for n in range(150):
                self.assertEqual(proxy.recv(99), spp() + b"%03d" % n)

    def test_sendmmsg_of_too_many_parts(self):
        """The kernel's error; what is ahead of it is sent."""
        self.check("""
import ctypes, errno, struct
libc = ctypes.CDLL(None, use_errno=True)
parts = b"".join(struct.pack("@Pn", 0, 0) for _ in range(5000))
parts = ctypes.create_string_buffer(parts)
text = ctypes.create_string_buffer(b"answer")
short = ctypes.create_string_buffer(
    struct.pack("@Pn", ctypes.addressof(text), 6))
name = ctypes.create_string_buffer(
    struct.pack("=H", 2) + struct.pack("!H", client[1])
    + socket.inet_aton(client[0]) + bytes(8))
def message(parts, count):
    return struct.pack("@PIPnPni0PI0P", ctypes.addressof(name), 16,
                       ctypes.addressof(parts), count, 0, 0, 0, 0)
one, two = message(short, 1), message(parts, 5000)
assert libc.sendmmsg(server.fileno(), one + two, 2, 0) == 1
assert libc.sendmmsg(server.fileno(), two, 1, 0) == -1
assert ctypes.get_errno() == errno.EMSGSIZE
""")

    def test_parts_at_no_address(self):
        self.check("""
import ctypes, errno, struct
libc = ctypes.CDLL(None, use_errno=True)
name = ctypes.create_string_buffer(
    struct.pack("=H", 2) + struct.pack("!H", client[1])
    + socket.inet_aton(client[0]) + bytes(8))
message = struct.pack("@PIPnPni0PI0P", ctypes.addressof(name), 16, 0, 1, 0, 0,
                      0, 0)
for call in (lambda: libc.sendmsg(server.fileno(), message, 0),
             lambda: libc.sendmmsg(server.fileno(), message, 1, 0)):
    assert call() == -1 and ctypes.get_errno() == errno.EFAULT
""", count=0)

    def test_connected(self):
        self.check("""
server.connect(client)
assert server.send(b"answer") == 6
assert os.write(server.fileno(), b"answer") == 6
assert os.writev(server.fileno(), [b"ans", b"wer"]) == 6
assert server.sendmsg([b"ans", b"wer"]) == 6
assert server.sendto(b"answer", client) == 6
# no datagram, as by the kernel
assert os.writev(server.fileno(), []) == 0
assert os.writev(server.fileno(), [b"", b""]) == 0
assert server.send(b"answer") == 6
""", count=6)

    def test_no_parts_with_bytes(self):
        """writev sends nothing then, as without the library."""
        self.check("""
server.connect(client)
assert os.writev(server.fileno(), [b"", b""]) == 0
assert os.writev(server.fileno(), [b"ans", b"", b"wer"]) == 6
""")

    def test_others(self):
        with Shapes(VERSION="spp") as shapes, sender() as other:
            shapes.send(other, b"hello")
            shapes.ask(call("recvfrom"))
            shapes.ask("send 3 127.0.0.1 %d" % other.getsockname()[1])
            self.assertEqual(other.recv(99), b"aaa")


if __name__ == "__main__":
    fixture.main()
