# SPDX-License-Identifier: ISC
"""Numbers of descriptors: low, high, used again; and forked processes."""
import socket

import fixture
from fixture import v1, v2
from fixture.calls import CallsCase, pack_address

CLIENT = "192.0.2.1", 1111


class Numbers(CallsCase):
    def serve(self, calls, listener, fd):
        """The next accepted descriptor is fd, and its client is known."""
        for header in (v1(), v2()):
            self.client(listener, header + b"x")
            reply = calls.accept(listener.fd)
            self.assertEqual((reply.result, reply.errno), (fd, "KEPT"))
            self.assertEqual(reply.address, CLIENT)
            self.assertEqual(calls.getpeername(fd).address, CLIENT)
            self.assertEqual(calls.receive(fd).data, b"x")
            calls.ok("close", fd)
        client = self.client(listener, b"no header")
        calls.accept(listener.fd)
        self.assertEqual(calls.getpeername(fd).address, client.getsockname())
        calls.ok("close", fd)

    def test_descriptor_0(self):
        calls = self.start()
        listener = calls.listener()
        calls.ok("close", 0)
        self.serve(calls, listener, 0)

    def test_descriptors_0_and_2(self):
        """Nothing is written to a connection that is stderr's number."""
        calls = self.start()
        listener = calls.listener()
        calls.ok("close", 0)
        calls.ok("close", 2)
        bare = self.client(listener, b"no header")
        self.assertEqual(calls.accept(listener.fd).result, 0)
        client = self.client(listener, v2())
        self.assertEqual(calls.accept(listener.fd).result, 2)
        self.assertEqual(calls.getpeername(0).address, bare.getsockname())
        self.assertEqual(calls.getpeername(2).address, CLIENT)
        calls.ok("close", 2)
        self.assertEqual(fixture.read_all(client), b"")

    def test_original_descriptors_past_1024(self):
        calls = self.start()
        listener = calls.listener()
        for fd in (1023, 1024, 4095, 4096, 8192, 70000):
            # the last one where the limit can be raised so far
            if calls.do("fill", fd).result < 0 and fd > 8192:
                break
            self.serve(calls, listener, fd)
            self.assertEqual(calls.getpeername(fd).outcome, (-1, "EBADF"))
        self.assertEqual(calls.getpeername(2 ** 31 - 1).outcome,
                         (-1, "EBADF"))


class Reused(CallsCase):
    """A number that is used again is somebody else."""

    def setUp(self):
        self.calls = self.start()
        self.listener = self.calls.listener()
        # where the program connects to, to have an outbound connection
        self.outside = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.outside.close)
        self.own = self.outside.getsockname()

    def accept(self):
        self.client(self.listener, v1())
        fd = self.calls.accept(self.listener.fd).result
        self.assertEqual(self.calls.getpeername(fd).address, CLIENT)
        return fd

    def connect(self):
        """An outbound connection; its descriptor."""
        fd = self.calls.socket()
        self.calls.ok("connect", fd, pack_address(*self.own))
        return fd

    def test_original_reused_descriptor_reports_the_old_client(self):
        """The last way to close is libuv's: past any hook."""
        for close in "close", "close_range", "rawclose":
            with self.subTest(close):
                self.check(close)

    def check(self, close):
        fd = self.accept()
        last = [fd] if close == "close_range" else []
        self.calls.ok(close, fd, *last)
        self.assertNotIn(fd, self.calls.descriptors())
        self.assertEqual(self.calls.getpeername(fd).outcome, (-1, "EBADF"))
        self.assertEqual(self.connect(), fd)
        self.assertEqual(self.calls.getpeername(fd).address, self.own)
        self.calls.ok(close, fd, *last)
        client = self.client(self.listener, b"no header")
        self.assertEqual(self.calls.accept(self.listener.fd).result, fd)
        self.assertEqual(self.calls.getpeername(fd).address,
                         client.getsockname())
        self.calls.ok("close", fd)

    def test_dup2_over(self):
        fd = self.accept()
        outbound = self.connect()
        self.calls.ok("dup2", outbound, fd)
        self.assertEqual(self.calls.getpeername(fd).address, self.own)
        client = self.client(self.listener, b"no header")
        bare = self.calls.accept(self.listener.fd).result
        self.calls.ok("dup2", bare, fd)
        self.assertEqual(self.calls.getpeername(fd).address,
                         client.getsockname())

    def test_every_kind_of_next_connection(self):
        """Stated, local and none at all, after each other."""
        for data in (v1(source="192.0.2.3"), b"bare", fixture.v2_local(),
                     v2(source="192.0.2.4"), b"PROXY UNKNOWN\r\n", v1()):
            client = self.client(self.listener, data)
            reply = self.calls.accept(self.listener.fd)
            stated = data.startswith((b"PROXY TCP4", v2()[:14]))
            self.assertEqual(reply.address == client.getsockname(),
                             not stated)
            self.assertEqual(self.calls.getpeername(reply.result).address,
                             reply.address)
            self.calls.ok("rawclose", reply.result)

    def test_same_number_and_same_port_of_the_proxy(self):
        """Nothing tells the second connection from the first: it is new."""
        for data in (b"no header", fixture.v2_local(), b"PROXY UNKNOWN\r\n"):
            client = self.client(self.listener, v1(),
                                 bind=("127.77.0.1", 0))
            name = client.getsockname()
            fd = self.calls.accept(self.listener.fd).result
            fixture.reset(client)
            self.calls.ok("rawclose", fd)
            self.client(self.listener, data, bind=name)
            self.assertEqual(self.calls.accept(self.listener.fd).result, fd)
            self.assertEqual(self.calls.getpeername(fd).address, name)
            self.calls.ok("rawclose", fd)

    def test_accepted_by_a_system_call_past_the_library(self):
        """The number held a client; the kernel's word stands for the next."""
        fd = self.accept()
        self.calls.ok("rawclose", fd)
        client = self.client(self.listener, v2())
        self.assertEqual(self.calls.ok("rawaccept", self.listener.fd), fd)
        self.assertEqual(self.calls.getpeername(fd).address,
                         client.getsockname())


class Fork(CallsCase):
    def test_child_sees_the_client(self):
        calls = self.start()
        listener = calls.listener()
        self.client(listener, v1() + b"x")
        fd = calls.accept(listener.fd).result
        self.assertGreater(calls.ok("fork"), 0)
        self.assertEqual(calls.getpeername(fd).address, CLIENT)
        self.assertEqual(calls.receive(fd).data, b"x")
        # what the child accepts is its own, and not the parent's
        self.client(listener, v2(source="192.0.2.7"))
        own = calls.accept(listener.fd)
        self.assertEqual(own.address, ("192.0.2.7", 1111))
        self.assertEqual(calls.do("exit", 0).result, 0)
        self.assertEqual(calls.getpeername(own.result).outcome,
                         (-1, "EBADF"))
        self.assertEqual(calls.getpeername(fd).address, CLIENT)

    def test_descriptor_in_the_child_alone(self):
        """Parent and child each reuse the number for their own."""
        calls = self.start()
        listener = calls.listener()
        self.client(listener, v1())
        fd = calls.accept(listener.fd).result
        calls.ok("fork")
        calls.ok("close", fd)
        self.client(listener, v2(source="192.0.2.7"))
        self.assertEqual(calls.accept(listener.fd).result, fd)
        self.assertEqual(calls.getpeername(fd).address, ("192.0.2.7", 1111))
        calls.do("exit", 0)
        self.assertEqual(calls.getpeername(fd).address, CLIENT)


if __name__ == "__main__":
    fixture.main()
