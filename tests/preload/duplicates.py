# SPDX-License-Identifier: ISC
"""Duplicates of a descriptor are the same connection."""
import fcntl
import os
import unittest

import fixture
from fixture import allowed, v1, v2
from fixture.calls import CallsCase

CLIENT = "192.0.2.1", 1111
DESTINATION = "192.0.2.2", 2222
FREE = 40  # a number that is not in use
LIMIT = 2 ** 30  # no descriptor has such a number


class Duplicates(CallsCase):
    def setUp(self):
        self.calls = self.start()
        self.listener = self.calls.listener()

    def accept(self, data=v1(), **kwargs):
        client = self.client(self.listener, data, **kwargs)
        return self.calls.accept(self.listener.fd).result, client

    def check_client(self, fd, client=CLIENT):
        self.assertEqual(self.calls.getpeername(fd).address, client)
        self.assertEqual(self.calls.getsockname(fd).address, DESTINATION)

    def check_unknown(self, fd, client):
        self.assertEqual(self.calls.getpeername(fd).address,
                         client.getsockname())
        self.assertEqual(self.calls.getsockname(fd).address,
                         client.getpeername())

    @staticmethod
    def ways(fd, to):
        """Each way to make to a duplicate of fd, and is it FD_CLOEXEC?"""
        return (("dup", fd), False), \
               (("dup2", fd, to), False), \
               (("dup3", fd, to, 0), False), \
               (("dup3", fd, to, os.O_CLOEXEC), True), \
               (("fcntl", fd, fcntl.F_DUPFD, to), False), \
               (("fcntl", fd, fcntl.F_DUPFD_CLOEXEC, to), True)


class Made(Duplicates):
    def test_every_way(self):
        for header in (v1(), v2()):
            fd, _ = self.accept(header)
            for call, cloexec in self.ways(fd, FREE):
                with self.subTest(call):
                    reply = self.calls.do(*call)
                    self.assertEqual(reply.errno, "KEPT")
                    if call[0] != "dup":
                        self.assertEqual(reply.result, FREE)
                    self.check_client(reply.result)
                    self.assertEqual(self.calls.ok(
                        "fcntl", reply.result, fcntl.F_GETFD), cloexec)
                    # the original stays what it is, and may go
                    self.check_client(fd)
                    self.calls.ok("close", fd)
                    fd = self.calls.ok("dup2", reply.result, fd)
                    self.check_client(fd)
                    self.calls.ok("close", reply.result)

    def test_the_lowest_number_from_a_least_one_on(self):
        fd, _ = self.accept()
        for command in (fcntl.F_DUPFD, fcntl.F_DUPFD_CLOEXEC):
            numbers = [self.calls.ok("fcntl", fd, command, FREE)
                       for _ in range(3)]
            self.assertEqual(numbers, [FREE, FREE + 1, FREE + 2])
            for number in numbers:
                self.check_client(number)
                self.calls.ok("close", number)

    def test_far(self):
        """Beyond the numbers whose place is there from the beginning."""
        fd, _ = self.accept()
        self.calls.ok("fill", 5000)
        for to in (1023, 1024, 4095, 4096):
            self.calls.ok("dup2", fd, to)
            self.check_client(to)

    def test_on_itself(self):
        fd, _ = self.accept()
        reply = self.calls.do("dup2", fd, fd)
        self.assertEqual((reply.result, reply.errno), (fd, "KEPT"))
        self.assertEqual(self.calls.do("dup3", fd, fd, 0).outcome,
                         (-1, "EINVAL"))
        self.check_client(fd)

    def test_of_a_duplicate_in_a_forked_child(self):
        fd, _ = self.accept()
        self.calls.ok("fork")
        for to in (FREE, FREE + 1):
            self.calls.ok("dup2", fd, to)
            self.calls.ok("close", fd)
            fd = to
        self.check_client(fd)
        other, _ = self.accept(v2(source="192.0.2.9"))
        self.calls.ok("dup2", other, fd)
        self.check_client(fd, ("192.0.2.9", 1111))
        self.calls.do("exit", 0)


class NotMade(Duplicates):
    def test_as_without_the_library(self):
        """What fails fails with the kernel's errno, and nothing is lost."""
        def script(calls, connect):
            self.calls = calls
            listener = calls.listener()
            connect(listener)
            fd = calls.accept(listener.fd).result
            connect(listener)
            other = calls.accept(listener.fd).result
            before = [calls.getpeername(other), calls.getpeername(fd)]
            yield from before
            for call in (("dup", -1), ("dup", FREE), ("dup2", FREE, other),
                         ("dup2", -1, other), ("dup2", fd, -1),
                         ("dup2", fd, LIMIT), ("dup2", FREE, FREE),
                         ("dup3", fd, fd, 0), ("dup3", fd, other, 1),
                         ("dup3", FREE, other, 0), ("dup3", fd, -1, 0),
                         ("fcntl", fd, fcntl.F_DUPFD, -1),
                         ("fcntl", fd, fcntl.F_DUPFD, LIMIT),
                         ("fcntl", fd, fcntl.F_DUPFD_CLOEXEC, LIMIT),
                         ("fcntl", FREE, fcntl.F_DUPFD, 0)):
                reply = calls.do(*call)
                self.assertEqual(reply.result, -1, call)
                yield reply
            after = [calls.getpeername(other), calls.getpeername(fd)]
            self.assertEqual(list(map(str, after)), list(map(str, before)))
        self.compare(script)

    def test_other_commands_of_fcntl(self):
        """What they return is no descriptor, though it looks like one."""
        fd, _ = self.accept()
        other, _ = self.accept(v1(source="192.0.2.9"))
        allowed.need_process(other)
        self.assertEqual(self.calls.ok(
            "fcntl", fd, fcntl.F_SETOWN, other), 0)
        self.assertEqual(self.calls.ok("fcntl", fd, fcntl.F_GETOWN), other)
        self.check_client(other, ("192.0.2.9", 1111))


class Overwritten(Duplicates):
    """What the number was before is forgotten."""

    def test_by_another_client(self):
        for i in range(1, 6):
            target, _ = self.accept(v1(source="192.0.2.99"))
            fd, _ = self.accept(v2(source_port=i))
            call, _ = self.ways(fd, target)[i]
            if call[0] == "fcntl":
                self.calls.ok("close", target)
            self.assertEqual(self.calls.ok(*call), target)
            self.check_client(target, (CLIENT[0], i))

    def test_by_what_is_no_connection(self):
        fd, _ = self.accept()
        for other, error in ((1, "ENOTSOCK"), (self.listener.fd, "ENOTCONN")):
            self.calls.ok("dup2", other, fd)
            self.assertEqual(self.calls.getpeername(fd).errno, error)
            self.accept(b"data")

    def test_by_another_connection_of_the_same_proxy(self):
        """Address and port tell nothing then: it must have been seen."""
        for i in range(1, 6):
            first = self.client(self.listener, v1(), bind=("127.77.0.1", 0))
            name = first.getsockname()
            target = self.calls.accept(self.listener.fd).result
            fixture.reset(first)
            fd, client = self.accept(b"data", bind=name)
            call, _ = self.ways(fd, target)[i]
            if call[0] == "fcntl":
                self.calls.ok("rawclose", target)
            self.assertEqual(self.calls.ok(*call), target)
            self.check_unknown(target, client)
            self.calls.ok("close", target)
            self.calls.ok("close", fd)
            fixture.reset(client)


class Listeners(Duplicates):
    """A listener with somebody in its waiting room."""

    def let_wait(self, listener):
        client = self.client(listener, v1()[:9])
        self.assertEqual(self.calls.ok("poll", listener.fd, 1, -1), 1)
        self.assertEqual(self.calls.accept(listener.fd).errno, "EAGAIN")
        return client

    def test_overwritten(self):
        """He goes with it, and another listener has the number."""
        listener = self.calls.listener(nonblocking=True)
        late = self.let_wait(listener)
        self.calls.ok("dup2", self.listener.fd, listener.fd)
        self.calls.ok("fcntl", self.listener.fd, fcntl.F_SETFL, os.O_NONBLOCK)
        fd, _ = self.accept(v2())
        self.check_client(fd)
        self.client(self.listener, v2(source_port=7))
        self.assertEqual(self.calls.accept(listener.fd).address,
                         (CLIENT[0], 7))
        self.assertEqual(fixture.read_all(late), b"")

    def test_duplicated_and_closed(self):
        """He is seen by accept on the descriptor that he came to."""
        listener = self.calls.listener(nonblocking=True)
        late = self.let_wait(listener)
        copy = self.calls.ok("dup", listener.fd)
        self.client(listener, v2(source_port=7))
        self.assertEqual(self.calls.accept(copy).address, (CLIENT[0], 7))
        self.assertEqual(self.calls.accept(copy).errno, "EAGAIN")
        late.sendall(v1()[9:])
        self.assertEqual(self.calls.ok("poll", listener.fd, 1, -1), 1)
        self.assertEqual(self.calls.accept(listener.fd).address, CLIENT)
        self.let_wait(listener)
        self.calls.ok("close", listener.fd)
        self.client(listener, v2(source_port=8))
        self.assertEqual(self.calls.ok("poll", copy, 1, -1), 1)
        self.assertEqual(self.calls.accept(copy).address, (CLIENT[0], 8))


    def test_threads_accept_from_both(self):
        """After one that was accepted from either, others are seen."""
        self.calls.ok("thread", "accept", self.listener.fd, 128)
        self.calls.wait_asleep()
        copy = self.calls.ok("dup", self.listener.fd)
        self.client(self.listener, v1())
        self.assertEqual(self.calls.finish("accept").address, CLIENT)
        for _ in range(3):
            self.assertEqual(self.accept_from(copy), CLIENT)

    def accept_from(self, fd):
        self.client(self.listener, v1())
        return self.calls.accept(fd).address


class Closed(unittest.TestCase):
    """One of two numbers of a listener is closed while a client waits."""

    def check(self, way):
        for accepts in ("0", "1", "2"):
            for closes in ("0", "1"):
                with self.subTest(accepts=accepts, closes=closes):
                    with fixture.Program(
                            [fixture.probe("duplicated"), way, accepts,
                             closes],
                            fixture.environment(fixture.SERVER_LIBRARY,
                                                TIMEOUT=600)) as program:
                        self.assertEqual((program.wait(), program.output()),
                                         (0, "ok"))

    def test_the_other_one_is_polled(self):
        self.check("poll")

    def test_the_other_one_is_in_an_epoll(self):
        self.check("epoll")

    def test_the_other_one_accepts(self):
        self.check("accept")


if __name__ == "__main__":
    fixture.main()
