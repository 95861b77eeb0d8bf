# SPDX-License-Identifier: ISC
"""getsockname tells the destination that the header states."""
import socket
import struct
import unittest

import fixture
from fixture import v1, v2, v2_local
from fixture.calls import CallsCase, pack_address, pack_unix

IPV4 = ("192.0.2.1", "192.0.2.2")
IPV6 = ("2001:db8::1", "2001:db8::2")
MAPPED = ("::ffff:192.0.2.1", "::ffff:192.0.2.2")
ZERO = ("0.0.0.0", "0.0.0.0")
# (the listener's address, the proxy's)
ON_IPV4 = [("127.0.0.1", "127.0.0.1")]
ON_IPV6 = [("::1", "::1"), ("::", "::1"), ("::", "127.0.0.1")]
LENGTHS = (0, 1, 2, 8, 15, 16, 17, 27, 28, 29, 128)


def headers(source, destination):
    return v1(source, destination), v2(source, destination)


class Names(CallsCase):
    def setUp(self):
        self.calls = self.start()

    def accept(self, listener, data, host=None):
        """An accepted connection, and its client."""
        client = self.client(listener, data, host)
        return self.calls.accept(listener.fd).result, client

    def check_unknown(self, fd, client):
        """Both ends are named as the kernel does it."""
        name, peer = client.getpeername()[:2], client.getsockname()[:2]
        self.assertEqual(self.calls.getsockname(fd).address, name)
        self.assertEqual(self.calls.getpeername(fd).address, peer)


class Destination(Names):
    def check(self, sockets, addresses, shown):
        for host, proxy in sockets:
            for header in headers(*addresses):
                with self.subTest(host=host, proxy=proxy, header=header):
                    listener = self.calls.listener(host)
                    fd, _ = self.accept(listener, header, proxy)
                    self.check_buffers(fd, bytes.fromhex(
                        pack_address(shown, 2222)))

    def check_buffers(self, fd, name):
        for length in LENGTHS:
            reply = self.calls.getsockname(fd, length)
            self.assertEqual((*reply.outcome, reply.length),
                             (0, "KEPT", len(name)))
            shown = min(length, len(name))
            self.assertEqual(reply.buffer[:shown], name[:shown])
            self.assertEqual(set(reply.buffer[shown:]), {0xAA})

    def test_ipv4_on_an_ipv4_socket(self):
        self.check(ON_IPV4, IPV4, IPV4[1])
        self.check(ON_IPV4, ZERO, ZERO[1])

    def test_ipv4_on_an_ipv6_socket(self):
        self.check(ON_IPV6, IPV4, MAPPED[1])

    def test_ipv6_on_an_ipv6_socket(self):
        """Flow and scope are 0, as pack_address has them."""
        self.check(ON_IPV6, IPV6, IPV6[1])

    def test_mapped(self):
        self.check(ON_IPV4, MAPPED, IPV4[1])
        self.check(ON_IPV6, MAPPED, MAPPED[1])

    def test_one_of_the_other_family(self):
        """As nginx writes it, in version 1."""
        for host, proxy in ON_IPV6 + ON_IPV4:
            listener = self.calls.listener(host)
            for header, shown, client in (
                    (v1(IPV6[0], IPV4[1]), MAPPED[1], IPV6[0]),
                    (v1(IPV4[0], MAPPED[1]), MAPPED[1], MAPPED[0]),
                    (v1(IPV4[0], IPV6[1]), None, MAPPED[0])):
                if ":" not in host:
                    shown = shown and IPV4[1]
                    client = IPV4[0] if client == MAPPED[0] else client
                with self.subTest(host=host, proxy=proxy, header=header):
                    fd, proxied = self.accept(listener, header, proxy)
                    name, port = proxied.getpeername()[:2]
                    if host == "::" and ":" not in name:
                        name = "::ffff:" + name
                    self.assertEqual(
                        self.calls.getsockname(fd).address,
                        (shown, 2222) if shown else (name, port))
                    self.assertEqual(self.calls.getpeername(fd).address,
                                     (client, 1111))

    def test_ipv6_on_an_ipv4_socket(self):
        """Where the buffer has no room for it the kernel's name stays."""
        listener = self.calls.listener()
        for header in headers(*IPV6):
            fd, _ = self.accept(listener, header)
            for length in LENGTHS:
                reply = self.calls.getsockname(fd, length)
                self.assertEqual(reply.outcome, (0, "KEPT"))
                name = IPV6[1], 2222
                if length < 28:
                    name = "127.0.0.1", listener.port
                packed = bytes.fromhex(pack_address(*name))
                self.assertEqual(reply.length, len(packed))
                self.assertEqual(reply.buffer[:min(length, len(packed))],
                                 packed[:length])

    def test_ports(self):
        listener = self.calls.listener()
        for port in (0, 1, 65535):
            fd, _ = self.accept(listener, v2(destination_port=port))
            self.assertEqual(self.calls.getsockname(fd).address,
                             (IPV4[1], port))

    def test_one_that_waited(self):
        listener = self.calls.listener(nonblocking=True)
        client = self.client(listener, v1()[:9])
        self.assertEqual(self.calls.ok("poll", listener.fd, 1, -1), 1)
        self.assertEqual(self.calls.accept(listener.fd).errno, "EAGAIN")
        client.sendall(v1()[9:])
        self.assertEqual(self.calls.ok("poll", listener.fd, 1, -1), 1)
        fd = self.calls.accept(listener.fd).result
        self.assertEqual(self.calls.getsockname(fd).address, (IPV4[1], 2222))

    def test_ended_and_reset(self):
        """As long as the kernel names the peer."""
        listener = self.calls.listener()
        fd, client = self.accept(listener, v2())
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(self.calls.receive(fd).data, b"")
        self.assertEqual(self.calls.getsockname(fd).address, (IPV4[1], 2222))
        fixture.reset(client)
        self.assertEqual(self.calls.ok("poll", fd, 0, -1), 1)
        self.assertEqual(self.calls.getpeername(fd).outcome,
                         (-1, "ENOTCONN"))
        self.assertEqual(self.calls.getsockname(fd).address,
                         ("127.0.0.1", listener.port))


class Kernel(Names):
    """Where no header states a destination the kernel's word stands."""

    def test_no_destination(self):
        listener = self.calls.listener()
        for data in (b"data", v2_local(), b"PROXY UNKNOWN\r\n",
                     fixture.v2_raw(protocol=0)):
            with self.subTest(data):
                self.check_unknown(*self.accept(listener, data))

    def test_switched_off(self):
        self.calls = self.start(VERSION=0)
        self.check_unknown(*self.accept(self.calls.listener(), v1()))

    def test_not_trusted(self):
        self.calls = self.start(TRUSTED="192.0.2.0/24")
        self.check_unknown(*self.accept(self.calls.listener(), v1()))

    def test_outbound(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            fd = self.calls.socket()
            self.calls.ok("connect", fd, pack_address(*server.getsockname()))
            connection = server.accept()[0]
            self.addCleanup(connection.close)
        self.check_unknown(fd, connection)

    def test_the_listener_s_own_name_and_key(self):
        """A key of TCP Fast Open is none of ours, nor its connections'."""
        listener = self.calls.listener()
        self.calls.ok("setsockopt", listener.fd, socket.IPPROTO_TCP, 33,
                      bytes(range(16)).hex())
        self.assertEqual(self.calls.getsockname(listener.fd).address,
                         ("127.0.0.1", listener.port))
        self.check_unknown(*self.accept(listener, b"data"))
        fd, _ = self.accept(listener, v1())
        self.assertEqual(self.calls.getsockname(fd).address, (IPV4[1], 2222))

    def names(self, fd):
        """Both names in each buffer, those that nobody gives included."""
        return [self.calls.do(call, fd, length)
                for call in ("getsockname", "getpeername")
                for length in (*LENGTHS, "null", "nolength", -1)]

    def test_other_sockets_as_without_the_library(self):
        """To the byte, with their errors."""
        kept = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(kept.close)
        name = pack_address(*kept.getsockname())
        fixture.need_ipv6()

        def script(library):
            calls = self.calls = self.start(library)
            for descriptor in (-1, 99, 1):
                yield from self.names(descriptor)
            for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    fd = calls.socket(family, kind)
                    yield from self.names(fd)
                    if family == socket.AF_UNIX:
                        path = f"\0{kept.getsockname()}{library}"[:40]
                        calls.ok("bind", fd, pack_unix(path.ljust(40)))
                        yield len(self.names(fd))
                    if family == socket.AF_INET:
                        calls.ok("connect", fd, name)
                        yield calls.getpeername(fd)
                        yield calls.getsockname(fd).address[0]

        self.assertEqual([str(reply) for reply in script(None)],
                         [str(reply) for reply
                          in script(fixture.SERVER_LIBRARY)])

    def test_null_and_negative_lengths_of_a_known_one(self):
        fd, _ = self.accept(self.calls.listener(), v2())
        for call in ("getsockname", "getpeername"):
            for bad, error in ((-1, "EINVAL"), (-2 ** 31, "EINVAL"),
                               ("null", "EFAULT"), ("nolength", "EFAULT")):
                reply = self.calls.do(call, fd, bad)
                self.assertEqual(reply.outcome, (-1, error), (call, bad))
                self.assertEqual(set(reply.buffer), {0xAA})


class Reused(Names):
    """Numbers of descriptors, and sockets, that are somebody else's now."""

    def test_numbers(self):
        listener = self.calls.listener()
        fd, _ = self.accept(listener, v1())
        self.calls.ok("rawclose", fd)
        self.assertEqual(self.calls.getsockname(fd).outcome, (-1, "EBADF"))
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            self.assertEqual(self.calls.socket(kind=kind), fd)
            self.assertEqual(self.calls.getsockname(fd).address,
                             ("0.0.0.0", 0))
            self.calls.ok("rawclose", fd)
        self.check_unknown(*self.accept(listener, b"data"))

    def test_a_socket_that_is_connected_anew(self):
        """With the note that it got when another program was executed."""
        server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(server.close)
        fd, client = self.accept(self.calls.listener(), v1())
        self.calls.exec()
        self.assertEqual(self.calls.getsockname(fd).address, (IPV4[1], 2222))
        self.calls.ok("connect", fd, struct.pack("=H14x", 0).hex())
        self.assertEqual(self.calls.getpeername(fd).outcome,
                         (-1, "ENOTCONN"))
        self.assertNotEqual(self.calls.getsockname(fd).address[0], IPV4[1])
        client.close()
        self.calls.ok("connect", fd, pack_address(*server.getsockname()))
        connection = server.accept()[0]
        self.addCleanup(connection.close)
        self.check_unknown(fd, connection)


class Reset(unittest.TestCase):
    """A connection that the library reset, and left a note that says so."""

    def told(self, address, **settings):
        program = fixture.Program(
            [fixture.probe("reset"), address],
            fixture.environment(fixture.SERVER_LIBRARY, **settings))
        self.addCleanup(program.stop)
        self.assertEqual(program.wait(), 0, program.output())
        lines = [line for line in program.lines]
        return [tuple(lines[i:i + 2]) for i in range(0, len(lines), 2)]

    def test_ipv4(self):
        alive, bare, noted, other, anew = self.told("127.0.0.1")
        self.assertRegex(alive[0], r"^peer 127\.0\.0\.1:\d+$")
        self.assertEqual(bare[0], "peer: Transport endpoint is not connected")
        self.assertEqual(noted, alive)
        self.assertEqual(other[0], bare[0])
        # the kernel names a peer, and it is another one
        self.assertEqual(anew[0], alive[1].replace("name", "peer"))
        self.assertNotEqual(anew[1], alive[1])

    def test_ipv4_on_an_ipv6_socket(self):
        fixture.need_ipv6()
        alive, bare, noted, other = self.told("::")
        self.assertRegex(alive[0], r"^peer \[::ffff:127\.0\.0\.1\]:\d+$")
        self.assertEqual(noted, alive)
        self.assertEqual(other[0], bare[0])

    def test_who_believes_it(self):
        """Not where the library is off; TRUSTED is of what headers say."""
        _, bare, noted, *_ = self.told("127.0.0.1", VERSION=0)
        self.assertEqual(noted, bare)
        alive, _, noted, *_ = self.told("127.0.0.1", TRUSTED="192.0.2.1")
        self.assertEqual(noted, alive)
        alive, _, noted, *_ = self.told("127.0.0.1", DESTINATION="socket")
        self.assertEqual(noted, alive)


if __name__ == "__main__":
    fixture.main()
