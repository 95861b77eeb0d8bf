# SPDX-License-Identifier: ISC
"""A header that is late, cut short or never comes."""
import fcntl
import os
import socket
import struct
from termios import TIOCOUTQ

import fixture
from fixture import namespaces, reset, tlv, v1, v2
from fixture.calls import CallsCase

CLIENT = "192.0.2.1", 1111
# A timeout that is soon over, and one that is never reached.
SHORT, NEVER = "0.02", "3600"
LONG = v2(tlvs=tlv(0xE0, bytes(2000)))
BEGINNINGS = ([header[:cut] for header in (v1(), v2())
               for cut in range(len(header))] + [LONG[:15]])


# A listener's waiting room: its epoll and its timer.
ROOM = 2


def open_room(calls, listener):
    """Lets the listener's waiting room be opened; it stays open."""
    with fixture.connect(listener.port, b"P", listener.host) as client:
        calls.begin("accept", listener.fd, 128)
        calls.wait_asleep()
        client.sendall(v1()[1:])
        calls.ok("close", calls.finish("accept").result)


class Timeout(CallsCase):
    def test_original_silent_client_stops_the_server(self):
        """The next client is served, by blocking listeners and others."""
        for must_use in (0, 1):
            for nonblocking in (False, True):
                calls = self.start(TIMEOUT=SHORT,
                                   MUST_USE_PROTOCOL_HEADER=must_use)
                listener = calls.listener(nonblocking=nonblocking)
                silent = self.client(listener)
                self.client(listener, v1())
                calls.ok("poll", listener.fd, 1, -1)
                self.assertEqual(calls.accept(listener.fd).address, CLIENT)
                if must_use:
                    continue
                reply = calls.accept(listener.fd)
                while reply.errno == "EAGAIN" or calls.is_reset(reply.result):
                    calls.ok("poll", listener.fd, 1, -1)
                    reply = calls.accept(listener.fd)
                self.assertEqual(reply.address, silent.getsockname())
                self.assertEqual(reply.errno, "KEPT")

    def late(self):
        """A listener that a client waits for, within its header."""
        calls = self.start(TIMEOUT=NEVER)
        listener = calls.listener(nonblocking=True)
        client = self.client(listener, v1()[:9])
        calls.ok("poll", listener.fd, 1, -1)
        self.assertEqual(calls.accept(listener.fd).errno, "EAGAIN")
        return calls, listener, client

    def test_calls_that_fail_on_numbers_of_the_room(self):
        """Who waits is not there to be closed, and nothing closes it."""
        calls, listener, client = self.late()
        taken = [fd for fd in calls.descriptors() if fd > listener.fd]
        self.assertEqual(len(taken), ROOM + 1)
        for number in taken:
            self.assertEqual(calls.do("dup3", 0, number, 0x7777).errno,
                             "EINVAL")
            self.assertEqual(calls.do("dup2", 100, number).errno, "EBADF")
            self.assertEqual(calls.do("close", number).errno, "EBADF")
        client.sendall(v1()[9:])
        calls.ok("poll", listener.fd, 1, -1)
        self.assertEqual(calls.accept(listener.fd).address, CLIENT)

    def test_listener_whose_room_is_lost_is_closed(self):
        """By raw system calls; errno is as it was."""
        calls, listener, _ = self.late()
        for number in calls.descriptors():
            if number > listener.fd:
                calls.ok("rawclose", number)
        self.assertEqual(calls.do("close", listener.fd).outcome, (0, "KEPT"))

    def test_handed_over_untouched(self):
        calls = self.start(TIMEOUT=SHORT)
        listener = calls.listener()
        for begins in (b"", b"P", b"PROXY TCP4 192.0.", v2()[:1], v2()[:27]):
            client = self.client(listener, begins)
            fd = calls.accept(listener.fd).result
            self.assertEqual(calls.getpeername(fd).address,
                             client.getsockname())
            client.sendall(b"more")
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(calls.receive_all(fd), begins + b"more")

    def test_original_server_that_speaks_first_deadlocks(self):
        """A direct client waits for the greeting, and gets it."""
        calls = self.start(TIMEOUT=SHORT)
        listener = calls.listener()
        client = self.client(listener)
        fd = calls.accept(listener.fd).result
        calls.ok("send", fd, b"220 hello".hex())
        self.assertEqual(client.recv(100), b"220 hello")

    def test_dropped_with_must_use(self):
        calls = self.start(TIMEOUT=SHORT, MUST_USE_PROTOCOL_HEADER=1)
        listener = calls.listener()
        for begins in (b"", b"P", b"PROXY TCP4 192.0.", v2()[:1], v2()[:27]):
            bad = self.client(listener, begins)
            calls.begin("accept", listener.fd, 128)
            self.assertEqual(fixture.read_all(bad), b"")
            self.client(listener, v2())
            reply = calls.finish("accept")
            self.assertEqual(reply.address, CLIENT)
            calls.ok("close", reply.result)

    def test_long_header_cut_short_is_malformed(self):
        """Bytes of it are taken already, so in both modes it is dropped."""
        for must_use in (0, 1):
            calls = self.start(TIMEOUT=SHORT,
                               MUST_USE_PROTOCOL_HEADER=must_use)
            listener = calls.listener()
            for cut in (16, 17, 1024, len(LONG) - 1):
                bad = self.client(listener, LONG[:cut])
                calls.begin("accept", listener.fd, 128)
                self.assertEqual(fixture.read_all(bad), b"")
                self.client(listener, v2())
                self.assertEqual(calls.finish("accept").address, CLIENT)

    def test_late_but_in_time(self):
        calls = self.start(TIMEOUT=NEVER)
        listener = calls.listener()
        for header in (v1(), v2(), LONG):
            client = self.client(listener)
            calls.begin("accept", listener.fd, 128)
            calls.wait_asleep()
            client.sendall(header + b"x")
            reply = calls.finish("accept")
            self.assertEqual(reply.address, CLIENT)
            self.assertEqual(calls.receive(reply.result).data, b"x")


class Linger(CallsCase):
    """close(2) of who is dropped does not wait, as SO_LINGER would have it."""

    def check(self, header, timeout, room=0):
        pair = namespaces.Pair(self)
        with pair.server:
            calls = self.start(TIMEOUT=timeout)
            listener = calls.listener("10.77.0.1")
            calls.ok("setsockopt", listener.fd, socket.SOL_SOCKET,
                     socket.SO_LINGER, struct.pack("=ii", 1, 10000).hex())
        with pair.client:
            # nothing is left unread, else it would be reset
            bad = self.client(listener, header)
        fixture.wait_for(
            lambda: fcntl.ioctl(bad, TIOCOUTQ, bytes(4)) == bytes(4),
            "the server to have it all")
        pair.client.ip("link", "set", "client", "down")
        number = len(calls.descriptors()) + room
        calls.begin("accept", listener.fd, 128)
        calls.wait_asleep()
        calls.wait_descriptors(number)   # it is dropped
        with pair.server:
            self.client(listener, v2())
        self.assertEqual(calls.finish("accept").address, CLIENT)

    def test_malformed(self):
        self.check(fixture.with_crc(tlv(0xE0, bytes(2000)), wrong=True),
                   NEVER)

    def test_out_of_time(self):
        self.check(LONG[:1000], SHORT, ROOM)


class End(CallsCase):
    """End of file and resets, at any place. Nobody waits for more."""

    def setUp(self):
        self.calls = self.start(TIMEOUT=NEVER)
        self.listener = self.calls.listener(backlog=300)
        self.must = self.start(TIMEOUT=NEVER, MUST_USE_PROTOCOL_HEADER=1)
        self.must_listener = self.must.listener(backlog=300)

    def test_end_inside_a_header_is_handed_over(self):
        for begins in BEGINNINGS:
            client = self.client(self.listener, begins)
            client.shutdown(socket.SHUT_WR)
            reply = self.calls.accept(self.listener.fd)
            self.assertEqual(reply.address, client.getsockname())
            self.assertEqual(self.calls.receive_all(reply.result), begins)
            self.calls.ok("close", reply.result)

    def test_end_that_comes_while_waiting(self):
        for begins in (b"", b"PRO", v1()[:20], v2()[:16]):
            client = self.client(self.listener, begins)
            self.calls.begin("accept", self.listener.fd, 128)
            self.calls.wait_asleep()
            client.shutdown(socket.SHUT_WR)
            fd = self.calls.finish("accept").result
            self.assertEqual(self.calls.receive_all(fd), begins)

    def test_end_with_must_use_is_dropped(self):
        for begins in BEGINNINGS:
            self.client(self.must_listener, begins).close()
        self.client(self.must_listener, v1())
        open_room(self.must, self.must_listener)
        before = self.must.descriptors()
        self.client(self.must_listener, v2())
        reply = self.must.accept(self.must_listener.fd)
        self.assertEqual(reply.address, CLIENT)
        self.assertEqual(self.must.descriptors(), before | {reply.result})

    def test_end_inside_a_long_header(self):
        for cut in (16, 1000, 1024, 1500, len(LONG) - 1):
            bad = self.client(self.listener, LONG[:cut])
            bad.shutdown(socket.SHUT_WR)
            self.calls.begin("accept", self.listener.fd, 128)
            self.assertEqual(fixture.read_all(bad), b"")
            self.client(self.listener, v2())
            self.assertEqual(self.calls.finish("accept").address, CLIENT)

    def test_end_behind_the_header(self):
        for header in (v1(), v2(), LONG):
            self.client(self.listener, header).shutdown(socket.SHUT_WR)
            reply = self.calls.accept(self.listener.fd)
            self.assertEqual(reply.address, CLIENT)
            self.assertEqual(self.calls.receive_all(reply.result), b"")

    def test_reset_before_accept(self):
        """Dropped, or handed over where the data came first."""
        for begins in (b"", b"data", b"PRO", v1(), v2(), LONG, LONG[:100]):
            reset(self.client(self.listener, begins))
            reset(self.client(self.must_listener, begins))
        self.client(self.listener, v1(source="192.0.2.9"))
        while True:
            reply = self.calls.accept(self.listener.fd)
            self.assertGreater(reply.result, 0)
            if reply.address == ("192.0.2.9", 1111):
                break
            self.assertEqual(self.calls.getpeername(reply.result).outcome,
                             (-1, "ENOTCONN"))
            self.calls.ok("close", reply.result)
        self.client(self.must_listener, v1())
        reply = self.must.accept(self.must_listener.fd)
        self.assertEqual(reply.address, CLIENT)

    def test_reset_while_waiting(self):
        """Dropped: the program could not be told of the reset any more."""
        for calls, listener, stops in (
                (self.calls, self.listener, [b""]),
                (self.must, self.must_listener,
                 [b"", b"PRO", v1()[:20], v2()[:16]])):
            open_room(calls, listener)
            before = calls.descriptors()
            for begins in stops:
                bad = self.client(listener, begins)
                calls.begin("accept", listener.fd, 128)
                calls.wait_descriptors(len(before) + 1)
                reset(bad)
                calls.wait_descriptors(len(before))
                self.client(listener, v2())
                reply = calls.finish("accept")
                self.assertEqual(reply.address, CLIENT)
                calls.ok("close", reply.result)
                self.assertEqual(calls.descriptors(), before)


    def test_reset_behind_data(self):
        """Handed over: the program reads the data and then of the reset."""
        for begins in (b"PRO", v1()[:20], v2()[:16]):
            client = self.client(self.listener, begins)
            self.calls.begin("accept", self.listener.fd, 128)
            self.calls.wait_asleep()
            reset(client)
            fd = self.calls.finish("accept").result
            self.assertEqual(self.calls.receive(fd).data, begins)
            self.assertEqual(self.calls.receive(fd).outcome,
                             (-1, "ECONNRESET"))
            self.calls.ok("close", fd)


class Waiting(CallsCase):
    """Where those who wait are, and where they are not."""

    def begin(self):
        """A program with one who waits, and the descriptors that takes."""
        calls = self.start(TIMEOUT=NEVER)
        listener = calls.listener(nonblocking=True)
        before = calls.descriptors()
        client = self.client(listener, v1()[:10])
        self.assertEqual(calls.accept(listener.fd).outcome, (-1, "EAGAIN"))
        taken = calls.descriptors() - before
        self.assertEqual(len(taken), ROOM + 1)
        return calls, listener, client, taken

    def check_served(self, calls, listener, client):
        client.sendall(v1()[10:])
        calls.ok("poll", listener.fd, 1, -1)
        self.assertEqual(calls.accept(listener.fd).address, CLIENT)

    def test_close_on_exec(self):
        calls, _, _, taken = self.begin()
        for fd in taken:
            self.assertEqual(calls.ok("fcntl", fd, 1, 0), 1)

    def test_not_in_a_forked_child(self):
        calls, listener, client, taken = self.begin()
        parent, calls.pid = calls.pid, calls.ok("fork")
        self.assertEqual(calls.descriptors() & taken, set())
        # the child accepts on its own, and has its own room
        other = self.client(listener, v2("192.0.2.9")[:10])
        self.assertEqual(calls.accept(listener.fd).outcome, (-1, "EAGAIN"))
        other.sendall(v2("192.0.2.9")[10:])
        calls.ok("poll", listener.fd, 1, -1)
        self.assertEqual(calls.accept(listener.fd).address,
                         ("192.0.2.9", 1111))
        calls.begin("exit", 0)
        self.assertEqual(calls.finish("exit").result, 0)
        calls.pid = parent
        self.check_served(calls, listener, client)

    def test_closed_with_the_listener(self):
        calls, listener, client, taken = self.begin()
        calls.ok("close", listener.fd)
        self.assertEqual(calls.descriptors() & taken, set())
        self.assertEqual(fixture.read_all(client), b"")

    def test_forgotten_with_a_listener_that_was_replaced(self):
        """Its number goes to another one, and nobody told the library."""
        calls, listener, client, _ = self.begin()
        other = calls.listener(nonblocking=True)
        calls.ok("rawdup", other.fd, listener.fd)
        client.sendall(v1()[10:])
        self.client(other, v2("192.0.2.9"))
        self.assertEqual(calls.accept(listener.fd).address,
                         ("192.0.2.9", 1111))
        self.assertEqual(fixture.read_all(client), b"")
        self.assertEqual(calls.accept(listener.fd).outcome, (-1, "EAGAIN"))

    def test_number_of_a_listener_that_is_gone(self):
        """Who waits may have it, where the library was not told."""
        calls, listener, client, _ = self.begin()
        other = calls.listener(nonblocking=True)
        calls.ok("rawclose", listener.fd)
        late = self.client(other, v2("192.0.2.9")[:10])
        self.assertEqual(calls.accept(other.fd).outcome, (-1, "EAGAIN"))
        late.sendall(v2("192.0.2.9")[10:])
        calls.ok("poll", other.fd, 1, -1)
        reply = calls.accept(other.fd)
        self.assertEqual((reply.result, reply.address),
                         (listener.fd, ("192.0.2.9", 1111)))


class Told(CallsCase):
    """LIBPROXYPROTO_DEBUG, where nobody reads what it tells."""

    def setUp(self):
        folder = fixture.folder(self.addCleanup)
        path = folder + "/stderr"
        os.mkfifo(path)
        self.pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self.addCleanup(os.close, self.pipe)
        self.calls = self.start(
            argv=["sh", "-c", 'exec "$0" 2> "$1"', fixture.probe("calls"),
                  path], TIMEOUT=NEVER, DEBUG=1)

    def fill(self):
        try:
            while True:
                os.write(self.pipe, b"\n")
        except BlockingIOError:
            pass

    def test_a_thread_that_tells_holds_up_no_other(self):
        """Others wait for their listeners, and fork."""
        calls = self.calls
        listener, other = (calls.listener(nonblocking=True) for _ in "12")
        client = self.client(listener, b"PROXY TCP4 ")
        self.assertEqual(calls.accept(listener.fd).outcome, (-1, "EAGAIN"))
        self.fill()
        client.sendall(b"nonsense")
        self.assertEqual(calls.ok("thread", "accept", listener.fd, 128), 0)
        # it tells that the client is dropped, for ever
        calls.wait_asleep()
        self.assertEqual(calls.do("poll", other.fd, 1, 0).result, 0)
        calls.ok("fork")
        self.assertEqual(calls.do("exit", 0).result, 0)
        self.assertNotIn(b"bad source address", os.read(self.pipe, 1 << 20))
        self.assertEqual(calls.finish("accept").outcome, (-1, "EAGAIN"))
        self.assertRegex(os.read(self.pipe, 1 << 20),
                         b"^libproxyproto: accept: .* bad source address")


if __name__ == "__main__":
    fixture.main()
