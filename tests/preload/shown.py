# SPDX-License-Identifier: ISC
"""
What a program is shown of what a header states: DESTINATION, for those that
bind to their own address or look themselves up by it, and IPV6_ON_IPV4, for
those that take nothing but IPv4 addresses from an IPv4 socket.
"""
import socket
import subprocess
import tempfile
import unittest

import fixture
from fixture import v1, v2
from fixture.calls import CallsCase, pack_address

CLIENT = "192.0.2.1", 1111
DESTINATION = "192.0.2.2", 2222
CLIENT6 = "2001:db8::1", 1111
DESTINATION6 = "2001:db8::2", 2222
IPV6 = CLIENT6[0], DESTINATION6[0]


class Shown(CallsCase):
    def accept(self, calls, header, host="127.0.0.1", proxy=None):
        """(descriptor, accept's address, the proxy's, the server's)."""
        listener = calls.listener(host)
        client = self.client(listener, header, proxy)
        reply = calls.accept(listener.fd)
        return (reply.result, reply.address, client.getsockname()[:2],
                client.getpeername()[:2])

    def ends(self, calls, fd):
        return calls.getpeername(fd).address, calls.getsockname(fd).address

    def header(self, calls, fd):
        reply = calls.header(fd)
        return reply.data[:reply.result]


class Destination(Shown):
    def test_socket(self):
        """Whatever the families; the client and the header are not touched."""
        calls = self.start(DESTINATION="socket")
        for host, addresses, client in (
                ("127.0.0.1", CLIENT[:1] + DESTINATION[:1], CLIENT),
                ("127.0.0.1", IPV6, CLIENT6),
                ("::1", ("192.0.2.1", "192.0.2.2"),
                 ("::ffff:192.0.2.1", 1111)),
                ("::1", IPV6, CLIENT6)):
            for header in v1(*addresses), v2(*addresses):
                with self.subTest(host=host, header=header):
                    fd, told, _, server = self.accept(calls, header, host)
                    self.assertEqual(told, client)
                    self.assertEqual(self.ends(calls, fd), (client, server))
                    self.assertEqual(self.header(calls, fd), header)

    def test_header(self):
        """As by default."""
        for value in "header", "HEADER":
            calls = self.start(DESTINATION=value)
            fd, *_ = self.accept(calls, v1())
            self.assertEqual(self.ends(calls, fd), (CLIENT, DESTINATION))

    def test_one_that_waited(self):
        calls = self.start(DESTINATION="Socket")
        listener = calls.listener(nonblocking=True)
        client = self.client(listener, v1()[:9])
        self.assertEqual(calls.ok("poll", listener.fd, 1, -1), 1)
        self.assertEqual(calls.accept(listener.fd).errno, "EAGAIN")
        client.sendall(v1()[9:])
        self.assertEqual(calls.ok("poll", listener.fd, 1, -1), 1)
        fd = calls.accept(listener.fd).result
        self.assertEqual(self.ends(calls, fd),
                         (CLIENT, ("127.0.0.1", listener.port)))

    def test_one_that_was_reset(self):
        """It tells the kernel's addresses with either."""
        for value in "header", "socket":
            calls = self.start(DESTINATION=value)
            listener = calls.listener("127.0.0.1")
            client = self.client(listener, b"PROXY nonsense\r\n")
            self.assertEqual(calls.ok("poll", listener.fd, 1, -1), 1)
            fd = calls.accept(listener.fd).result
            self.assertTrue(calls.is_reset(fd))
            self.assertEqual(self.ends(calls, fd),
                             (client.getsockname(),
                              ("127.0.0.1", listener.port)))

    def test_the_one_who_asks_decides(self):
        """Not the one who took the header off, and left the note."""
        ways = {"socket": self.start(DESTINATION="socket"),
                "header": self.start(DESTINATION="header")}
        boxes = {name: calls.mailbox() for name, calls in ways.items()}
        for name, calls in ways.items():
            for header, client, stated in (
                    (v1(), CLIENT, DESTINATION),
                    # where it connected to is known to the first alone
                    (v2(*IPV6), CLIENT6, None)):
                other = "header" if name == "socket" else "socket"
                fd, _, _, server = self.accept(calls, header)
                calls.ok("pass", calls.connect_mailbox(
                    calls.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
                    ways[other]), fd)
                passed = ways[other].ok("take", boxes[other])
                if name == "socket" and stated:
                    server = stated
                self.assertEqual(self.ends(ways[other], passed),
                                 (client, server))

    def test_in_a_section_of_the_file(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("[other]\ndestination = header\n[calls]\n"
                       "destination = socket\nipv6_on_ipv4 = proxy\n")
            file.flush()
            calls = self.start(CONFIG=file.name, DEBUG=1)
            fd, told, _, server = self.accept(calls, v1())
            self.assertEqual(self.ends(calls, fd), (told, server))
            fd, told, proxy, _ = self.accept(calls, v2(*IPV6))
            self.assertEqual(told, proxy)
            calls.wait_line(
                r"version .*: DEBUG=1 \(environment\), DESTINATION=socket "
                r"\(file, \[calls\]\), IPV6_ON_IPV4=proxy \(file, \[calls\]\)")
            calls = self.start(CONFIG=file.name, DESTINATION="header")
            fd, *_ = self.accept(calls, v1())
            self.assertEqual(self.ends(calls, fd), (CLIENT, DESTINATION))

    def test_a_second_listener_on_the_address(self):
        """What an FTP server does for its data connections."""
        calls = self.start(DESTINATION="socket")
        fd, *_ = self.accept(calls, v1())
        name = calls.getsockname(fd).address[0], 0
        data = calls.socket()
        calls.ok("bind", data, pack_address(*name))
        calls.ok("listen", data, 1)


class IPv6OnIPv4(Shown):
    def setUp(self):
        self.calls = self.start(IPV6_ON_IPV4="proxy")

    def test_an_ipv6_client_is_the_proxy(self):
        """To accept, getpeername and getsockname; the header is there."""
        for header in v1(*IPV6), v2(*IPV6):
            fd, told, proxy, server = self.accept(self.calls, header)
            self.assertEqual(told, proxy)
            self.assertEqual(self.ends(self.calls, fd), (proxy, server))
            self.assertEqual(self.header(self.calls, fd), header)

    def test_everybody_else_is_shown(self):
        """And so is one that is IPv4, however it is written."""
        mapped = "::ffff:192.0.2.1", "::ffff:192.0.2.2"
        for header in v1(), v2(), v1(*mapped), v2(*mapped):
            fd, told, *_ = self.accept(self.calls, header)
            self.assertEqual(told, CLIENT)
            self.assertEqual(self.ends(self.calls, fd), (CLIENT, DESTINATION))

    def test_on_an_ipv6_socket(self):
        for host, proxy in ("::1", "::1"), ("::", "::1"), ("::", "127.0.0.1"):
            fd, told, *_ = self.accept(self.calls, v2(*IPV6), host, proxy)
            self.assertEqual(told, CLIENT6)
            self.assertEqual(self.ends(self.calls, fd),
                             (CLIENT6, DESTINATION6))

    def test_one_of_each_family(self):
        """A client that is not shown has connected to nowhere else."""
        fd, told, proxy, server = self.accept(
            self.calls, v2(IPV6[0], "::ffff:192.0.2.2"))
        self.assertEqual(told, proxy)
        self.assertEqual(self.ends(self.calls, fd), (proxy, server))
        fd, told, _, server = self.accept(
            self.calls, v2("::ffff:192.0.2.1", IPV6[1]))
        self.assertEqual(told, CLIENT)
        self.assertEqual(self.ends(self.calls, fd), (CLIENT, server))

    def test_the_one_who_asks_decides(self):
        other = self.start()
        box = other.mailbox()
        fd, *_ = self.accept(self.calls, v2(*IPV6))
        self.calls.ok("pass", self.calls.connect_mailbox(
            self.calls.socket(socket.AF_UNIX, socket.SOCK_DGRAM), other), fd)
        passed = other.ok("take", box)
        self.assertEqual(other.getpeername(passed).address, CLIENT6)


class Started(unittest.TestCase):
    """With LIBPROXYPROTO_INETD."""

    def told(self, **settings):
        """What is told, and what the kernel would have."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            with fixture.connect(listener.getsockname()[1],
                                 v2(*IPV6)) as client:
                connection = listener.accept()[0]
                with connection:
                    output = subprocess.run(
                        [fixture.probe("handover"), "tell", "0"],
                        stdin=connection, stdout=subprocess.PIPE, text=True,
                        env=fixture.environment(fixture.SERVER_LIBRARY,
                                                INETD=1, **settings),
                        check=True).stdout
                names = [" ".join(map(str, name)) for name in
                         (client.getsockname(), client.getpeername())]
        return output.split("\n")[:2], names

    def test_both(self):
        told, names = self.told(DESTINATION="socket")
        self.assertEqual(told, ["peer 2001:db8::1 1111", "name " + names[1]])
        told, names = self.told(IPV6_ON_IPV4="proxy")
        self.assertEqual(told, ["peer " + names[0], "name " + names[1]])

    def test_in_the_file(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("destination = socket\n")
            file.flush()
            told, names = self.told(CONFIG=file.name)
        self.assertEqual(told, ["peer 2001:db8::1 1111", "name " + names[1]])


if __name__ == "__main__":
    fixture.main()
