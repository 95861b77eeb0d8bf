# SPDX-License-Identifier: ISC
"""Other numbers of a served socket, and other sockets of its number."""
import os
import socket
import unittest

import fixture
from fixture.udp import ProgramCase, udp

MPTCP = 262
PROGRAM = """
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
number = server.fileno()
print("port", server.getsockname()[1], flush=True)
"""


class Descriptors(ProgramCase, unittest.TestCase):
    source = PROGRAM


class Duplicates(Descriptors):
    def test_each_way(self):
        """It receives, also by calls that ask for no sender, and answers."""
        ways = {"dup": "os.dup(number)",
                "dup2": "os.dup2(number, 70)",
                "F_DUPFD_CLOEXEC": "server.dup().detach()",
                "F_DUPFD": "libc.fcntl(number, 0, 80)",
                "fcntl64": "getattr(libc, 'fcntl64', libc.fcntl)"
                           "(number, 1030, 90)"}

        def talk(proxy):
            for call in b"recv", b"read":
                proxy.send(udp() + call)
                self.assertEqual(proxy.recv(99), call)
        for way, text in ways.items():
            with self.subTest(way):
                self.run_program("""
two = socket.socket(fileno=%s)
server.close()
two.sendto(two.recv(99), ("192.0.2.1", 1111))
two.sendto(os.read(two.fileno(), 99), ("192.0.2.1", 1111))
""" % text, talk)

    def test_what_else_fcntl_does(self):
        """Its arguments and results are the kernel's."""
        self.run_program("""
import fcntl, struct
assert fcntl.fcntl(number, fcntl.F_GETFD) == fcntl.FD_CLOEXEC
fcntl.fcntl(number, fcntl.F_SETFL, os.O_NONBLOCK)
assert fcntl.fcntl(number, fcntl.F_GETFL) & os.O_NONBLOCK
with open("/proc/self/exe", "rb") as file:
    lock = struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 2, 3, 0)
    assert fcntl.fcntl(file, fcntl.F_GETLK, lock)[:2] == b"\\2\\0"
assert libc.fcntl(-1, 0, 9) == -1 and ctypes.get_errno() == 9
""")


class Sockets(Descriptors):
    def test_raw(self):
        """One of UDP's protocol is none of UDP: all is the kernel's."""
        try:
            socket.socket(socket.AF_INET, socket.SOCK_RAW,
                          socket.IPPROTO_UDP).close()
        except PermissionError:
            self.skipTest("no right to open raw sockets")
        self.run_program("""
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
raw.bind(("127.0.0.1", 0))
server.sendto(b"to be read", server.getsockname())
while raw.recvfrom(999)[0][-10:] != b"to be read":
    pass
server.detach()
""", MUST_USE_PROTOCOL_HEADER=1)

    def test_offset_that_was_set_before_bind(self):
        """A header is found where it begins."""
        self.run_program("""
other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
other.setsockopt(socket.SOL_SOCKET, 42, 0)  # SO_PEEK_OFF
other.bind(("127.0.0.1", 0))
server.sendto(%r, other.getsockname())
for flags in socket.MSG_PEEK, socket.MSG_PEEK, 0:
    got = other.recvfrom(99, flags | socket.MSG_DONTWAIT)
    assert got == (b"hello", ("192.0.2.1", 1111)), got
""" % (udp() + b"hello"))


class OtherSockets(Descriptors):
    """Of a number that was closed by a raw system call, as libuv does."""

    def check_accepted(self, protocol, accept):
        """All of its bytes, whatever is asked for, and its own peer."""
        if os.uname().machine != "x86_64":
            self.skipTest("numbers of its system calls")

        def talk(proxy):
            proxy.send(udp() + b"hello")
        self.run_program("""
_, client = server.recvfrom(99)
server.connect(client)
listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, %d)
listener.bind(("127.0.0.1", 0))
listener.listen()
peer = socket.socket(socket.AF_INET, socket.SOCK_STREAM, %d)
peer.connect(listener.getsockname())
libc.syscall(3, number)
assert %s == number
assert server.getpeername() == peer.getsockname(), server.getpeername()
peer.send(bytes(100))
assert len(os.read(number, 10)) == 10
server.setblocking(False)
assert len(os.read(number, 100)) == 90
""" % (protocol, protocol, accept), talk)

    def test_tcp(self):
        self.check_accepted(0, "listener._accept()[0]")

    def test_tcp_by_a_raw_call(self):
        self.check_accepted(0, "libc.syscall(288, listener.fileno(), 0, 0, 0)")

    def test_mptcp(self):
        try:
            socket.socket(proto=MPTCP).close()
        except OSError:
            self.skipTest("no MPTCP")
        self.check_accepted(MPTCP, "listener._accept()[0]")


if __name__ == "__main__":
    fixture.main()
