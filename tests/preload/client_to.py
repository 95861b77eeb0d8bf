# SPDX-License-Identifier: ISC
"""LIBPROXYPROTO_TO: who gets a header of libproxyproto_connect.so."""
import socket

import fixture
from fixture import CLIENT_LIBRARY, v2
from fixture.calls import pack_address
from fixture.client import ADDR, PORT, ClientCase

TCP_FASTOPEN_NO_COOKIE = 34
# A client that speaks to the server under test, and to its database.
BOTH = """
import socket, sys
for port in sys.argv[1:]:
    with socket.create_connection(("127.0.0.1", int(port))) as client:
        client.sendall(b"data")
"""


class To(ClientCase):
    def check(self, to, server, wanted, flags=0, host=None):
        """Does a client with this TO send a header there, or nothing?"""
        with self.subTest(to=to, flags=flags, host=host):
            calls = self.begin(TO=to)
            self.connect(calls, server, flags, host)
            name, port = server.getsockname()[:2]
            source = "::ffff:" + ADDR if ":" in name else ADDR
            header = v2(source, name, PORT, port)
            self.expect(self.accept(server), header if wanted else b"")

    def test_a_server_and_its_database(self):
        server, database = self.serve(), self.serve()
        ports = [other.getsockname()[1] for other in (server, database)]
        with fixture.Program(
                ["python3", "-c", BOTH, *map(str, ports)],
                fixture.environment(CLIENT_LIBRARY, ADDR=ADDR, PORT=PORT,
                                    TO=f"127.0.0.1:{ports[0]}")) as program:
            self.assertEqual(program.wait(), 0, program.output())
        self.expect_next(server, b"data")
        self.expect(self.accept(database), b"")

    def test_blocking_and_not(self):
        server = self.serve()
        port = server.getsockname()[1]
        for flags in 0, int(socket.SOCK_NONBLOCK):
            for to in (f"127.0.0.1:{port}", "127.0.0.0/8", f"*:{port}", "all",
                       f"192.0.2.1, [::1]:1 127.0.0.1:{port - 1}-{port}"):
                self.check(to, server, True, flags)
            for to in (f"127.0.0.1:{port + 1}", f"127.0.0.2:{port}",
                       "10.0.0.0/8", f"[::1]:{port}", "::/0", "*:1"):
                self.check(to, server, False, flags)

    def test_ipv6(self):
        server = self.serve("::1")
        port = server.getsockname()[1]
        for to in "::1", f"[::1]:{port}", f"[::]/64:{port}", "::/0":
            self.check(to, server, True)
        for to in f"[::1]:{port + 1}", f"[::2]:{port}", "0.0.0.0/0":
            self.check(to, server, False)

    def test_mapped(self):
        """By an IPv6 socket, to an IPv4 server, which an IPv4 network is of."""
        server = self.serve()
        port = server.getsockname()[1]
        for to, wanted in ((f"127.0.0.1:{port}", True), ("::/0", False),
                           (f"[::ffff:127.0.0.0/104]:{port}", True)):
            self.check(to, server, wanted, host="::ffff:127.0.0.1")

    def test_nobody_s_address_is_loopback_s(self):
        server = self.serve()
        self.check("127.0.0.1", server, True, host="0.0.0.0")
        self.check("0.0.0.0", server, False, host="0.0.0.0")

    def test_fast_open(self):
        """By sendto, sendmsg and sendmmsg, and deferred by connect."""
        server = self.serve()
        name, port = server.getsockname()
        header = v2(ADDR, name, PORT, port)
        for way in "fast", "fast_nonblocking", "deferred":
            read = {}
            for to in f"{name}:{port}", f"{name}:{port + 1}", None:
                library = CLIENT_LIBRARY if to else None
                program = fixture.Program(
                    [fixture.probe("connecting"), name, str(port), way],
                    fixture.environment(library, ADDR=ADDR, PORT=PORT,
                                        **({"TO": to} if to else {})))
                self.addCleanup(program.stop)
                program.wait_line("^begin$")
                read[to] = []
                for _ in range(1 if way == "deferred" else 3):
                    with self.accept(server) as connection:
                        read[to].append(fixture.read_all(connection))
                self.assertEqual(program.wait(), 0, program.output())
            listed, other, bare = read.values()
            self.assertEqual(listed, [header + data for data in bare])
            self.assertEqual(other, bare)
            self.assertTrue(all(bare), bare)

    def test_others_are_left_alone(self):
        """Their sockets have no option that they would not have."""
        server = self.serve()
        calls = self.begin(TO="192.0.2.1")
        fd = calls.socket()
        calls.ok("connect", fd, pack_address(*server.getsockname()))
        reply = calls.do("getsockopt", fd, socket.IPPROTO_TCP,
                         TCP_FASTOPEN_NO_COOKIE)
        self.assertEqual(int(reply.words[0]), 0, reply)

    def test_switched_off(self):
        server = self.serve()
        calls = self.begin(TO="all", VERSION=0)
        self.connect(calls, server)
        self.expect(self.accept(server), b"")


if __name__ == "__main__":
    fixture.main()
