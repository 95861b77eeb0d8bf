# SPDX-License-Identifier: ISC
"""How a client that a header states is shown on a socket of each family."""

import fixture
from fixture import v1, v2
from fixture.calls import CallsCase

# The socket that listens (:: takes both families), and who connects to it.
IPV4 = "127.0.0.1", "127.0.0.1"
IPV6 = "::1", "::1"
DUAL_BY_IPV4 = "::", "127.0.0.1"
DUAL_BY_IPV6 = "::", "::1"
SOCKETS6 = IPV6, DUAL_BY_IPV4, DUAL_BY_IPV6


def headers(source, destination, port=1111):
    """The same statement in both versions."""
    return [make(source=source, destination=destination, source_port=port)
            for make in (v1, v2)]


class Presentation(CallsCase):
    def check(self, sockets, header, shown):
        """accept, accept4 and getpeername all show the same."""
        calls = self.start()
        for host, client_host in sockets:
            with self.subTest(host=host, by=client_host, header=header):
                listener = calls.listener(host, v6only=host == "::1")
                for call in ("accept", "accept4"):
                    self.client(listener, header + b"payload", client_host)
                    reply = calls.do(call, listener.fd, 128, 0)
                    again = calls.getpeername(reply.result)
                    self.assertEqual(reply.address, shown)
                    self.assertEqual(again.address, shown)
                    self.assertEqual(again.buffer, reply.buffer)
                    if reply.length == 28:
                        flow, scope = reply.buffer[4:8], reply.buffer[24:28]
                        self.assertEqual((flow, scope), (bytes(4), bytes(4)))
                    self.assertEqual(calls.receive(reply.result).data,
                                     b"payload")

    def test_ipv4_client_on_an_ipv4_socket(self):
        for header in headers("192.0.2.1", "192.0.2.2"):
            self.check([IPV4], header, ("192.0.2.1", 1111))

    def test_ipv6_client_on_an_ipv4_socket(self):
        for header in headers("2001:db8::1", "2001:db8::2"):
            self.check([IPV4], header, ("2001:db8::1", 1111))

    def test_mapped_client_on_an_ipv4_socket(self):
        for header in headers("::ffff:192.0.2.1", "::ffff:192.0.2.2"):
            self.check([IPV4], header, ("192.0.2.1", 1111))

    def test_original_tcp4_on_an_ipv6_socket_is_not_mapped(self):
        for header in headers("192.0.2.1", "192.0.2.2"):
            self.check(SOCKETS6, header, ("::ffff:192.0.2.1", 1111))

    def test_original_v1_tcp6_never_yields_the_client(self):
        self.check(SOCKETS6, v1("2001:db8::1", "2001:db8::2"),
                   ("2001:db8::1", 1111))

    def test_ipv6_client_on_an_ipv6_socket(self):
        self.check(SOCKETS6, v2("2001:db8::1", "2001:db8::2"),
                   ("2001:db8::1", 1111))

    def test_mapped_client_on_an_ipv6_socket(self):
        for header in headers("::ffff:192.0.2.1", "::ffff:192.0.2.2"):
            self.check(SOCKETS6, header, ("::ffff:192.0.2.1", 1111))

    def test_original_port_0_refused(self):
        for port in (0, 1, 65535):
            for header in headers("192.0.2.1", "192.0.2.2", port):
                self.check([IPV4], header, ("192.0.2.1", port))

    def test_unusual_addresses(self):
        """Whatever a header states is shown; nothing is made of it."""
        for source in ("0.0.0.0", "255.255.255.255", "127.0.0.1"):
            for header in headers(source, "192.0.2.2"):
                self.check([IPV4], header, (source, 1111))
        for source in ("::", "::1", "fe80::1", "ff02::1"):
            for header in headers(source, "2001:db8::2"):
                self.check([IPV6], header, (source, 1111))

    def test_short_buffer_for_an_ipv6_client_on_an_ipv4_socket(self):
        """A buffer meant for IPv4 is not given half an IPv6 address."""
        calls = self.start()
        listener = calls.listener()
        client = self.client(listener, v2("2001:db8::1", "2001:db8::2"))
        reply = calls.accept(listener.fd, 16)
        fd = reply.result
        for reply in (reply, calls.getpeername(fd, 16),
                      calls.getpeername(fd, 27)):
            self.assertEqual(reply.length, 16)
            self.assertEqual(reply.address, client.getsockname())
            self.assertEqual(set(reply.buffer[16:]), {0xAA})
        self.assertEqual(calls.getpeername(fd, 28).address,
                         ("2001:db8::1", 1111))

    def test_each_connection_has_its_own_client(self):
        calls = self.start()
        listener = calls.listener()
        accepted = {}
        for i in range(50):
            self.client(listener, v1(source=f"192.0.2.{i}", source_port=i))
            reply = calls.accept(listener.fd)
            accepted[reply.result] = (f"192.0.2.{i}", i)
        for fd, client in accepted.items():
            self.assertEqual(calls.getpeername(fd).address, client)


class Kernel(CallsCase):
    """Where no header states a client, the kernel's word stands."""

    def check(self, data, **settings):
        calls = self.start(**settings)
        for host, client_host in (IPV4, *SOCKETS6):
            listener = calls.listener(host)
            client = self.client(listener, data, client_host)
            name, port = client.getsockname()[:2]
            if host == "::" and ":" not in name:
                name = "::ffff:" + name
            reply = calls.accept(listener.fd)
            self.assertEqual(reply.address, (name, port))
            again = calls.getpeername(reply.result)
            self.assertEqual(again.address, (name, port))

    def test_no_header(self):
        self.check(b"GET / HTTP/1.0\r\n\r\n")

    def test_unknown(self):
        self.check(b"PROXY UNKNOWN\r\n")

    def test_local(self):
        self.check(fixture.v2_local())

    def test_inert(self):
        self.check(v1(), VERSION=0)


if __name__ == "__main__":
    fixture.main()
