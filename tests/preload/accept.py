# SPDX-License-Identifier: ISC
"""accept, accept4 and getpeername behave as the kernel's, but for the name."""
import fcntl
import resource
import socket
import struct

import fixture
from fixture import tlv, v1, v2
from fixture.calls import CallsCase

NONE, CLOEXEC = 0, socket.SOCK_CLOEXEC
NONBLOCK = socket.SOCK_NONBLOCK
HOSTS = ("127.0.0.1", None), ("::1", None), ("::", "127.0.0.1"), ("::", "::1")


def status(calls, fd):
    """The flags of a descriptor and of what it is open on."""
    return (calls.do("fcntl", fd, fcntl.F_GETFD, 0),
            calls.do("fcntl", fd, fcntl.F_GETFL, 0))


class Address(CallsCase):
    """The name goes out as the kernel would have it: short, NULL, wrong."""

    LENGTHS = (0, 1, 2, 4, 8, 15, 16, 17, 27, 28, 29, 128, "null",
               "nolength", -1, -2147483648)

    def check(self, lengths):
        def script(calls, connect):
            replies = []
            for host, client_host in HOSTS:
                listener = calls.listener(host)
                for length in lengths:
                    for call in ("accept", "accept4"):
                        connect(listener, b"x", client_host)
                        reply = calls.do(call, listener.fd, length, 0)
                        replies.append(reply)
                        if reply.result < 0:
                            continue
                        replies.append(calls.getpeername(reply.result,
                                                         length))
                        replies.append(calls.receive(reply.result))
                        calls.ok("close", reply.result)
                replies.append(calls.descriptors())
            return replies
        self.compare(script)

    def test_every_length(self):
        self.check(self.LENGTHS)

    def test_original_address_length_not_updated(self):
        calls = self.start()
        listener = calls.listener("::1")
        self.client(listener, v1(source="2001:db8::1",
                                 destination="2001:db8::2"))
        reply = calls.accept(listener.fd, 128)
        self.assertEqual(reply.length, 28)
        self.assertEqual(reply.address, ("2001:db8::1", 1111))

    def test_original_null_length_crashes(self):
        calls = self.start()
        listener = calls.listener()
        self.client(listener, v1() + b"x")
        self.assertEqual(calls.accept(listener.fd, "nolength").outcome,
                         (-1, "EFAULT"))
        self.client(listener, v1() + b"x")
        reply = calls.accept(listener.fd, "null")
        self.assertEqual(calls.getpeername(reply.result).address,
                         ("192.0.2.1", 1111))
        self.assertEqual(calls.getpeername(reply.result, "null").outcome,
                         (-1, "EFAULT"))

    def test_bad_pointers_where_the_call_fails_anyway(self):
        def script(calls, connect):
            listener = calls.listener(nonblocking=True)
            connect(listener, b"x")
            fd = calls.ok("accept", listener.fd, 16)
            calls.getpeername(fd)   # the library has something to tell now
            unconnected = calls.socket()
            return [calls.do(call, fd, bad)
                    for bad in ("badlength", "badaddress", "nolength", -1)
                    for call in ("accept", "accept4", "getpeername")
                    for fd in (listener.fd, unconnected, 0, 99, -1)]
        self.compare(script)

    def test_after_the_peer_has_gone(self):
        def script(calls, connect):
            listener = calls.listener()
            replies = []
            for leave in (socket.socket.close, fixture.reset):
                client = connect(listener, b"x")
                fd = calls.ok("accept", listener.fd, 16)
                calls.receive(fd)
                leave(client)
                calls.ok("poll", fd, 1, -1)
                replies += [calls.getpeername(fd), calls.receive(fd),
                            calls.getpeername(fd)]
            self.assertEqual(replies[-1].outcome, (-1, "ENOTCONN"))
            return replies
        self.compare(script)


class Descriptor(CallsCase):
    """The accepted descriptor is as asked, and errno as it was."""

    def test_flags(self):
        def script(calls, connect):
            replies = []
            for nonblocking in (False, True):
                listener = calls.listener(nonblocking=nonblocking)
                for flags in (None, NONE, CLOEXEC, NONBLOCK,
                              CLOEXEC | NONBLOCK):
                    connect(listener, b"x")
                    reply = (calls.accept(listener.fd) if flags is None
                             else calls.accept4(listener.fd, flags))
                    replies += [reply, *status(calls, reply.result),
                                *status(calls, listener.fd)]
            return replies
        self.compare(script)

    FLAGS = NONE, CLOEXEC, NONBLOCK, CLOEXEC | NONBLOCK

    def check_flags(self, calls, reply, flags):
        """They are as the call asked that returned the descriptor."""
        self.assertEqual(reply.address, ("192.0.2.1", 1111))
        descriptor, file = status(calls, reply.result)
        self.assertEqual(descriptor.result == fcntl.FD_CLOEXEC,
                         bool(flags & CLOEXEC))
        self.assertEqual(bool(file.result & NONBLOCK),
                         bool(flags & NONBLOCK))
        calls.ok("close", reply.result)

    def test_flags_where_the_header_is_late(self):
        calls = self.start()
        listener = calls.listener()
        for flags in self.FLAGS:
            for call in ("accept4", "accept"):
                client = self.client(listener, v1()[:1])
                calls.begin(call, listener.fd, 128, int(flags))
                calls.wait_asleep()
                client.sendall(v1()[1:])
                self.check_flags(calls, calls.finish(call),
                                 flags if call == "accept4" else NONE)

    def test_flags_are_those_of_the_last_call(self):
        """Not of the one that found the connection without its header."""
        calls = self.start()
        listener = calls.listener(nonblocking=True)
        self.assertEqual(calls.accept(listener.fd).outcome, (-1, "EAGAIN"))
        for first in self.FLAGS:
            for last in self.FLAGS:
                client = self.client(listener, v1()[:1])
                calls.ok("poll", listener.fd, 1, -1)
                self.assertEqual(calls.accept4(listener.fd, first).outcome,
                                 (-1, "EAGAIN"))
                client.sendall(v1()[1:])
                calls.ok("poll", listener.fd, 1, -1)
                self.check_flags(calls, calls.accept4(listener.fd, last),
                                 last)

    def test_errno_is_untouched(self):
        calls = self.start(DEBUG=1, TIMEOUT=0.02)
        for nonblocking in (False, True):
            listener = calls.listener(nonblocking=nonblocking)
            if nonblocking:
                self.assertEqual(calls.accept(listener.fd).outcome,
                                 (-1, "EAGAIN"))
            for data in (v1(), v2(), b"no header", b"PROX", b"",
                         v2(tlvs=tlv(4, bytes(2000)))):
                self.client(listener, data)
                calls.ok("poll", listener.fd, 1, -1)
                reply = calls.accept(listener.fd)
                while reply.errno == "EAGAIN" or calls.is_reset(reply.result):
                    # it is in the waiting room, until poll tells of it
                    calls.ok("poll", listener.fd, 1, -1)
                    reply = calls.accept(listener.fd)
                self.assertEqual(reply.errno, "KEPT", (data[:20], reply))
                reply = calls.getpeername(reply.result)
                self.assertEqual(reply.outcome, (0, "KEPT"))

    def test_options_are_those_of_the_listener(self):
        """A header shorter than SO_RCVLOWAT ends the wait for it."""
        calls = self.start(TIMEOUT=3600)
        for low_water in (1, 77):
            listener = calls.listener()
            calls.ok("setsockopt", listener.fd, socket.SOL_SOCKET,
                     socket.SO_RCVLOWAT,
                     low_water.to_bytes(4, "little").hex())
            for nothing_yet in (True, False):
                client = self.client(listener, b"" if nothing_yet else v1())
                calls.begin("accept", listener.fd, 16)
                if nothing_yet:
                    calls.wait_asleep()
                    client.sendall(v1())
                fd = calls.finish("accept").result
                reply = calls.do("getsockopt", fd, socket.SOL_SOCKET,
                                 socket.SO_RCVLOWAT)
                self.assertEqual(int(reply.words[0]), low_water)


class Failure(CallsCase):
    """What the kernel refuses is refused as the kernel does."""

    def test_errors(self):
        def script(calls, connect):
            listener = calls.listener(nonblocking=True)
            tcp = calls.socket()
            udp = calls.socket(kind=socket.SOCK_DGRAM)
            return [calls.do(call, fd, length, flags)
                    for call in ("accept", "accept4")
                    for fd in (listener.fd, tcp, udp, 0, -1, 99)
                    for length in (16, "null")
                    for flags in (0, 1)]
        self.compare(script)

    def test_no_descriptor_left(self):
        """EMFILE takes nothing off the queue; the client is still there."""
        calls = self.start()
        listener = calls.listener()
        self.client(listener, v1() + b"x")
        limits = resource.prlimit(calls.pid, resource.RLIMIT_NOFILE)
        full = max(calls.descriptors()) + 1
        resource.prlimit(calls.pid, resource.RLIMIT_NOFILE,
                         (full, limits[1]))
        self.assertEqual(calls.accept(listener.fd).outcome, (-1, "EMFILE"))
        resource.prlimit(calls.pid, resource.RLIMIT_NOFILE, limits)
        self.assertEqual(calls.accept(listener.fd).address,
                         ("192.0.2.1", 1111))

    def beside_a_room(self, nonblocking):
        """accept with no descriptor left, where one waits elsewhere."""
        calls = self.start(TIMEOUT=3600)
        other = calls.listener(nonblocking=True)
        self.assertEqual(calls.accept(other.fd).outcome, (-1, "EAGAIN"))
        self.client(other, v1()[:10])
        calls.ok("poll", other.fd, 1, -1)
        self.assertEqual(calls.accept(other.fd).outcome, (-1, "EAGAIN"))
        fd = calls.listener(nonblocking=nonblocking).fd
        limits = resource.prlimit(calls.pid, resource.RLIMIT_NOFILE)
        # the program's are those up to its last listener
        resource.prlimit(calls.pid, resource.RLIMIT_NOFILE,
                         (fd + 1, limits[1]))
        return calls.accept(fd).outcome

    def test_no_descriptor_left_and_somebody_waits(self):
        """The kernel says so also where nobody came."""
        self.assertEqual(self.beside_a_room(False), (-1, "EMFILE"))
        self.assertEqual(self.beside_a_room(True), (-1, "EMFILE"))

    def test_receive_timeout_that_is_very_long(self):
        """In milliseconds it would be 24 of them, beyond 64 bits."""
        calls = self.start(TIMEOUT=3600)
        listener = calls.listener()
        if calls.do("setsockopt", listener.fd, socket.SOL_SOCKET,
                    socket.SO_RCVTIMEO, struct.pack(
                        "qq", 18446744073709551, 640000).hex()).result < 0:
            self.skipTest("the kernel takes no such timeout")
        client = self.client(listener, v1()[:10])
        calls.begin("accept", listener.fd, 128)
        with self.assertRaises(socket.timeout):
            # nothing ends this wait
            client.settimeout(0.5)
            client.recv(1)
        client.sendall(v1()[10:])
        self.assertEqual(calls.finish("accept").address,
                         ("192.0.2.1", 1111))

    def test_receive_timeout_of_the_listener(self):
        """SO_RCVTIMEO ends accept with EAGAIN, also behind a dropped one."""
        calls = self.start()
        listener = calls.listener()
        calls.ok("setsockopt", listener.fd, socket.SOL_SOCKET,
                 socket.SO_RCVTIMEO, struct.pack("ll", 0, 50000).hex())
        self.assertEqual(calls.accept(listener.fd).outcome, (-1, "EAGAIN"))
        self.client(listener, b"PROXY nonsense\r\n")
        self.assertEqual(calls.accept(listener.fd).outcome, (-1, "EAGAIN"))
        self.client(listener, v1())
        self.assertEqual(calls.accept(listener.fd).address,
                         ("192.0.2.1", 1111))


class Dropped(CallsCase):
    """
    A dropped connection is not an error, and never reaches a program that was
    told EAGAIN before; others see one that was reset (accept_ways.py).
    """

    BAD = b"PROXY TCP4 1.2.3.4 1.2.3.4 x y\r\n"

    def test_nonblocking_returns_eagain(self):
        calls = self.start()
        listener = calls.listener(nonblocking=True)
        self.assertEqual(calls.accept(listener.fd).outcome, (-1, "EAGAIN"))
        before = calls.descriptors()
        bad = self.client(listener, self.BAD)
        calls.ok("poll", listener.fd, 1, -1)
        self.assertEqual(calls.accept(listener.fd).outcome, (-1, "EAGAIN"))
        self.assertEqual(fixture.read_all(bad), b"")
        self.assertEqual(calls.descriptors(), before)

    def test_nonblocking_goes_on_to_the_next(self):
        calls = self.start()
        listener = calls.listener(nonblocking=True)
        self.assertEqual(calls.accept(listener.fd).outcome, (-1, "EAGAIN"))
        self.client(listener, self.BAD)
        self.client(listener, self.BAD)
        self.client(listener, v1())
        self.assertEqual(calls.accept(listener.fd).address,
                         ("192.0.2.1", 1111))
        self.assertEqual(calls.accept(listener.fd).outcome, (-1, "EAGAIN"))

    def test_original_leaks_a_descriptor_on_every_failed_accept(self):
        """Blocking: a hundred bad ones later the first good one is served."""
        calls = self.start()
        listener = calls.listener(backlog=200)
        before = calls.descriptors()
        for _ in range(100):
            self.client(listener, self.BAD).close()
        calls.begin("accept", listener.fd, 16)
        self.client(listener, v1())
        reply = calls.finish("accept")
        self.assertEqual(reply.address, ("192.0.2.1", 1111))
        self.assertEqual(calls.descriptors(), before | {reply.result})


if __name__ == "__main__":
    fixture.main()
