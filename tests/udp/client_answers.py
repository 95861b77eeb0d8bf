# SPDX-License-Identifier: ISC
"""Answers with Simple Proxy Protocol, as libproxyproto_connect.so has them.

The header is taken off by whatever call; all else is as bare: the probe's every
shape is compared with that of answers that have none.
"""
import os
import random
import shutil
import subprocess
import unittest

import fixture
from fixture import CLIENT_LIBRARY
from fixture.udp import Shapes, call, sender
import shapes
from spp import spp


class WithHeaders(shapes.Compared):
    """Some of the answers have a header, and some do not."""

    def check(self, bare, host, steps, clients, proxy, tlvs, settings):
        number, at = 0, 0
        headers = (spp(), b"", spp(("2001:db8::1", 7), ("::", 0)))
        with Shapes(host, CLIENT_LIBRARY, VERSION="spp") as probe:
            for step in steps:
                if isinstance(step, str):
                    self.assertEqual(probe.ask(step), bare[at], step)
                    at += 1
                elif not isinstance(step, shapes.Bad):
                    header = headers[number // 2 % 3]
                    if len(header + step) > 65507:
                        header = b""
                    probe.send(clients[number % 3], header + step)
                    number += 1


class Sizes(WithHeaders, shapes.Sizes):
    def test_shorter_than_a_header(self):
        steps = []
        for way in shapes.EVERY_WAY:
            for size in 36, 37, 38, 39, 40:
                payload = random.Random(size).randbytes(size)
                for room in "100", "37", "38", "39", "2,30,3,3", "1x50":
                    if "," not in room and "x" not in room or (
                            way not in ("read", "recv", "recvfrom")):
                        steps += [payload, call(way, room)]
        self.compare(*steps)


class Parts(WithHeaders, shapes.Parts):
    pass


class Names(WithHeaders, shapes.Names):
    pass


class Ancillary(WithHeaders, shapes.Ancillary):
    pass


class Many(WithHeaders, shapes.Many):
    pass


class Waiting(WithHeaders, shapes.Waiting):
    pass


class Others(unittest.TestCase):
    def test_without_the_setting(self):
        for settings in {}, {"UDP": 1}, {"VERSION": 2, "UDP": 1}:
            with Shapes(library=CLIENT_LIBRARY, **settings) as probe, \
                    sender() as server:
                for way in shapes.EVERY_WAY:
                    probe.send(server, spp() + b"hello")
                    self.assertIn("bytes=43:56ec", probe.ask(call(way)))

    def test_streams_and_files(self):
        """A header in the data of others is data."""
        done = subprocess.run(
            ["python3", "-c", """
import os, socket, sys
data = bytes.fromhex(sys.argv[1])
listener = socket.create_server(("127.0.0.1", 0))
for a, b in ((socket.create_connection(listener.getsockname()),
              listener.accept()[0]), socket.socketpair(),
             socket.socketpair(type=socket.SOCK_DGRAM)):
    for way in (lambda: b.recv(99), lambda: os.read(b.fileno(), 99),
                lambda: b.recvmsg(99)[0], lambda: b.recvfrom(99)[0]):
        a.send(data)
        assert way() == data
r, w = os.pipe()
os.write(w, data)
assert os.read(r, 99) == data
""", (spp() + b"hello").hex()], check=False, timeout=fixture.PATIENCE,
            env=fixture.environment(CLIENT_LIBRARY, VERSION="spp"))
        self.assertEqual(done.returncode, 0)


    def test_other_system_calls(self):
        """syscall(2) with as many words as there can be, and an error."""
        if os.uname().machine != "x86_64":
            self.skipTest("numbers of its system calls")
        for library, settings in ((CLIENT_LIBRARY, {}),
                                  (CLIENT_LIBRARY, {"VERSION": "spp"}),
                                  (fixture.UDP_LIBRARY, {})):
            done = subprocess.run(
                ["python3", "-c", """
import ctypes, mmap, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
assert libc.syscall(39) == os.getpid()
assert libc.syscall(3, 99) == -1 and ctypes.get_errno() == 9
at = libc.syscall(9, None, ctypes.c_long(4096), 3, 0x22, ctypes.c_long(-1),
                  ctypes.c_long(0))
assert at > 0
ctypes.memset(at, 7, 4096)
"""], check=False, timeout=fixture.PATIENCE,
                env=fixture.environment(library, **settings))
            self.assertEqual(done.returncode, 0)


class Both(unittest.TestCase):
    """A client and a server of ours, as by Spectrum."""

    def serve(self, program):
        return fixture.Program(
            ["python3", "-c", """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
print("port", server.getsockname()[1], flush=True)
""" + program], fixture.environment(fixture.UDP_LIBRARY, VERSION="spp"))

    def test_python(self):
        with self.serve("""
data, client = server.recvfrom(99)
server.sendto(b"%s %s %d" % (data, client[0].encode(), client[1]), client)
""") as server:
            port = int(server.wait_line(r"port (\d+)")[1])
            done = subprocess.run(
                ["python3", "-c", """
import socket, sys
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.sendto(b"hello", ("127.0.0.1", int(sys.argv[1])))
print(client.recvfrom(99))
""", str(port)], check=True, stdout=subprocess.PIPE, text=True,
                timeout=fixture.PATIENCE,
                env=fixture.environment(CLIENT_LIBRARY, VERSION="spp",
                                        ADDR="192.0.2.7", PORT=4711))
            self.assertEqual(
                done.stdout,
                f"(b'hello 192.0.2.7 4711', ('127.0.0.1', {port}))\n")

    def test_dig(self):
        """It looks at the answer's first bytes, and whom it is from."""
        fixture.need("dig")
        # the question, as an answer with an address of the client's behind it
        with self.serve("""
import struct
query, client = server.recvfrom(999)
end = query.index(0, 12) + 5
server.sendto(query[:2] + bytes([0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0])
              + query[12:end] + bytes([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4])
              + socket.inet_aton(client[0]), client)
""") as server:
            port = server.wait_line(r"port (\d+)")[1]
            done = subprocess.run(
                [shutil.which("dig"), "@127.0.0.1", "-p", port, "+short",
                 "+tries=1", "+noedns", "example.test", "A"],
                stdout=subprocess.PIPE, text=True, timeout=fixture.PATIENCE,
                check=False, env=fixture.environment(
                    CLIENT_LIBRARY, VERSION="spp", ADDR="192.0.2.7"))
            self.assertEqual(done.stdout, "192.0.2.7\n")


if __name__ == "__main__":
    fixture.main()
