# SPDX-License-Identifier: ISC
"""PORTS: on which local ports there may be a header at all."""
import socket

import fixture
from fixture import namespaces, v1, v2
from fixture.calls import CallsCase
from fixture.trace import Trace

HOSTS = ("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::", "127.0.0.1"), \
    ("::", "::1")


def others(port):
    """Every port but one."""
    return f"1-{port - 1}, {port + 1}-65535"


class Case(CallsCase):
    def dial(self, host, port, data=b"", source=None):
        client = fixture.connect(port, data, host, source)
        self.addCleanup(client.close)
        return client

    def assert_untouched(self, calls, listener, client, sent):
        """The next connection is the client's own, with all it sent."""
        reply = calls.accept(listener.fd)
        name, port = client.getsockname()[:2]
        self.assertIn(reply.address, [(name, port), ("::ffff:" + name, port)])
        self.assertEqual(calls.getpeername(reply.result).address,
                         reply.address)
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(calls.receive_all(reply.result), sent)
        calls.ok("close", reply.result)

    def assert_believed(self, calls, listener):
        """The next connection is that of v1()."""
        reply = calls.accept(listener.fd)
        self.assertIn(reply.address, [("192.0.2.1", 1111),
                                      ("::ffff:192.0.2.1", 1111)])
        calls.ok("close", reply.result)


class Applies(Case):
    def listening(self, ports, host="127.0.0.1", **settings):
        """The program and a listener, for ports of its own port."""
        port = fixture.free_port(host)
        calls = self.start(PORTS=ports(port), **settings)
        return calls, calls.listener(host, port=port)

    def test_on_its_port(self):
        for ports in str, "80 {0},90".format, "{0}-{0}".format, \
                "1-65535".format, "ALL".format:
            for host, address in HOSTS:
                with self.subTest(ports=ports(4711), host=host):
                    calls, listener = self.listening(ports, host)
                    self.dial(address, listener.port, v1())
                    self.assert_believed(calls, listener)

    def test_not_on_another(self):
        for must_use in 0, 1:
            for host, address in HOSTS:
                calls, listener = self.listening(
                    others, host, MUST_USE_PROTOCOL_HEADER=must_use,
                    TIMEOUT=3600)
                for sent in v1(), v2(), b"PROXY nonsense\r\n", b"hello", b"":
                    with self.subTest(host=host, sent=sent,
                                      must_use=must_use):
                        client = self.dial(address, listener.port, sent)
                        self.assert_untouched(calls, listener, client, sent)

    def test_must_use_on_its_port(self):
        calls, listener = self.listening(str, MUST_USE_PROTOCOL_HEADER=1)
        client = self.dial("127.0.0.1", listener.port, b"hello")
        self.dial("127.0.0.1", listener.port, v1())
        self.assert_believed(calls, listener)
        self.assertEqual(fixture.read_all(client), b"")

    def test_the_port_is_the_server_s(self):
        client_port = fixture.free_port()
        calls = self.start(PORTS=client_port)
        listener = calls.listener()
        client = socket.socket()
        self.addCleanup(client.close)
        client.bind(("127.0.0.1", client_port))
        client.connect(("127.0.0.1", listener.port))
        client.sendall(v1())
        self.assert_untouched(calls, listener, client, v1())

    def test_a_port_with_a_header_and_one_without(self):
        """
        One client's address and port, one descriptor's number: what a header
        said of the first connection does not stick to the second.
        """
        port, source = fixture.free_port(), fixture.free_port()
        calls = self.start(PORTS=port)
        proxied = calls.listener(port=port)
        direct = calls.listener()
        descriptors = []
        for listener, name in (proxied, ("192.0.2.1", 1111)), \
                (direct, ("127.0.0.1", source)):
            client = socket.socket()
            self.addCleanup(client.close)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.bind(("127.0.0.1", source))
            client.connect(("127.0.0.1", listener.port))
            client.sendall(v1())
            reply = calls.accept(listener.fd)
            self.assertEqual(reply.address, name)
            self.assertEqual(calls.getpeername(reply.result).address, name)
            calls.ok("close", reply.result)
            descriptors.append(reply.result)
        self.assertEqual(descriptors[0], descriptors[1])

    def test_untrusted_and_must_use(self):
        """On a port of the list it is dropped, on another handed over."""
        for ports, dropped in (str, True), (others, False):
            with self.subTest(dropped=dropped):
                calls, listener = self.listening(
                    ports, TRUSTED="127.0.0.2", MUST_USE_PROTOCOL_HEADER=1)
                client = self.dial("127.0.0.1", listener.port, v1(),
                                   "127.0.0.3")
                if dropped:
                    self.dial("127.0.0.1", listener.port, v1(), "127.0.0.2")
                    self.assert_believed(calls, listener)
                    self.assertEqual(fixture.read_all(client), b"")
                else:
                    self.assert_untouched(calls, listener, client, v1())


class Deferral(Case):
    """TCP_DEFER_ACCEPT: where every client is expected to speak first."""

    def seconds(self, **settings):
        calls = self.start(**settings)
        reply = calls.do("getsockopt", calls.listener().fd,
                         int(socket.IPPROTO_TCP), socket.TCP_DEFER_ACCEPT)
        return int(reply.words[0])

    def test_all_speak_first(self):
        for settings in ({}, {"PORTS": "1-65535"},
                         {"MUST_USE_PROTOCOL_HEADER": 1},
                         {"MUST_USE_PROTOCOL_HEADER": 1, "TRUSTED": "::1"}):
            with self.subTest(settings):
                self.assertEqual(self.seconds(**settings), 1)

    def test_without_syn_cookies(self):
        """Silent clients would fill the queue, and shut the others out."""
        namespace = namespaces.Namespace(self.addCleanup)
        namespace.ip("link", "set", "lo", "up")
        with namespace:
            try:
                with open("/proc/sys/net/ipv4/tcp_syncookies", "w",
                          encoding="ascii") as file:
                    file.write("0")
            except OSError as error:
                self.skipTest(f"tcp_syncookies: {error.strerror}")
            self.assertEqual(self.seconds(), 0)
            listener = self.start().listener(nonblocking=True, backlog=4)
            for _ in range(5):
                self.dial("127.0.0.1", listener.port, b"")
            with open("/proc/thread-self/net/netstat",
                      encoding="ascii") as file:
                names, values = [line.split() for line in file
                                 if line.startswith("TcpExt:")]
            self.assertEqual(
                dict(zip(names, values))["TCPReqQFullDrop"], "0")

    def test_files_are_read_at_the_first_listen(self):
        """Whoever listens again may have confined itself since."""
        calls = self.start()
        for is_read in True, False:
            with Trace(calls.pid) as trace:
                calls.listener()
            self.assertEqual("openat" in trace.names("read", "write"), is_read)

    def test_some_are_direct(self):
        for settings in ({"TRUSTED": "::1"}, {"PORTS": "1"},
                         {"PORTS": "1", "MUST_USE_PROTOCOL_HEADER": 1}):
            with self.subTest(settings):
                self.assertEqual(self.seconds(**settings), 0)


class SystemCalls(Case):
    """One call more, and only where PORTS is set."""

    def trace(self, **settings):
        calls = self.start(**settings)
        listener = calls.listener(nonblocking=True)
        for _ in range(2):
            self.dial("127.0.0.1", listener.port, v1() + b"x")
        with Trace(calls.pid) as trace:
            calls.accept(listener.fd)
            calls.accept4(listener.fd, 0)
        return trace.names("read", "write")

    def test_without_ports(self):
        for settings in {}, {"PORTS": "all"}:
            self.assertNotIn("getsockname", self.trace(**settings))

    def test_on_its_port(self):
        names = self.trace(PORTS="1-65535")
        self.assertEqual(names.count("getsockname"), 2)
        self.assertEqual([name for name in names if name != "getsockname"],
                         self.trace())

    def test_on_another(self):
        self.assertEqual(self.trace(PORTS="1"),
                         ["accept", "getsockname", "accept4", "getsockname"])


class Debug(Case):
    def test_silent_about_other_ports(self):
        calls = self.start(PORTS="1", DEBUG=1, MUST_USE_PROTOCOL_HEADER=1)
        listener = calls.listener()
        client = self.dial("127.0.0.1", listener.port, v1())
        self.assert_untouched(calls, listener, client, v1())
        # but for what its settings are
        self.assertNotIn("libproxyproto: accept", calls.output())


if __name__ == "__main__":
    fixture.main()
