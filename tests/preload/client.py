# SPDX-License-Identifier: ISC
"""libproxyproto_connect.so: what is sent, what is left as it was."""
import errno
import os
import signal
import socket
import struct
import subprocess
import tempfile

import fixture
from fixture import CLIENT_LIBRARY, SERVER_LIBRARY, v1, v2
from fixture.calls import pack_address, pack_unix
from fixture.client import ADDR, PORT, STREAM, ClientCase

NONBLOCK = int(socket.SOCK_NONBLOCK)
MPTCP = 262


class Sent(ClientCase):
    def test_versions(self):
        for flags in (0, NONBLOCK):
            for version, header in ((0, None), (1, v1), (2, v2)):
                server = self.serve()
                calls = self.begin(VERSION=version)
                self.connect(calls, server, flags)
                self.expect(self.accept(server), header(
                    ADDR, "127.0.0.1", PORT, server.getsockname()[1])
                    if header else b"")

    def test_defaults(self):
        server = self.serve()
        self.connect(self.start(CLIENT_LIBRARY), server)
        self.expect(self.accept(server),
                    v2("127.0.0.1", "127.0.0.1", 8080,
                       server.getsockname()[1]))

    def test_ipv6(self):
        for flags in (0, NONBLOCK):
            for version, header in ((1, v1), (2, v2)):
                server = self.serve("::1")
                calls = self.begin(VERSION=version, ADDR="2001:db8::7")
                self.connect(calls, server, flags)
                self.expect(self.accept(server), header(
                    "2001:db8::7", "::1", PORT, server.getsockname()[1]))

    def test_original_families_that_differ_are_skipped(self):
        """They are bridged by v4-mapped addresses."""
        with self.subTest(server="::1"):
            server = self.serve("::1")
            port = server.getsockname()[1]
            for version, header in (
                    (1, v1("::ffff:c000:207", "::1", PORT, port)),
                    (2, v2("::ffff:c000:207", "::1", PORT, port))):
                calls = self.begin(VERSION=version)
                self.connect(calls, server)
                self.expect(self.accept(server), header)
        mapped = "::ffff:7f00:1"
        server = self.serve()
        port = server.getsockname()[1]
        for version, header in (
                (1, v1("2001:db8::7", mapped, PORT, port)),
                (2, v2("2001:db8::7", mapped, PORT, port))):
            calls = self.begin(VERSION=version, ADDR="2001:db8::7")
            self.connect(calls, server)
            self.expect(self.accept(server), header)

    def test_ipv4_over_an_ipv6_socket(self):
        for flags in (0, NONBLOCK):
            for version, header in ((1, v1), (2, v2)):
                server = self.serve()
                self.connect(self.begin(VERSION=version), server, flags,
                             host="::ffff:127.0.0.1")
                self.expect_next(server, b"data", header)

    def test_destination_is_where_it_got_to(self):
        """Nobody's address is this machine's."""
        for host, nobody in (("127.0.0.1", "0.0.0.0"), ("::1", "::")):
            with self.subTest(host=host):
                server = self.serve(host)
                port = server.getsockname()[1]
                calls = self.begin(VERSION=1, ADDR=host)
                fd = calls.socket(server.family)
                calls.ok("connect", fd, pack_address(nobody, port))
                calls.ok("close", fd)
                self.expect(self.accept(server),
                            v1(host, host, PORT, port), b"")

    def test_original_short_writes(self):
        """Each byte is a send of its own; none is lost, none sent twice."""
        for flags in (0, NONBLOCK):
            for version, header in ((1, v1), (2, v2)):
                server = self.serve()
                calls = self.begin_rough("PP_PIECES", VERSION=version)
                fd = calls.socket(kind=STREAM | flags)
                reply = calls.do("connect", fd,
                                 pack_address(*server.getsockname()))
                self.assertEqual(reply.outcome, (-1, "EINPROGRESS") if flags
                                 else (0, "KEPT"))
                # what rough.c has in store behind the last byte
                self.assertEqual(calls.do("send", fd, "00").outcome,
                                 (-1, "EINTR"))
                calls.ok("close", fd)
                self.expect_next(server, header=header)

    def test_smallest_send_buffer(self):
        server = self.serve()
        calls = self.begin(VERSION=1)
        fd = calls.socket()
        calls.ok("setsockopt", fd, socket.SOL_SOCKET, socket.SO_SNDBUF,
                 struct.pack("=i", 1).hex())
        calls.ok("connect", fd, pack_address(*server.getsockname()))
        calls.ok("close", fd)
        self.expect_next(server, header=v1)

    def test_once_only(self):
        """Also where the kernel has no option that says so."""
        for flags, *how in (0,), (NONBLOCK,), (0, "PP_OLD"), (NONBLOCK,
                                                             "PP_OLD"):
            server = self.serve()
            calls = self.begin_rough(*how)
            name = pack_address(*server.getsockname())
            fd = calls.socket(kind=STREAM | flags)
            calls.do("connect", fd, name)
            calls.ok("poll", fd, 4, -1)
            # a non-blocking one says once that it is done
            if flags:
                calls.ok("connect", fd, name)
            self.assertEqual(calls.do("connect", fd, name).outcome,
                             (-1, "EISCONN"))
            calls.ok("close", fd)
            self.expect_next(server)

    def test_multipath(self):
        try:
            socket.socket(proto=MPTCP).close()
        except OSError as error:
            self.skipTest(f"the kernel has no Multipath TCP: {error}")
        for flags in (0, NONBLOCK):
            server = self.serve()
            calls = self.begin()
            name = pack_address(*server.getsockname())
            fd = calls.socket(kind=STREAM | flags, protocol=MPTCP)
            for _ in range(3):
                calls.do("connect", fd, name)
                calls.ok("poll", fd, 4, -1)
            calls.ok("send", fd, b"data".hex())
            calls.ok("close", fd)
            self.expect_next(server, b"data")

    def test_dissolved_and_connected_again(self):
        server = self.serve()
        calls = self.begin()
        name = pack_address(*server.getsockname())
        header = self.stated(server)
        fd = calls.socket()
        calls.ok("connect", fd, name)
        self.assertEqual(self.accept(server).recv(100), header)
        calls.ok("connect", fd, bytes(16).hex())
        calls.ok("connect", fd, name)
        calls.ok("close", fd)
        self.expect(self.accept(server), header, b"")

    def test_fast_open(self):
        """The connection begins with the first send, which is the header."""
        option = struct.pack("=i", 1).hex()
        server = self.serve()
        calls = self.begin()
        for _ in range(2):
            fd = calls.socket()
            calls.ok("setsockopt", fd, socket.IPPROTO_TCP, 30, option)
            calls.ok("connect", fd, pack_address(*server.getsockname()))
            calls.ok("send", fd, b"data".hex())
            calls.ok("close", fd)
            self.expect_next(server, b"data")


class Kept(ClientCase):
    """Result, errno, flags: as the kernel has them."""

    def flags(self, calls, fd):
        return calls.ok("fcntl", fd, 3, 0) & os.O_NONBLOCK

    def test_original_failed_connect_leaves_the_socket_blocking(self):
        port = fixture.free_port()
        for flags in (0, NONBLOCK):
            calls = self.begin()
            fd = calls.socket(kind=STREAM | flags)
            reply = calls.do("connect", fd, pack_address("127.0.0.1", port))
            self.assertEqual(reply.outcome, (
                -1, "EINPROGRESS" if flags else "ECONNREFUSED"))
            self.assertEqual(self.flags(calls, fd), flags and os.O_NONBLOCK)
            if flags:
                # the error is left for the program
                error = calls.do("getsockopt", fd, socket.SOL_SOCKET,
                                 socket.SO_ERROR)
                self.assertEqual(error.words, [str(errno.ECONNREFUSED)])

    def test_flags_stay_as_they_are(self):
        server = self.serve()
        calls = self.begin()
        for flags in (0, NONBLOCK):
            fd = calls.socket(kind=STREAM | flags)
            # made, and there already
            for _ in range(3):
                calls.do("connect", fd, pack_address(*server.getsockname()))
                self.assertEqual(self.flags(calls, fd),
                                 flags and os.O_NONBLOCK)

    def test_errors(self):
        def outcomes(library):
            calls = self.start(library)
            name = pack_address("127.0.0.1", self.port)
            tcp = calls.socket()
            return [calls.do("connect", *words).outcome for words in (
                (-1, name), (99, name), (0, name), (tcp, ""),
                (tcp, "badaddress", 16), (tcp, "badaddress", 0),
                (tcp, "badaddress", -1), (99, "badaddress", 16),
                (calls.socket(socket.AF_UNIX), "badaddress", 16),
                (tcp, name[:8]), (tcp, name[:28]),
                (tcp, pack_address("::1", self.port)),
                (tcp, pack_unix("/nowhere")),
                (calls.socket(socket.AF_UNIX), pack_unix("/nowhere")),
                (calls.socket(socket.AF_UNIX), name),
                (calls.socket(socket.AF_INET6), name), (tcp, name))]
        self.port = fixture.free_port()
        self.assertEqual(outcomes(CLIENT_LIBRARY), outcomes(None))

    def test_original_udp_connect_sends_a_header_datagram(self):
        for family, host in ((socket.AF_INET, "127.0.0.1"),
                             (socket.AF_INET6, "::1")):
            with self.subTest(host=host), \
                    socket.socket(family, socket.SOCK_DGRAM) as server:
                if family == socket.AF_INET6:
                    fixture.need_ipv6()
                server.bind((host, 0))
                calls = self.begin()
                fd = calls.socket(family, socket.SOCK_DGRAM)
                calls.ok("connect", fd, pack_address(
                    host, server.getsockname()[1]))
                calls.ok("send", fd, b"data".hex())
                server.settimeout(fixture.PATIENCE)
                self.assertEqual(server.recv(100), b"data")

    def test_unix_sockets_are_left_alone(self):
        with tempfile.TemporaryDirectory() as folder, \
                socket.socket(socket.AF_UNIX) as server:
            server.bind(folder + "/socket")
            server.listen()
            calls = self.begin()
            fd = calls.socket(socket.AF_UNIX)
            calls.ok("connect", fd, pack_unix(folder + "/socket"))
            calls.ok("send", fd, b"data".hex())
            connection, _ = server.accept()
            with connection:
                self.assertEqual(connection.recv(100), b"data")

    def test_original_sigpipe(self):
        """
        The server ends the connection, then resets it, before the header is
        sent: what then is sent raises SIGPIPE, which would end the program.
        """
        for flags in (0, NONBLOCK):
            server = self.serve()
            calls = self.begin_rough("PP_SLOW_OPEN", "PP_ENDED")
            fd = calls.socket(kind=STREAM | flags)
            calls.begin("connect", fd, pack_address(*server.getsockname()))
            connection = self.accept(server)
            connection.shutdown(socket.SHUT_WR)
            fixture.reset(connection)
            self.assertEqual(
                calls.finish("connect").outcome,
                (-1, "EINPROGRESS") if flags else (0, "KEPT"))
            self.assertEqual(calls.do("send", fd, "00").outcome,
                             (-1, "EPIPE"))

    def test_a_reset_is_left_for_the_program(self):
        """The header's send does not take it away: what is read is no end."""
        server = self.serve()
        calls = self.begin_rough("PP_SLOW_OPEN", "PP_ENDED", DEBUG=1)
        fd = calls.socket()
        calls.begin("connect", fd, pack_address(*server.getsockname()))
        fixture.reset(self.accept(server))
        self.assertEqual(calls.finish("connect").outcome, (0, "KEPT"))
        self.assertEqual(calls.do("recv", fd, 1, 0).outcome,
                         (-1, "ECONNRESET"))
        calls.wait_line(f"connect: fd {fd}: .*: "
                        f"{os.strerror(errno.ENOTCONN)}$")

    def test_reset_at_once(self):
        server = self.serve(backlog=64)
        calls = self.begin()
        name = pack_address(*server.getsockname())
        for _ in range(200):
            fd = calls.socket(kind=STREAM | NONBLOCK)
            calls.begin("connect", fd, name)
            fixture.reset(self.accept(server))
            calls.finish("connect")
            calls.ok("close", fd)
        self.assertIsNone(calls.process.poll())

    def full_backlog(self):
        """A listener that answers no further client."""
        server = self.serve(backlog=0)
        name = server.getsockname()
        # the kernel takes one more than the backlog
        self.addCleanup(socket.create_connection(name).close)
        return server, pack_address(*name)

    def begin_in_vain(self):
        """A blocking connect that a timeout of the program's own ended."""
        server, name = self.full_backlog()
        calls = self.begin()
        fd = calls.socket()
        calls.ok("setsockopt", fd, socket.SOL_SOCKET, socket.SO_SNDTIMEO,
                 struct.pack("ll", 0, 100000).hex())
        self.assertEqual(calls.do("connect", fd, name).outcome,
                         (-1, "EINPROGRESS"))
        return server, name, calls, fd

    def accept_second(self, server):
        """The first is accepted, and then there is room for the other."""
        self.accept(server)
        return self.accept(server)

    def test_so_sndtimeo_ends_it(self):
        server, name, calls, fd = self.begin_in_vain()
        self.assertEqual(calls.do("connect", fd, name).outcome,
                         (-1, "EALREADY"))
        connection = self.accept_second(server)
        calls.ok("poll", fd, 4, -1)
        calls.ok("connect", fd, name)
        calls.ok("close", fd)
        self.expect(connection, self.stated(server), b"")

    def test_nonblocking_then(self):
        server, name, calls, fd = self.begin_in_vain()
        calls.ok("fcntl", fd, 4, os.O_NONBLOCK)
        calls.begin("connect", fd, name)
        connection = self.accept_second(server)
        self.assertEqual(calls.finish("connect").outcome, (-1, "EALREADY"))
        calls.ok("poll", fd, 4, -1)
        calls.ok("close", fd)
        self.expect(connection, self.stated(server), b"")

    def test_interrupted_and_connected_nevertheless(self):
        server = self.serve()
        calls = self.begin_rough("PP_INTERRUPTED")
        fd = calls.socket()
        self.assertEqual(
            calls.do("connect", fd,
                     pack_address(*server.getsockname())).outcome,
            (-1, "EINTR"))
        calls.ok("send", fd, b"data".hex())
        calls.ok("close", fd)
        self.expect_next(server, b"data")

    def test_cancelled_behind_the_header(self):
        """A thread that is cancelled leaves no half of a header."""
        server = self.serve()
        calls = self.begin_rough("PP_CANCELLED", "PP_PIECES")
        fd = calls.socket()
        calls.ok("thread", "connect", fd,
                 pack_address(*server.getsockname()))
        self.assertEqual(calls.do("join").result, 1)
        calls.ok("close", fd)
        self.expect_next(server)

    def test_a_signal_ends_it(self):
        _, name = self.full_backlog()
        calls = self.begin()
        fd = calls.socket()
        calls.begin("connect", fd, name)
        calls.wait_asleep()
        os.kill(calls.pid, signal.SIGUSR1)
        self.assertEqual(calls.finish("connect").outcome, (-1, "EINTR"))


class Programs(ClientCase):
    """Real clients, and both libraries together."""

    def answer(self, argv, stdin=b"", **settings):
        """What a program sends, answered with an HTTP reply."""
        server = self.serve()
        port = server.getsockname()[1]
        with subprocess.Popen(
                [word.replace("PORT", str(port)) for word in argv],
                env=fixture.environment(CLIENT_LIBRARY, **settings),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
            program.stdin.write(stdin)
            program.stdin.close()
            connection = self.accept(server)
            data = b""
            while not data.endswith((b"hello\n", b"\r\n\r\n")):
                data += connection.recv(4096)
            connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nhello")
            connection.close()
            self.assertIn(b"hello", program.stdout.read())
        return data, port

    def check(self, argv, stdin=b""):
        for version, header in ((1, v1), (2, v2)):
            data, port = self.answer(argv, stdin, VERSION=version, ADDR=ADDR,
                                     PORT=PORT)
            expected = header(ADDR, "127.0.0.1", PORT, port)
            self.assertEqual(data[:len(expected)], expected)
            self.assertRegex(data[len(expected):], rb"^(GET / HTTP|hello\n)")

    def test_curl(self):
        fixture.need("curl")
        self.check(["curl", "-s", "http://127.0.0.1:PORT/"])

    def test_nc(self):
        fixture.need("nc.openbsd")
        self.check(["nc.openbsd", "127.0.0.1", "PORT"], b"hello\n")

    def test_python(self):
        self.check(["python3", "-c", "import urllib.request as u; print("
                    "u.urlopen('http://127.0.0.1:PORT/').read())"])

    def test_with_the_server_library(self):
        calls = self.start(SERVER_LIBRARY)
        for host, addr in (("127.0.0.1", ADDR), ("::1", "2001:db8::7"),
                           ("127.0.0.1", "2001:db8::8")):
            with self.subTest(host=host, addr=addr):
                listener = calls.listener(host)
                for version in (1, 2):
                    client = self.begin(VERSION=version, ADDR=addr)
                    fd = client.socket(socket.AF_INET6 if ":" in host
                                       else socket.AF_INET)
                    client.ok("connect", fd, pack_address(host, listener.port))
                    reply = calls.accept(listener.fd)
                    self.assertEqual(reply.address, (addr, PORT))
                    self.assertEqual(
                        calls.getpeername(reply.result).address, (addr, PORT))


if __name__ == "__main__":
    fixture.main()
