# SPDX-License-Identifier: ISC
"""Connections that libproxyproto_connect.so's clients make in the background.

A listener whose backlog is full answers nobody. The clients' connects have
begun by then; when the backlog is emptied the kernel tries again and they come
to stand.
"""
import os
import re
import socket
import subprocess
import unittest
import unittest.mock

import fixture
from fixture import CLIENT_LIBRARY, v1, v2

ADDR, PORT = "192.0.2.7", 4711
WAITS = ("poll", "ppoll", "__poll_chk", "__ppoll_chk", "select", "pselect",
         "epoll_wait", "epoll_pwait", "epoll_pwait2")
WRITES = ("write", "writev", "send", "sendto", "sendmsg", "sendmmsg",
          "sendfile", "splice")
DUPS = "dup", "dup2", "dup3", "fcntl", "fcntl_cloexec"
BACKLOG = 15
ROUGH = f"{CLIENT_LIBRARY} {fixture.probe('.libs/rough.so')}"
# What the C library of this system may be without.
OPTIONAL = "__poll_chk", "__ppoll_chk", "epoll_pwait2"


class Background(unittest.TestCase):
    """Several clients at once, as each waits for a second."""

    def serve(self):
        """A listener with a full backlog, and who fills it."""
        server = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        server.settimeout(fixture.PATIENCE)
        self.addCleanup(server.close)
        fill = [fixture.connect(server.getsockname()[1])
                for _ in range(BACKLOG + 1)]
        for client in fill:
            self.addCleanup(client.close)
        return server

    def begin(self, server, *words, library=CLIENT_LIBRARY, **settings):
        """A client that has begun to connect."""
        settings = {"ADDR": ADDR, "PORT": PORT} | settings
        client = fixture.Program(
            [fixture.probe("background"), str(server.getsockname()[1]),
             *words], fixture.environment(library, **settings))
        self.addCleanup(client.stop)
        client.wait_line("^connect EINPROGRESS$")
        return client

    def begin_each(self, server, how, names, **settings):
        clients = {}
        for name in names:
            client = self.begin(server, how, name, **settings)
            if name in OPTIONAL and client.process.poll() == 77:
                continue
            clients[name] = client
        return clients

    def empty(self, server):
        """Now there is room in the backlog."""
        for _ in range(BACKLOG + 1):
            server.accept()[0].close()

    def accept(self, server):
        connection, _ = server.accept()
        connection.settimeout(fixture.PATIENCE)
        self.addCleanup(connection.close)
        return connection

    def header(self, server):
        return v2(ADDR, "127.0.0.1", PORT, server.getsockname()[1])

    def check_sent(self, server, count, data=b"data"):
        """So many connections, each with a header ahead of the data."""
        for _ in range(count):
            self.assertEqual(fixture.read_all(self.accept(server)),
                             self.header(server) + data)

    def check_done(self, clients, first="0"):
        for name, client in clients.items():
            with self.subTest(name):
                client.wait_line(f"^first {first}$")
                client.wait_line("^done 0$")
                self.assertEqual(client.wait(), 0)

    def test_waits(self):
        """What reports the connection has said the header by then."""
        server = self.serve()
        clients = self.begin_each(server, "out", (*WAITS, "getsockopt",
                                                  "far_select"))
        self.empty(server)
        self.check_done(clients)
        self.check_sent(server, len(clients))

    def test_waits_for_input_alone(self):
        """The server says something when it has the header, not before."""
        server = self.serve()
        clients = self.begin_each(server, "in", WAITS)
        self.empty(server)
        header = self.header(server)
        for _ in clients:
            connection = self.accept(server)
            self.assertEqual(connection.recv(len(header), socket.MSG_WAITALL),
                             header)
            connection.sendall(b"hello")
            self.assertEqual(fixture.read_all(connection), b"data")
        self.check_done(clients)

    def test_waits_that_end_before(self):
        server = self.serve()
        names = *WAITS, "far_select"
        self.check_done(self.begin_each(server, "timeout", names))
        self.check_done(self.begin_each(server, "signal", names), "EINTR")

    def test_writes(self):
        """They fail until there is a connection, then the header is first."""
        server = self.serve()
        clients = self.begin_each(server, "write", WRITES)
        for client in clients.values():
            client.wait_line("^first EAGAIN$")
        self.empty(server)
        self.check_done(clients, "EAGAIN")
        self.check_sent(server, len(clients))

    def test_writes_that_block(self):
        server = self.serve()
        clients = self.begin_each(server, "blocking", WRITES)
        self.empty(server)
        self.check_done(clients)
        self.check_sent(server, len(clients))

    def test_duplicates(self):
        server = self.serve()
        clients = self.begin_each(server, "dup", DUPS)
        for client in clients.values():
            client.wait_line("^first EAGAIN$")
        self.empty(server)
        self.check_done(clients, "EAGAIN")
        self.check_sent(server, len(clients))

    def begin_rough(self, server, how, *words):
        """With tests/preload/rough.c behind the library."""
        with unittest.mock.patch.dict(os.environ, {how: "1"}):
            return self.begin(server, *words, library=ROUGH)

    def test_both_of_a_fork(self):
        """Each finds that nothing was sent when it looks."""
        server = self.serve()
        clients = {"fork": self.begin_rough(server, "PP_SLOW", "fork")}
        self.empty(server)
        self.check_done(clients)
        self.check_sent(server, 1)

    def test_connected_while_it_writes(self):
        """Not ahead of the header, which could not be sent a moment ago."""
        server = self.serve()
        clients = {"late": self.begin_rough(server, "PP_LATE", "write",
                                            "write")}
        self.empty(server)
        self.check_done(clients, "EAGAIN")
        self.check_sent(server, 1)

    def test_kernel_without_cookies(self):
        """Sockets are told from each other all the same (before 4.6)."""
        server = self.serve()
        self.check_done({"reuse": self.begin_rough(server, "PP_COOKIELESS",
                                                   "reuse")})
        clients = {"write": self.begin_rough(server, "PP_COOKIELESS", "write",
                                             "write")}
        clients["write"].wait_line("^first EAGAIN$")
        self.empty(server)
        self.check_done(clients, "EAGAIN")
        self.check_sent(server, 1)

    def test_another_socket_under_the_number(self):
        server = self.serve()
        self.check_done({"reuse": self.begin(server, "reuse")})

    def test_error_is_left_for_the_program(self):
        with socket.socket() as refusing:
            refusing.bind(("127.0.0.1", 0))
            client = fixture.Program(
                [fixture.probe("background"),
                 str(refusing.getsockname()[1]), "error"],
                fixture.environment(CLIENT_LIBRARY))
            self.addCleanup(client.stop)
            self.check_done({"error": client}, "ECONNREFUSED")

    def test_versions(self):
        server = self.serve()
        settings = {"VERSION": 1, "ADDR": "2001:db8::7"}
        clients = {"v1": self.begin(server, "out", "poll", **settings),
                   "none": self.begin(server, "write", "send", VERSION=0)}
        self.empty(server)
        sent = {fixture.read_all(self.accept(server)) for _ in clients}
        self.assertEqual(sent, {
            v1("2001:db8::7", "::ffff:7f00:1", PORT,
               server.getsockname()[1]) + b"data", b"data"})

    def test_a_long_header(self):
        """Larger than what is there for one on the stack, and split."""
        server = self.serve()
        clients = {"long": self.begin(server, "write", "write",
                                      TLV="noop=65000", SPLIT=9999,
                                      DELAY=0.001)}
        self.empty(server)
        self.check_done(clients, "EAGAIN")
        block = self.header(server)[16:] + b"\4\xfd\xe8" + bytes(65000)
        self.assertEqual(fixture.read_all(self.accept(server)),
                         fixture.v2_raw(block=block) + b"data")

    def test_server_gone_before_the_header(self):
        """A write of the program's own tells it so."""
        server = self.serve()
        client = self.begin(server, "write", "send")
        client.wait_line("^first EAGAIN$")
        server.close()
        client.wait_line("^last (ECONNREFUSED|EPIPE|ECONNRESET)$")


class Threads(unittest.TestCase):
    """Others wait while one connects."""

    def test_nobody_is_ahead_of_the_header(self):
        """One thread connects, three wait with epoll and write."""
        rounds = 400
        server = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.addCleanup(server.close)
        server.settimeout(fixture.PATIENCE)
        with subprocess.Popen(
                [fixture.probe("background_threads"),
                 str(server.getsockname()[1]), str(rounds)],
                env=fixture.environment(CLIENT_LIBRARY, ADDR=ADDR,
                                        PORT=PORT),
                stdout=subprocess.PIPE, text=True) as program:
            expected = v2(ADDR, "127.0.0.1", PORT,
                          server.getsockname()[1]) + b"data"
            for _ in range(rounds):
                connection, _ = server.accept()
                with connection:
                    connection.settimeout(fixture.PATIENCE)
                    self.assertEqual(fixture.read_all(connection), expected)
            self.assertEqual(program.communicate()[0], "done\n")
        self.assertEqual(program.returncode, 0)


class Cost(unittest.TestCase):
    def test_no_call_while_nothing_is_under_way(self):
        """Each hooked function is one system call, as without the library."""
        fixture.need("strace")

        def calls(library):
            script = ("import os, select, socket\n"
                      "a, b = socket.socketpair()\n"
                      "a.setblocking(False)\n"
                      "os.getppid()\n"
                      "a.send(b'xy')\nb.recv(1)\nos.read(b.fileno(), 1)\n"
                      "os.write(a.fileno(), b'x')\n"
                      "os.writev(a.fileno(), [b'x'])\na.sendmsg([b'x'])\n"
                      "select.select([a], [a], [], 0)\n"
                      "p = select.poll()\np.register(a)\np.poll(0)\n"
                      "e = select.epoll()\ne.register(a)\ne.poll(0)\n"
                      "a.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)\n"
                      "os.dup2(1, 50)\n"
                      "os.getppid()\n")
            result = subprocess.run(
                ["strace", "-o", "/dev/stdout",
                 *(["-E", "LD_PRELOAD=" + library] if library else []),
                 "python3", "-c", script], env=fixture.environment(),
                stdout=subprocess.PIPE, check=True, text=True)
            names = re.findall(r"^(\w+)\(", result.stdout, re.M)
            first = names.index("getppid")
            return names[first:names.index("getppid", first + 1)]

        self.assertEqual(calls(CLIENT_LIBRARY), calls(None))
        self.assertIn("sendmsg", calls(CLIENT_LIBRARY))


if __name__ == "__main__":
    os.environ.pop("LIBPROXYPROTO_VERSION", None)
    fixture.main()
