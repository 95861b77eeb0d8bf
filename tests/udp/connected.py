# SPDX-License-Identifier: ISC
"""A server that connects its socket to a client, and what it tells of it."""
import unittest

import fixture
from fixture.udp import sender, udp

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


class Connected(unittest.TestCase):
    def run_program(self, text, talk, **settings):
        with fixture.Program(["python3", "-c", PROGRAM + text],
                             fixture.environment(fixture.UDP_LIBRARY,
                                                 **settings)) as program:
            port = int(program.wait_line(r"port (\d+)")[1])
            with sender() as proxy:
                proxy.connect(("127.0.0.1", port))
                talk(proxy)
            self.assertEqual(program.wait(), 0, program.lines)
        return program.lines

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

    TRANSFER = """
if os.fork() == 0:
    server.close()
    own = bound("127.0.0.1", 0)
    own.connect(client)
    assert own.getpeername() == client
    own.send(b"block")
    assert own.recvfrom(99) == (b"acknowledged", client)
    own.sendto(b"end", client)
    os._exit(0)
assert os.wait()[1] == 0
"""

    def transfer(self, client, asked, proxy):
        """Asks, as by TFTP, and goes on where the answer comes from."""
        proxy.sendto(udp(*client) + b"read", asked)
        data, own = proxy.recvfrom(99)
        self.assertEqual(data, b"block")
        self.assertNotEqual(own, asked)
        proxy.sendto(udp(*client) + b"acknowledged", own)
        self.assertEqual(proxy.recvfrom(99), (b"end", own))

    def test_from_a_port_of_the_kernel_s_choice(self):
        """A client of another socket is answered through its proxy."""
        def talk(proxy):
            with sender() as own:
                self.transfer(("192.0.2.1", 7), proxy.getpeername(), own)
        self.run_program(self.TRANSFER, talk)

    def test_from_a_port_that_does_not_count(self):
        """It does from then on."""
        port = fixture.free_port()

        def talk(proxy):
            proxy.send(b"begin")
            self.assertEqual(proxy.recv(99), b"ready")
            with sender() as own:
                self.transfer(("192.0.2.1", 7), ("127.0.0.1", port), own)
        self.run_program("""
first, server = server, bound("127.0.0.1", %d)
first.sendto(b"ready", client)
_, client = server.recvfrom(99)
""" % port + self.TRANSFER, talk, PORTS=port)

    def test_the_port_that_a_client_came_to_last(self):
        def talk(proxy):
            proxy.send(udp() + b"begin")
            port = int(proxy.recv(99))
            for _ in range(2):
                with sender() as own:
                    self.transfer(("192.0.2.1", 1111), ("127.0.0.1", port),
                                  own)
        self.run_program("""
first, server = server, bound("127.0.0.1", 0)
first.sendto(b"%d" % server.getsockname()[1], client)
for _ in range(2):
    assert server.recvfrom(99)[1] == client
    exec(sys.argv[-1])
""".replace("sys.argv[-1]", repr(self.TRANSFER)), talk)

    def test_from_another_port_in_other_ways(self):
        """They go to the client itself: it may be known for other reasons."""
        port = fixture.free_port()
        with sender() as client:
            def talk(proxy):
                proxy.send(udp(*client.getsockname()) + b"hello")
                for text in b"by sendto", b"by connect":
                    self.assertEqual(client.recv(99), text)
            self.run_program("""
bound("127.0.0.1", 0).sendto(b"by sendto", client)
own = bound("127.0.0.1", %d)
own.connect(client)
own.send(b"by connect")
""" % port, talk)


if __name__ == "__main__":
    fixture.main()
