# SPDX-License-Identifier: ISC
"""accept that a signal interrupts, or that is cancelled, and those who wait."""
import fcntl
import os
import signal

import fixture
from fixture import tlv, v1, v2
from fixture.calls import CallsCase

CLIENT = "192.0.2.1", 1111
NEVER = 3600
# A listener's waiting room: its epoll and its timer.
ROOM = 2
LONG = v2(tlvs=tlv(0xE0, bytes(2000)))


class Signals(CallsCase):
    def waiting(self, data=b"", ignore=None):
        """A program whose accept waits for the rest of a header."""
        calls = self.start(TIMEOUT=NEVER)
        if ignore:
            calls.ok("ignore", int(ignore))
        listener = calls.listener()
        client = self.client(listener, data)
        number = len(calls.descriptors())
        calls.begin("accept", listener.fd, 128)
        calls.wait_descriptors(number + ROOM + 1)
        calls.wait_asleep()
        return calls, listener, client

    def interrupt(self, calls, number=signal.SIGUSR1):
        """A signal whose handler has run when this returns."""
        start = len(calls.lines)
        os.kill(calls.pid, number)
        calls.wait_line(f"^signal = {int(number)} ", start)
        calls.wait_asleep()

    def test_original_eintr_swallowed(self):
        for settings in ({}, {"MUST_USE_PROTOCOL_HEADER": 1}):
            calls = self.start(**settings)
            listener = calls.listener()
            calls.begin("accept", listener.fd, 128)
            calls.wait_asleep()
            self.interrupt(calls)
            self.assertEqual(calls.finish("accept").outcome, (-1, "EINTR"))
            self.client(listener, v1())
            self.assertEqual(calls.accept(listener.fd).address, CLIENT)

    def test_restart(self):
        """A handler with SA_RESTART: accept goes on by itself."""
        calls = self.start()
        listener = calls.listener()
        calls.begin("accept", listener.fd, 128)
        calls.wait_asleep()
        self.interrupt(calls, signal.SIGUSR2)
        self.client(listener, v1())
        self.assertEqual(calls.finish("accept").address, CLIENT)

    def test_signal_while_a_header_is_awaited(self):
        """accept is interrupted; who waits is there in the next one."""
        calls, listener, client = self.waiting(v1()[:10])
        before = len(calls.descriptors())
        self.interrupt(calls)
        self.assertEqual(calls.finish("accept").outcome, (-1, "EINTR"))
        self.assertEqual(len(calls.descriptors()), before)
        client.sendall(v1()[10:] + b"x")
        reply = calls.accept(listener.fd)
        self.assertEqual((reply.address, reply.errno), (CLIENT, "KEPT"))
        self.assertEqual(calls.receive(reply.result).data, b"x")

    def test_restart_while_a_header_is_awaited(self):
        """Where all handlers have SA_RESTART accept goes on by itself."""
        calls, _, client = self.waiting(v1()[:10], ignore=signal.SIGUSR1)
        for _ in range(3):
            self.interrupt(calls, signal.SIGUSR2)
        client.sendall(v1()[10:] + b"x")
        reply = calls.finish("accept")
        self.assertEqual((reply.address, reply.errno), (CLIENT, "KEPT"))


class Killed(CallsCase):
    def test_a_listener_left_non_blocking(self):
        """tests/preload/killed.c kills a child in the middle of accept(2)."""
        calls = self.start(f"{fixture.SERVER_LIBRARY} "
                           f"{fixture.probe('.libs/killed.so')}",
                           TIMEOUT=NEVER)
        listener = calls.listener()
        parent, calls.pid = calls.pid, calls.ok("fork")
        number = len(calls.descriptors()) + ROOM + 1
        self.client(listener, v1()[:10])
        calls.begin("accept", listener.fd, 128)
        calls.wait_descriptors(number)
        self.client(listener, v1())
        self.assertEqual(calls.finish("exit").result, signal.SIGKILL)
        calls.pid = parent
        self.assertEqual(calls.accept(listener.fd).address, CLIENT)
        # it blocks for the parent as it did
        calls.begin("accept", listener.fd, 128)
        calls.wait_asleep()
        self.client(listener, v2("192.0.2.9"))
        self.assertEqual(calls.finish("accept").address, ("192.0.2.9", 1111))
        self.assertEqual(calls.ok("fcntl", listener.fd, fcntl.F_GETFL, 0),
                         os.O_RDWR)


class Cancel(CallsCase):
    """pthread_cancel of a thread in accept leaks no descriptor."""

    def test_in_accept(self):
        calls = self.start()
        listener = calls.listener()
        before = None
        for _ in range(20):
            self.assertEqual(calls.ok("thread", "accept", listener.fd, 128), 0)
            calls.wait_asleep()
            # the first time there are those of the waiting room, too
            before = before or calls.descriptors()
            self.assertEqual(calls.ok("cancel"), 1)
        self.assertEqual(calls.descriptors(), before)
        self.client(listener, v1())
        self.assertEqual(calls.accept(listener.fd).address, CLIENT)

    def test_while_a_header_is_awaited(self):
        """Who waits is there for the next thread."""
        calls = self.start(TIMEOUT=NEVER)
        listener = calls.listener()
        client = self.client(listener, v1()[:10])
        self.assertEqual(calls.ok("thread", "accept", listener.fd, 128), 0)
        calls.wait_asleep()
        for _ in range(5):
            self.assertEqual(calls.ok("cancel"), 1)
            self.assertEqual(calls.ok("thread", "accept", listener.fd, 128), 0)
            calls.wait_asleep()
        before = calls.descriptors()
        client.sendall(v1()[10:])
        reply = calls.finish("accept")
        self.assertEqual(reply.address, CLIENT)
        # the connection was open already, as one that waited
        self.assertEqual(len(calls.descriptors() - {reply.result}),
                         len(before) - 1)

    def test_when_a_connection_is_there(self):
        """tests/preload/cancel.c cancels the thread behind accept(2)."""
        calls = self.start(f"{fixture.SERVER_LIBRARY} "
                           f"{fixture.probe('.libs/cancel.so')}")
        listener = calls.listener()
        before = None
        for data in (v1(), v2(), LONG, b"no header"):
            self.client(listener, data)
            self.assertEqual(calls.ok("thread", "accept", listener.fd, 128), 0)
            fd = calls.finish("accept").result
            calls.ok("join")
            calls.ok("close", fd)
            # the first time there are those of the waiting room, too
            before = before or calls.descriptors()
            self.assertEqual(calls.descriptors(), before)
        # a dropped one is closed before the thread ends
        self.client(listener, b"PROXY nonsense\r\n")
        self.assertEqual(calls.ok("thread", "accept", listener.fd, 128), 0)
        self.assertEqual(calls.ok("join"), 1)
        self.assertEqual(calls.descriptors(), before)


if __name__ == "__main__":
    fixture.main()
