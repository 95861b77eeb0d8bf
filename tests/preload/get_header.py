# SPDX-License-Identifier: ISC
"""proxyproto_get_header and proxyproto_get_proxy, by descriptor."""
import os
import signal
import socket
import unittest

import fixture
from fixture import tlv, v1, v2, v2_local, v2_raw, with_crc
from fixture.calls import CallsCase, pack_address

# Headers that their addresses do not make up.
TLVS = v2(tlvs=tlv(1, b"h2") + tlv(5, bytes(range(128))))
OTHER_TLVS = v2("2001:db8::9", "2001:db8::8", tlvs=tlv(0xEA, b"other"))
# more than one piece, and more than is looked at in place
LONG = v2(tlvs=tlv(0xEA, bytes(range(256)) * 10))
LONGEST = v2(tlvs=tlv(0xEA, b"x" * (65535 - 12 - 3)))

PLAIN = (v1(), v2(), v1("2001:db8::1", "2001:db8::2"),
         v2("2001:db8::1", "2001:db8::2"), v2_local(), v2_raw(protocol=0),
         b"PROXY UNKNOWN\r\n")
MORE = (TLVS, with_crc(tlv(4, b"")), LONG,
        v2_local(tlv(0xEA, b"check"), protocol=0x11),
        v2_raw(protocol=0x31, block=bytes(216)),
        v2_raw(protocol=0x12, block=bytes(12)),
        # a family without addresses
        v2_raw(protocol=0x10), v2_raw(protocol=0x01),
        v2_raw(command=0x20, protocol=0x11),
        b"PROXY UNKNOWN 192.0.2.1 ignored\r\n",
        v1(destination="2001:db8::2"))


class Case(CallsCase):
    def setUp(self):
        self.calls = self.start()
        self.ask()
        self.listener = self.calls.listener()
        self.clients = {}

    def ask(self):
        self.assertEqual(self.calls.do("keepheaders").outcome, (0, "KEPT"))

    def accept(self, header):
        """The descriptor of a connection with this header."""
        client = self.client(self.listener, header + b"data")
        fd = self.calls.accept(self.listener.fd).result
        self.assertGreaterEqual(fd, 0)
        self.clients[fd] = client
        return fd

    def check(self, fd, header, errno="KEPT"):
        reply = self.calls.header(fd)
        self.assertEqual(reply.outcome, (len(header), errno))
        self.assertEqual(reply.data[:len(header)], header)

    def check_none(self, fd, errno="ENODATA"):
        self.assertEqual(self.calls.header(fd).outcome, (-1, errno))


class Header(Case):
    def test_as_it_came(self):
        for header in PLAIN + MORE:
            with self.subTest(header[:40]):
                self.check(self.accept(header), header)

    def test_as_it_came_late(self):
        """From the waiting room, in two pieces."""
        for header in PLAIN + MORE:
            for cut in 5, len(header) - 1:
                with self.subTest(header[:40], cut=cut):
                    client = self.client(self.listener, header[:cut])
                    self.calls.begin("accept", self.listener.fd, 128)
                    self.calls.wait_asleep()
                    client.sendall(header[cut:] + b"data")
                    fd = self.calls.finish("accept").result
                    self.check(fd, header)

    def test_longest(self):
        fd = self.accept(LONGEST)
        reply = self.calls.header(fd)
        self.assertEqual(reply.outcome, (len(LONGEST), "KEPT"))
        self.assertEqual(reply.data[:4000], LONGEST[:4000])

    def test_as_much_as_fits(self):
        """The length is that of all of it, and nothing is written behind."""
        for header in v2(), TLVS, LONG:
            fd = self.accept(header)
            for size in 0, 1, 16, len(header) - 1, len(header):
                reply = self.calls.header(fd, size)
                self.assertEqual(reply.outcome, (len(header), "KEPT"))
                self.assertEqual(reply.data, header[:size] + b"\xaa")

    def test_of_the_right_connection(self):
        first, second = self.accept(TLVS), self.accept(OTHER_TLVS)
        third = self.accept(v2())
        self.check(first, TLVS)
        self.check(second, OTHER_TLVS)
        self.check(third, v2())

    def test_ipv6_socket(self):
        listener = self.calls.listener("::")
        for header in v2(), TLVS, v1():
            self.client(listener, header, "127.0.0.1")
            self.check(self.calls.accept(listener.fd).result, header)


class NoHeader(Case):
    def test_connection_without(self):
        self.check_none(self.accept(b""))

    def test_not_a_connection(self):
        self.check_none(self.listener.fd, "ENOTCONN")
        self.check_none(99, "EBADF")
        self.check_none(1, "ENOTSOCK")
        self.check_none(self.calls.socket(socket.AF_UNIX), "ENOTCONN")

    def test_peer_is_gone(self):
        fd = self.accept(TLVS)
        fixture.reset(self.clients[fd])
        fixture.wait_for(lambda: self.calls.getpeername(fd).result < 0,
                         "the reset")
        self.check_none(fd, "ENOTCONN")

    def test_library_is_off(self):
        calls = self.start(VERSION=0)
        listener = calls.listener()
        self.client(listener, TLVS)
        fd = calls.accept(listener.fd).result
        self.assertEqual(calls.header(fd).outcome, (-1, "ENODATA"))

    def test_untrusted(self):
        calls = self.start(TRUSTED="192.0.2.0/24")
        listener = calls.listener()
        self.client(listener, TLVS)
        fd = calls.accept(listener.fd).result
        self.assertEqual(calls.header(fd).outcome, (-1, "ENODATA"))

    def test_outgoing_connection_on_its_descriptor(self):
        """Closed where the library does not see it, and connected anew."""
        for header in v2(), TLVS:
            fd = self.accept(header)
            self.calls.ok("rawclose", fd)
            self.assertEqual(self.calls.socket(), fd)
            self.check_none(fd, "ENOTCONN")
            with socket.create_server(("127.0.0.1", 0)) as server:
                port = server.getsockname()[1]
                self.calls.ok("connect", fd, pack_address("127.0.0.1", port))
                self.check_none(fd)

    def test_connected_to_the_port_of_the_proxy(self):
        """The kernel's peer is the one that it was, the connection another."""
        for header in v2(), TLVS:
            # not a port that another test's client may get
            proxy = "127.0.0.1", fixture.free_port()
            client = socket.create_connection(
                ("127.0.0.1", self.listener.port), source_address=proxy)
            client.sendall(header)
            fd = self.calls.accept(self.listener.fd).result
            self.calls.ok("rawclose", fd)
            fixture.reset(client)
            with socket.create_server(proxy):
                self.assertEqual(self.calls.socket(), fd)
                self.calls.ok("connect", fd, pack_address(*proxy))
                self.check_none(fd)
                self.assertEqual(self.calls.getpeername(fd).address, proxy)


class Descriptors(Case):
    def test_duplicates(self):
        for header in v2(), TLVS, LONG:
            fd = self.accept(header)
            other = self.calls.ok("fcntl", fd, 0, 100)
            self.check(other, header)
            self.calls.ok("close", fd)
            self.check(other, header)

    def test_duplicate_over_another(self):
        for first, second in ((TLVS, v2()), (v2(), TLVS), (TLVS, LONG)):
            to, fd = self.accept(first), self.accept(second)
            self.calls.ok("dup2", fd, to)
            self.check(to, second)
            self.check(fd, second)

    def test_reused_descriptor(self):
        """By each way to close it, and with each kind of header after."""
        for how in "close", "rawclose":
            for before in v2(), TLVS:
                for after in v2(), OTHER_TLVS, v2_local():
                    fd = self.accept(before)
                    self.calls.ok(how, fd)
                    self.assertEqual(self.accept(after), fd)
                    self.check(fd, after)
                    self.calls.ok("close", fd)

    def test_reused_without_a_header(self):
        fd = self.accept(TLVS)
        self.calls.ok("rawclose", fd)
        self.assertEqual(self.accept(b""), fd)
        self.check_none(fd)

    def test_forked_child(self):
        """Has what its parent has, and takes nothing from it."""
        fd, other = self.accept(TLVS), self.accept(LONG)
        self.calls.do("fork")
        self.check(fd, TLVS)
        self.calls.ok("close", fd)
        self.check_none(fd, "EBADF")
        self.check(other, LONG)
        self.assertEqual(self.accept(OTHER_TLVS), fd)
        self.check(fd, OTHER_TLVS)
        self.calls.begin("exit")
        self.calls.finish("exit")
        self.check(fd, TLVS)
        self.check(other, LONG)

    def test_in_a_signal_handler_after_the_call(self):
        """Signals are as they were."""
        fd = self.accept(TLVS)
        self.check(fd, TLVS)
        os.kill(self.calls.pid, signal.SIGUSR2)
        self.calls.wait_line("^signal = ")


class Executed(Case):
    def test_another_program(self):
        """What the note tells; not where it connected to by IPv6."""
        for header in PLAIN + MORE:
            fd = self.accept(header)
            self.calls.exec()
            self.listener = self.calls.listener()
            with self.subTest(header[:40]):
                if header in MORE or b"2001" in header \
                        or b"\x20\x01\x0d\xb8" in header:
                    self.check_none(fd, "ENOBUFS")
                else:
                    self.check(fd, header)


class NotAsked(Case):
    """Headers that say no more than the note are told, others are not."""

    def ask(self):
        pass

    def test_each(self):
        for header in PLAIN:
            self.check(self.accept(header), header)
        for header in MORE:
            self.check_none(self.accept(header), "ENOBUFS")

    def test_late(self):
        for header, errno in (v2(), None), (TLVS, "ENOBUFS"):
            client = self.client(self.listener, header[:20])
            self.calls.begin("accept", self.listener.fd, 128)
            self.calls.wait_asleep()
            client.sendall(header[20:] + b"data")
            fd = self.calls.finish("accept").result
            if errno:
                self.check_none(fd, errno)
            else:
                self.check(fd, header)

    def test_asked_later(self):
        """What is accepted from then on; asking twice does not matter."""
        fd = self.accept(TLVS)
        for _ in range(2):
            super().ask()
            self.check_none(fd, "ENOBUFS")
            self.check(self.accept(OTHER_TLVS), OTHER_TLVS)


class Race(unittest.TestCase):
    def test_threads_signals_and_forks(self):
        program = fixture.Program(
            [fixture.probe("headers_race")],
            fixture.environment(fixture.SERVER_LIBRARY, TIMEOUT=600,
                                MUST_USE_PROTOCOL_HEADER=1))
        self.addCleanup(program.stop)
        self.assertEqual(program.wait(), 0, program.output())
        self.assertRegex(program.output(), r"^done: [1-9]\d* signals$")


class Memory(Case):
    """Bounded: the oldest makes room, and is not told wrongly."""

    def resident(self):
        with open(f"/proc/{self.calls.pid}/status",
                  encoding="ascii") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1])
        raise AssertionError("no RssAnon")

    def test_plain_headers_take_none(self):
        self.accept(v2())
        before = self.resident()
        for _ in range(200):
            self.calls.ok("close", self.accept(v2()))
        self.assertLess(self.resident() - before, 64)

    def test_nothing_is_kept_where_nobody_asked(self):
        self.calls = self.start()
        self.listener = self.calls.listener()
        self.accept(TLVS)
        before = self.resident()
        for _ in range(50):
            self.calls.ok("close", self.accept(LONGEST))
        self.assertLess(self.resident() - before, 128)

    def test_oldest_make_room(self):
        before = self.resident()
        fds = [self.accept(LONGEST) for _ in range(200)]
        self.assertLess(self.resident() - before, 10 * 1024)
        self.assertGreater(self.resident() - before, 7 * 1024)
        self.check_none(fds[0], "ENOBUFS")
        self.assertEqual(self.calls.getpeername(fds[0]).address,
                         ("192.0.2.1", 1111))
        for fd in fds[-100:]:
            self.assertEqual(self.calls.header(fd, 0).result, len(LONGEST))
        self.check(self.accept(TLVS), TLVS)


class Proxy(Case):
    def test_is_what_the_kernel_names(self):
        for header in v2(), TLVS, v2_local(), b"":
            fd = self.accept(header)
            reply = self.calls.getproxy(fd)
            self.assertEqual(reply.outcome, (0, "KEPT"))
            self.assertEqual(reply.address,
                             self.clients[fd].getsockname()[:2])

    def test_fails_as_getpeername(self):
        self.assertEqual(self.calls.getproxy(self.listener.fd).outcome,
                         (-1, "ENOTCONN"))
        self.assertEqual(self.calls.getproxy(99).outcome, (-1, "EBADF"))


if __name__ == "__main__":
    fixture.main()
