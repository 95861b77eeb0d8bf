# SPDX-License-Identifier: ISC
"""Duplicates of a descriptor are the same connection."""
import fcntl
import os
import unittest

import fixture
from fixture import v1, v2
from fixture.calls import CallsCase

CLIENT = "192.0.2.1", 1111
DESTINATION = "192.0.2.2", 2222


class Duplicates(CallsCase):
    def setUp(self):
        self.calls = self.start()
        self.listener = self.calls.listener()

    def accept(self, data=v1()):
        """The descriptor of a client that has sent this."""
        self.client(self.listener, data)
        return self.calls.accept(self.listener.fd).result

    def check_client(self, fd, client=CLIENT):
        self.assertEqual(self.calls.getpeername(fd).address, client)
        self.assertEqual(self.calls.getsockname(fd).address, DESTINATION)


class Connections(Duplicates):
    def test_duplicate(self):
        """The original stays what it is, and may go."""
        for header in (v1(), v2()):
            fd = self.accept(header)
            copy = self.calls.ok("dup", fd)
            for number in copy, fd:
                self.check_client(number)
            self.calls.ok("close", fd)
            self.check_client(copy)

    def test_over_another_client(self):
        target = self.accept(v1(source="192.0.2.99"))
        fd = self.accept(v2(source_port=7))
        self.calls.ok("dup2", fd, target)
        self.check_client(target, (CLIENT[0], 7))


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
        fd = self.accept(v2())
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
