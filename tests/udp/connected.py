# SPDX-License-Identifier: ISC
"""A server that connects its socket to a client, and what it tells of it."""
import unittest

import fixture
from fixture.udp import ProgramCase, sender, spp, udp

# A server of DTLS begins so: one socket a client, bound to the same address.
PROGRAM = """
import os, socket, sys
def bound(*address):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(address)
    return sock
server = bound("127.0.0.1", 0)
print("port", server.getsockname()[1], flush=True)
data, client = server.recvfrom(99)
"""


class Connected(ProgramCase, unittest.TestCase):
    source = PROGRAM

    def test_one_socket_a_client(self):
        """It receives, and sends in every way, through the proxy."""
        def talk(proxy):
            proxy.send(udp() + b"hello")
            self.assertEqual(proxy.recv(99), b"come on")
            for way in b"send", b"sendto", b"write", b"writev", b"sendmsg":
                proxy.send(udp() + way)
                self.assertEqual(proxy.recv(99), b"192.0.2.1 1111 " + way)
        self.run_program("""
own = bound(*server.getsockname())
own.connect(client)
server.close()
assert own.getpeername() == client == ("192.0.2.1", 1111)
own.send(b"come on")
ways = {
    b"send": own.send, b"write": lambda text: os.write(own.fileno(), text),
    b"sendto": lambda text: own.sendto(text, client),
    b"writev": lambda text: os.writev(own.fileno(), [text[:3], text[3:]]),
    b"sendmsg": lambda text: own.sendmsg([text]),
}
for _ in ways:
    way, source = own.recvfrom(99)
    text = b"%s %d %s" % (source[0].encode(), source[1], way)
    assert ways[way](text) == len(text)
""", talk)

    def test_another_client_of_the_proxy(self):
        """What it sends later does not come to the socket."""
        def talk(proxy):
            proxy.send(udp() + b"hello")
            self.assertEqual(proxy.recv(99), b"come on")
            proxy.send(udp("192.0.2.2") + b"hello")
            proxy.send(udp() + b"end")
        self.run_program("""
server.connect(client)
server.send(b"come on")
got = server.recvfrom(99)
while got[0] == b"":    # the dropped one, where it was alone
    got = server.recvfrom(99)
assert got == (b"end", ("192.0.2.1", 1111)), got
""", talk)

    def test_refused_where_the_proxy_has_other_clients(self):
        def talk(proxy):
            proxy.send(udp("192.0.2.2") + b"hello")
            proxy.send(udp() + b"hello")
        lines = self.run_program("""
_, client = server.recvfrom(99)
for _ in range(2):
    try:
        server.connect(client)
    except OSError as error:
        assert error.errno == 95, error
    else:
        assert False
""", talk)
        self.assertEqual([line for line in lines if "connect" in line], [
            "libproxyproto_udp: connect: 192.0.2.1:1111: its proxy has one "
            "port for several clients, whose datagrams would all come here"])

    def test_to_somebody_else(self):
        """Who is no client is connected to by the kernel."""
        with sender() as other:
            def talk(proxy):
                proxy.send(udp() + b"hello")
                self.assertEqual(other.recv(99), b"hello")
            self.run_program("""
server.connect(("127.0.0.1", %d))
assert server.getpeername() == ("127.0.0.1", %d)
server.send(b"hello")
""" % (other.getsockname()[1], other.getsockname()[1]), talk)

    def test_dissolved_by_a_duplicate(self):
        """Whom it was connected to is nothing to the other number then."""
        def talk(proxy):
            proxy.send(udp() + b"hello")
            self.assertEqual(proxy.recv(99), b"open")
            for _ in range(2):
                proxy.send(udp("192.0.2.2") + b"hello")
        self.run_program("""
import ctypes
libc = ctypes.CDLL(None)
server, chosen = bound(*server.getsockname()), server
chosen.close()
server.connect(client)
two = server.dup()
libc.connect(server.fileno(), bytes(16), 16)
two.sendto(b"open", client)
for _ in range(2):
    assert two.recvfrom(99) == (b"hello", ("192.0.2.2", 1111))
""", talk)

    def test_dissolved(self):
        def talk(proxy):
            proxy.send(udp() + b"hello")
            self.assertEqual(proxy.recv(99), b"open")
            proxy.send(udp("192.0.2.2") + b"hello")
        self.run_program("""
import ctypes
libc = ctypes.CDLL(None)
# the kernel forgets a port that it has chosen itself
server, chosen = bound(*server.getsockname()), server
chosen.close()
server.connect(client)
assert server.getpeername() == client
libc.connect(server.fileno(), bytes(16), 16)
try:
    server.getpeername()
except OSError as error:
    assert error.errno == 107, error
server.sendto(b"open", client)
assert server.recvfrom(99)[1][0] == "192.0.2.2"
""", talk)

    # What a server of TFTP does, once the request has come to `server`.
    TRANSFER = """
if os.fork() == 0:
    server.close()
    own = bound(%r, 0)
    own.connect(client)
    assert own.getpeername()[:2] == client[:2]
    own.sendto(b"block", client)
    own.send(b"the next")
    data, source = own.recvfrom(99)
    assert (data, source[:2]) == (b"acknowledged", client[:2]), (data, source)
    own.sendto(b"end", client)
    os._exit(0)
assert os.wait()[1] == 0
"""

    def transfer(self, asked, proxy, header, answered=b""):
        """Asks, as by TFTP, and goes on where the answer comes from."""
        proxy.sendto(header + b"read", asked)
        data, own = proxy.recvfrom(99)
        self.assertEqual(data, answered + b"block")
        self.assertNotEqual(own, asked)
        self.assertEqual(proxy.recvfrom(99), (answered + b"the next", own))
        proxy.sendto(header + b"acknowledged", own)
        self.assertEqual(proxy.recvfrom(99), (answered + b"end", own))

    def test_from_a_port_of_the_kernel_s_choice(self):
        """A client of another socket is answered through its proxy."""
        def talk(proxy):
            asked = proxy.getpeername()
            for number in range(3):
                with sender() as own:
                    self.transfer(asked, own,
                                  udp("192.0.2.1", 2000 + number))
            with sender() as own:
                self.transfer(asked, own, udp("192.0.2.1", 2001))
        self.run_program(self.TRANSFER % "127.0.0.1" + """
for _ in range(3):
    _, client = server.recvfrom(99)
""" + "".join("    " + line + "\n" for line in
              (self.TRANSFER % "127.0.0.1").splitlines()), talk)

    def test_ipv6_client_from_a_port_of_the_kernel_s_choice(self):
        def talk(proxy):
            with sender("::1") as own:
                proxy.send(b"begin")
                port = int(proxy.recv(99))
                self.transfer(("::1", port), own, udp("2001:db8::1", 2000))
        self.run_program("""
first, server = server, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
server.bind(("::", 0))
def bound(*address):
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.bind(address)
    return sock
first.sendto(b"%d" % server.getsockname()[1], client)
_, client = server.recvfrom(99)
""" + self.TRANSFER % "::", talk)

    def test_simple_proxy_protocol_from_a_port_of_the_kernel_s_choice(self):
        header = spp()

        def talk(proxy):
            with sender() as own:
                self.transfer(proxy.getpeername(), own, header, header)
        self.run_program(self.TRANSFER % "127.0.0.1", talk, VERSION="spp")

    def kernel_goes_to(self, name, text, talk=None):
        """What `own` is connected to in the end."""
        def begin(proxy):
            proxy.send(udp(*name) + b"hello")
            if talk is not None:
                talk(proxy)
        lines = self.run_program(text + """
import ctypes
raw, length = bytearray(16), ctypes.c_int(16)
assert ctypes.CDLL(None).syscall(52, own.fileno(), (
    ctypes.c_char * 16).from_buffer(raw), ctypes.byref(length)) == 0
print("connected to %s %d" % (socket.inet_ntoa(raw[4:8]),
                              int.from_bytes(raw[2:4], "big")))
""", begin)
        return next(line for line in lines
                    if line.startswith("connected")).split()[2:]

    def test_to_whom_it_is_the_kernel_s(self):
        """Whom a program may know for other reasons."""
        connects = "own = bound('127.0.0.1', 0); own.connect(client)"
        chosen = f"own = bound('127.0.0.1', {fixture.free_port()}); " \
            "own.connect(client)"

        def another(proxy):
            proxy.send(udp("192.0.2.2") + b"hello")

        def direct(proxy):
            proxy.send(b"hello")
        for name, text, talk in (
                (("127.88.0.1", 1111), chosen, None),
                # a name server, of which a forged header may tell
                (("127.88.0.1", 53), connects, None),
                (("127.88.0.1", 1023), connects, None),
                # others were heard of since
                (("127.88.0.1", 1111), "server.recvfrom(99); " + connects,
                 another),
                (("127.88.0.1", 1111), "server.recvfrom(99); " + connects,
                 direct)):
            with self.subTest(name=name, text=text, talk=talk):
                self.assertEqual(
                    self.kernel_goes_to(name, text, talk),
                    [name[0], str(name[1])])
        # this shows that the others have shown something
        self.assertEqual(self.kernel_goes_to(("127.88.0.1", 1111),
                                             connects)[0], "127.0.0.1")

    def test_in_vain(self):
        """It is connected to the first one still, and tells that."""
        def talk(proxy):
            proxy.send(b"begin")
            port = int(proxy.recv(99))
            with sender() as one, sender("::1") as two:
                one.sendto(udp() + b"hello", ("127.0.0.1", port))
                two.sendto(udp("192.0.2.2") + b"hello", ("::1", port))
                data, own = one.recvfrom(99)
                self.assertEqual(data, b"come on")
                one.sendto(udp() + b"end", own)
        self.run_program("""
both = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
both.bind(("::", 0))
server.sendto(b"%d" % both.getsockname()[1], client)
assert both.recvfrom(99)[1][:2] == ("::ffff:192.0.2.1", 1111)
own = bound("127.0.0.1", 0)
own.connect(("192.0.2.1", 1111))
assert both.recvfrom(99)[1][:2] == ("::ffff:192.0.2.2", 1111)
try:
    own.connect(("192.0.2.2", 1111))    # whose proxy has an IPv6 address
except OSError as error:
    assert error.errno == 97, error
else:
    assert False
assert own.getpeername() == ("192.0.2.1", 1111)
own.send(b"come on")
assert own.recvfrom(99) == (b"end", ("192.0.2.1", 1111))
""", talk)


if __name__ == "__main__":
    fixture.main()
