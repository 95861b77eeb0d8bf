# SPDX-License-Identifier: ISC
"""What is not a TCP connection is left alone, to the byte."""
import os
import socket

import fixture
from fixture import v1, v2
from fixture.calls import CallsCase, pack_address, pack_unix

STREAM, SEQPACKET = socket.SOCK_STREAM, socket.SOCK_SEQPACKET
CLIENT = "192.0.2.1", 1111
MPTCP = 262
# a client's name in the abstract namespace
NAME = f"\0libproxyproto-test-{os.getpid()}-" + "x" * 60


class Unix(CallsCase):
    def listener(self, calls, kind):
        """A listening AF_UNIX socket and its path."""
        directory = fixture.folder(self.addCleanup)
        path = os.path.join(directory, "socket")
        fd = calls.socket(socket.AF_UNIX, kind)
        calls.ok("bind", fd, pack_unix(path))
        calls.ok("listen", fd, 8)
        return fd, path

    def unix_client(self, kind, path, name=None):
        client = socket.socket(socket.AF_UNIX, kind)
        self.addCleanup(client.close)
        client.settimeout(fixture.PATIENCE)
        if name:
            client.bind(name)
        client.connect(path)
        return client

    def check(self, kind, **settings):
        """Headers, good and bad, are data; names are the kernel's."""
        for data in (b"data", v1(), v2(), b"PROXY nonsense\r\n", b"PRO"):
            answers = []
            for library in (None, fixture.SERVER_LIBRARY):
                calls = self.start(library, **settings)
                fd, path = self.listener(calls, kind)
                replies = []
                for length in (0, 2, 5, 128, "null", "nolength", -1):
                    for name in (None, NAME):
                        client = self.unix_client(kind, path, name)
                        client.send(data)
                        reply = calls.accept(fd, length)
                        replies.append(reply)
                        if reply.result >= 0:
                            replies += [
                                calls.getpeername(reply.result, length),
                                calls.receive(reply.result)]
                            calls.ok("close", reply.result)
                        client.close()
                replies.append(calls.descriptors())
                answers.append([str(reply) for reply in replies])
            self.assertEqual(*answers)

    def test_stream(self):
        self.check(STREAM)

    def test_seqpacket(self):
        self.check(SEQPACKET)

    def test_must_use(self):
        self.check(STREAM, MUST_USE_PROTOCOL_HEADER=1)

    def test_original_unix_listener_hangs(self):
        """Nobody waits for a header; it would take an hour."""
        for kind in (STREAM, SEQPACKET):
            calls = self.start(TIMEOUT=3600)
            fd, path = self.listener(calls, kind)
            client = self.unix_client(kind, path)
            accepted = calls.accept(fd).result
            calls.ok("send", accepted, b"greeting".hex())
            self.assertEqual(client.recv(100), b"greeting")

    def test_long_names(self):
        answers = []
        for library in (None, fixture.SERVER_LIBRARY):
            calls = self.start(library)
            fd, path = self.listener(calls, STREAM)
            self.unix_client(STREAM, path, path + "x" * (107 - len(path)))
            reply = calls.accept(fd)
            answers.append((reply.length, len(path),
                            calls.getpeername(reply.result).length))
            self.assertIn(path.encode(), reply.buffer)
        self.assertEqual(*answers)


class Names(CallsCase):
    def test_getpeername_of_everything_else(self):
        """Also once the library has clients to tell of."""
        def script(calls, connect):
            replies = []
            for _ in range(2):
                tcp, listener = calls.socket(), calls.listener()
                udp = calls.socket(kind=socket.SOCK_DGRAM)
                connected = calls.socket(kind=socket.SOCK_DGRAM)
                unix = calls.socket(socket.AF_UNIX)
                calls.ok("connect", connected, pack_address("127.0.0.1", 9))
                replies += [calls.getpeername(fd, length)
                            for fd in (tcp, listener.fd, udp, connected, unix,
                                       0, 1, 99, -1, 2 ** 31 - 1)
                            for length in (0, 8, 16, 128, "null", "nolength",
                                           -1)]
                connect(listener, b"x")
                calls.accept(listener.fd)
            return replies
        self.compare(script)

    def test_udp_connected_by_the_same_number(self):
        calls = self.start()
        listener = calls.listener()
        self.client(listener, v1())
        fd = calls.accept(listener.fd).result
        calls.ok("close", fd)
        udp = calls.socket(kind=socket.SOCK_DGRAM)
        self.assertEqual(udp, fd)
        self.assertEqual(calls.getpeername(udp).outcome, (-1, "ENOTCONN"))
        calls.ok("connect", udp, pack_address("127.0.0.1", 9))
        self.assertEqual(calls.getpeername(udp).address, ("127.0.0.1", 9))


class Multipath(CallsCase):
    """
    Multipath TCP is TCP: clients of both kinds. A socket that is Multipath TCP
    at both ends takes no note: accept alone tells who the client is.
    """

    def test_mptcp(self):
        try:
            socket.socket(proto=MPTCP).close()
        except OSError as error:
            self.skipTest(f"the kernel has no Multipath TCP: {error}")
        for must_use in (0, 1):
            calls = self.start(MUST_USE_PROTOCOL_HEADER=must_use, DEBUG=1)
            listener = calls.listener(protocol=MPTCP)
            for protocol in (socket.IPPROTO_TCP, MPTCP):
                for header in (v1(), v2(), v2(tlvs=bytes([4, 8, 0])
                                              + bytes(2048))):
                    for cut in (0, 10, 20, len(header)):
                        self.check(calls, listener, protocol, header, cut)

    def check(self, calls, listener, protocol, header, cut):
        client = socket.socket(proto=protocol)
        self.addCleanup(client.close)
        client.settimeout(fixture.PATIENCE)
        client.connect(("127.0.0.1", listener.port))
        client.sendall(header[:cut])
        calls.begin("accept", listener.fd, 128)
        calls.wait_asleep()
        client.sendall(header[cut:] + b"payload")
        reply = calls.finish("accept")
        self.assertEqual(reply.address, CLIENT)
        takes_note = protocol == socket.IPPROTO_TCP
        self.assertEqual(calls.getpeername(reply.result).address,
                         CLIENT if takes_note else client.getsockname())
        line = (f"fd {reply.result}: not remembered: its socket takes no note,"
                f" from 127.0.0.1:{client.getsockname()[1]}")
        if takes_note:
            self.assertNotIn(line, calls.output())
        else:
            calls.wait_line(f"^libproxyproto: accept: {line}$")
        self.assertEqual(calls.receive(reply.result).data, b"payload")


if __name__ == "__main__":
    fixture.main()
