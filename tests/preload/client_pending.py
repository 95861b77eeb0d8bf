# SPDX-License-Identifier: ISC
"""What libproxyproto_connect.so's clients do while a connection is being made.

A listener whose backlog is full answers nobody; when it is emptied the kernel
tries again, and the connections come to stand.
"""
import os
import signal
import socket
import subprocess
import unittest
import unittest.mock

import fixture
from fixture import CLIENT_LIBRARY, v2

ADDR, PORT = "192.0.2.7", 4711
BACKLOG = 15
ROUGH = f"{CLIENT_LIBRARY} {fixture.probe('.libs/rough.so')}"
READS = ("read", "readv", "recv", "recvfrom", "recvmsg", "recvmmsg",
         "splice_from", "__read_chk", "__recv_chk", "__recvfrom_chk",
         "preadv2", "preadv64v2")
WRITES = "write", "pwritev2", "pwritev64v2"
CALLS = *WRITES, *READS
# What the C library of this system may be without.
OPTIONAL = ("__read_chk", "__recv_chk", "__recvfrom_chk", "preadv2",
            "preadv64v2", "pwritev2", "pwritev64v2")


class PendingCase(unittest.TestCase):
    """Several clients at once, as each waits for a second."""

    def serve(self):
        """A listener with a full backlog, and who fills it."""
        server = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        server.settimeout(fixture.PATIENCE)
        self.addCleanup(server.close)
        for _ in range(BACKLOG + 1):
            self.addCleanup(fixture.connect(server.getsockname()[1]).close)
        return server

    def empty(self, server):
        """Now there is room in the backlog."""
        for _ in range(BACKLOG + 1):
            server.accept()[0].close()

    def accept(self, server):
        connection, _ = server.accept()
        connection.settimeout(fixture.PATIENCE)
        self.addCleanup(connection.close)
        return connection

    def begin(self, server, *words, library=CLIENT_LIBRARY, probe="pending",
              **settings):
        settings = {"ADDR": ADDR, "PORT": PORT} | settings
        client = fixture.Program(
            [fixture.probe(probe), str(server.getsockname()[1]), *words],
            fixture.environment(library, **settings))
        self.addCleanup(client.stop)
        return client

    def begin_each(self, server, how, names=CALLS):
        """A client a function, each with a connection that is being made."""
        clients = {}
        for name in names:
            client = self.begin(server, how, name)
            begun = client.wait_line("^(connect EINPROGRESS|missing)$")
            if begun[1] != "missing" or name not in OPTIONAL:
                clients[name] = client
        return clients

    def header(self, server):
        return v2(ADDR, "127.0.0.1", PORT, server.getsockname()[1])

    def check_sent(self, server, data=b"data"):
        self.assertEqual(fixture.read_all(self.accept(server)),
                         self.header(server) + data)

    def check_done(self, client, first="0"):
        client.wait_line(f"^first {first}$")
        client.wait_line("^done 0$")
        self.assertEqual(client.wait(), 0)

    def check_each(self, clients, first="0"):
        for name, client in clients.items():
            with self.subTest(name):
                self.check_done(client, first)


class Calls(PendingCase):
    """Calls on a blocking socket: they end as the kernel's would."""

    def test_timeout(self):
        self.check_each(self.begin_each(self.serve(), "timeout"), "EAGAIN")

    def test_signal(self):
        self.check_each(self.begin_each(self.serve(), "interrupted"), "EINTR")

    def test_signal_whose_handler_restarts(self):
        server = self.serve()
        clients = self.begin_each(server, "restarted", ["write"])
        self.empty(server)
        self.check_each(clients)
        self.check_sent(server)

    def test_cancelled(self):
        self.check_each(self.begin_each(self.serve(), "cancelled"))

    def check_reads(self, how):
        server = self.serve()
        clients = self.begin_each(server, how, READS)
        self.empty(server)
        header = self.header(server)
        for _ in clients:
            connection = self.accept(server)
            self.assertEqual(connection.recv(len(header), socket.MSG_WAITALL),
                             header)
            connection.sendall(b"hello")
            self.assertEqual(fixture.read_all(connection), b"data")
        self.check_each(clients)

    def test_writes(self):
        server = self.serve()
        clients = self.begin_each(server, "write", WRITES)
        self.empty(server)
        self.check_each(clients)
        sent = sorted(fixture.read_all(self.accept(server))
                      for _ in clients)
        header = self.header(server)
        self.assertEqual(sent, [header + b"data"] +
                         [header + b"datadata"] * (len(clients) - 1))

    def test_reads(self):
        """The server says something when it has the header, not before."""
        self.check_reads("read")

    def test_reads_that_do_not_block(self):
        self.check_reads("nonblocking")

    def test_shutdown(self):
        """What ends behind the header is not lost with it."""
        server = self.serve()
        client = self.begin(server, "shutdown")
        client.wait_line("^connect EINPROGRESS$")
        self.empty(server)
        self.check_done(client)
        self.check_sent(server, b"")


class Others(PendingCase):
    """Children and threads that meet a connection."""

    def test_vfork(self):
        """What a child does to its descriptors is not done to its parent's."""
        server = self.serve()
        client = self.begin(server, "vfork")
        client.wait_line("^first 0$")
        self.empty(server)
        self.check_done(client)
        self.check_sent(server)
        self.check_sent(server)

    def test_left_by_siglongjmp(self):
        """A connect that a handler has left holds up no later call."""
        server = self.serve()
        client = self.begin(server, "jump")
        client.wait_line("^jump 0$")
        self.empty(server)
        self.check_done(client)
        self.check_sent(server)
        self.check_sent(server)

    def test_a_thread_that_waits_ahead(self):
        """Of a connect that blocks, which is the only one."""
        server = self.serve()
        clients = [self.begin(server, "ahead") for _ in range(4)]
        for client in clients:
            client.wait_line("^first 0$")
        self.empty(server)
        for client in clients:
            self.check_done(client)
            self.check_sent(server)


class Waits(PendingCase):
    """Calls that wait for something else meanwhile."""

    def test_many(self):
        """They are looked at together, not one by one."""
        fixture.need("strace")
        server = self.serve()
        done = subprocess.run(
            ["strace", "-o", "/dev/stdout", "-E",
             "LD_PRELOAD=" + CLIENT_LIBRARY, fixture.probe("pending"),
             str(server.getsockname()[1]), "many"],
            env=fixture.environment(), stdout=subprocess.PIPE, check=True,
            text=True)
        self.assertIn("first 0", done.stdout)
        waits = done.stdout.split("getppid()")[1]
        self.assertLess(len(waits.splitlines()), 100)

    def test_signals_in_between(self):
        """Handlers end a wait even while the library looks at others."""
        server = self.serve()
        with unittest.mock.patch.dict(os.environ, PP_GAP="1"):
            client = self.begin(server, "gap", library=ROUGH)
        self.check_done(client)

    def test_short(self):
        """What waits for less than a millisecond does."""
        self.check_done(self.begin(self.serve(), "short"))


class More(PendingCase):
    """What pending_more.c does."""

    def check(self, how, server=None, **settings):
        self.check_done(self.begin(server or self.serve(), how,
                                   probe="pending_more", **settings))

    def test_left_wait(self):
        """A thread that a handler took out of a wait ends as others do."""
        self.check("jump_out")

    def test_number_with_something_else(self):
        """Waits go on in one piece as soon as it is known."""
        self.check("stale")

    def test_child_of_vfork_that_is_first(self):
        self.check("vfork_first")

    def test_child_of_a_bare_fork(self):
        self.check("bare_fork")

    def test_empty_reads(self):
        self.check("empty_reads")

    def begin_delayed(self, how, delay):
        """A client that has said half of its header, and the server's end."""
        server = self.serve()
        client = self.begin(server, how, probe="pending_more", SPLIT=14,
                            DELAY=delay)
        client.wait_line("^connect EINPROGRESS$")
        self.empty(server)
        connection = self.accept(server)
        connection.recv(14, socket.MSG_WAITALL)
        return server, client, connection

    def test_signal_that_ends_the_program(self):
        """It does so while a wait says a header."""
        _, client, _ = self.begin_delayed("signalled", 3600)
        client.process.terminate()
        self.assertEqual(client.wait(), -signal.SIGTERM)

    def test_signal_that_ends_the_wait(self):
        """The header goes out whole nevertheless."""
        _, client, connection = self.begin_delayed("signalled", 1)
        client.process.send_signal(signal.SIGALRM)
        self.check_done(client)
        self.assertEqual(len(fixture.read_all(connection)), 14)

    def test_number_with_another_socket(self):
        """What is left of a header is not for that."""
        server, client, connection = self.begin_delayed("reused", 1)
        client.process.send_signal(signal.SIGUSR1)
        self.check_done(client)
        self.assertEqual(fixture.read_all(connection), b"")
        self.assertEqual(fixture.read_all(self.accept(server)), b"data")

    def test_number_of_a_header_that_was_left(self):
        """What another thread says on the next socket has no part in it."""
        server, client, connection = self.begin_delayed("left_header", 1)
        client.process.send_signal(signal.SIGALRM)
        self.check_done(client)
        self.assertEqual(fixture.read_all(connection), b"")
        self.check_sent(server)


if __name__ == "__main__":
    os.environ.pop("LIBPROXYPROTO_VERSION", None)
    fixture.main()
