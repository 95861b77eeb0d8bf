# SPDX-License-Identifier: ISC
"""LIBPROXYPROTO_UNIX: listeners on Unix sockets, behind a proxy.

That they are left alone without it, other_sockets.py and syscalls.py show, and
what becomes of connections that a program is started with, inetd.py.
"""
import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import unittest

import fixture
from fixture import tlv, v1, v2, v2_local, v2_raw
from fixture.calls import CallsCase, pack_unix
from fixture.trace import Trace

CLIENT = "192.0.2.1", 1111
UNNAMED = struct.pack("=H", socket.AF_UNIX)
HALF = v1("192.0.2.50")[:20], v1("192.0.2.50")[20:]


def connect(path, data=b"", name=None):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(fixture.PATIENCE)
    if name:
        client.bind(name)
    client.connect(path)
    client.sendall(data)
    return client


class UnixCase(CallsCase):
    def setUp(self):
        self.folder = fixture.folder(self.addCleanup)
        self.path = self.folder + "/socket"

    def server(self, path=None, kind=socket.SOCK_STREAM, **settings):
        """The program, and its listener, on a Unix socket."""
        calls = self.start(**{"UNIX": "yes"} | settings)
        return calls, self.listen(calls, path or self.path, kind)

    def listen(self, calls, path, kind=socket.SOCK_STREAM):
        fd = calls.socket(socket.AF_UNIX, kind)
        calls.ok("bind", fd, pack_unix(path))
        calls.ok("listen", fd, 64)
        return fd

    def client(self, data=b"", path=None, name=None):
        client = connect(path or self.path, data, name)
        self.addCleanup(client.close)
        return client

    def check_served(self, calls, fd, path=None):
        """A client with a header is told, and its data is whole."""
        self.client(v1() + b"data", path)
        reply = calls.accept(fd)
        self.assertEqual(reply.address, CLIENT)
        self.assertEqual(reply.errno, "KEPT")
        self.assertEqual(calls.receive(reply.result).data, b"data")
        return reply.result


class Clients(UnixCase):
    def test_addresses(self):
        calls, fd = self.server()
        for header, address in (
                (v1(), CLIENT), (v2(), CLIENT),
                (v2(tlvs=tlv(4, bytes(3000))), CLIENT),
                (v2("2001:db8::1", "2001:db8::2"), ("2001:db8::1", 1111)),
                # of no family: it is written as what it is
                (v1("::ffff:192.0.2.1", "::1"), CLIENT)):
            for cut in 0, 10, len(header):
                client = self.client(header[:cut])
                calls.begin("accept4", fd, 128, 0)
                if cut < len(header):
                    calls.wait_asleep()
                client.sendall(header[cut:] + b"data")
                reply = calls.finish("accept4")
                self.assertEqual(reply.address, address)
                self.assertEqual(calls.receive(reply.result).data, b"data")

    def test_no_client_is_stated(self):
        """The kernel's name of the peer stands, also of one that waited."""
        calls, fd = self.server()
        name = self.folder + "/a client's name"
        for header in (v2_local(), b"PROXY UNKNOWN\r\n", b"data",
                       v2_raw(protocol=0x31, block=bytes(216))):
            for waits in False, True:
                client = self.client(b"" if waits else header, name=name)
                calls.begin("accept", fd, 128)
                if waits:
                    calls.wait_asleep()
                    client.sendall(header)
                reply = calls.finish("accept")
                self.assertEqual(reply.buffer[:reply.length].hex(),
                                 pack_unix(name))
                os.unlink(name)

    def test_lengths(self):
        """Where the client does not fit, the kernel's name is cut instead."""
        calls, fd = self.server()
        for header, size in ((v1(), 16),
                             (v2("2001:db8::1", "2001:db8::2"), 28)):
            for length in 0, 1, 2, 15, 16, 27, 28, 110, 128:
                self.client(header)
                reply = calls.accept(fd, length)
                if length < size:
                    self.assertEqual(reply.length, 2)
                    self.assertEqual(reply.buffer[:min(length, 2)],
                                     UNNAMED[:length])
                else:
                    self.assertEqual(reply.length, size)
                    self.assertEqual(reply.address[1], 1111)
            self.client(header)
            self.assertEqual(calls.accept(fd, "null").errno, "KEPT")
            for length, error in ("nolength", "EFAULT"), (-1, "EINVAL"):
                self.client(header)
                self.assertEqual(calls.accept(fd, length).errno, error)

    def test_what_else_is_known_of_it(self):
        """Names and credentials are the kernel's."""
        calls, fd = self.server()
        accepted = self.check_served(calls, fd)
        reply = calls.getpeername(accepted)
        self.assertEqual(reply.buffer[:reply.length], UNNAMED)
        reply = calls.getsockname(accepted)
        self.assertEqual(reply.buffer[:reply.length].hex(),
                         pack_unix(self.path))
        reply = calls.do("getsockopt", accepted, socket.SOL_SOCKET,
                         socket.SO_PEERCRED)
        self.assertEqual(int(reply.words[0]), os.getpid())
        self.assertEqual(calls.header(accepted).errno, "ENODATA")

    def test_told_in_the_log(self):
        calls, fd = self.server(DEBUG=1)
        calls.wait_line(f"^libproxyproto: listen: fd {fd}: unix, version .*: "
                        r"DEBUG=1 \(environment\), UNIX=yes \(environment\)$")
        accepted = self.check_served(calls, fd)
        for line in ("v1 PROXY header of 42 bytes from proxy unix: client "
                     "192.0.2.1:1111, destination 192.0.2.2:2222",
                     "not remembered: its socket takes no note, from unix"):
            calls.wait_line(f"^libproxyproto: accept: fd {accepted}: {line}$")
        self.client(b"data")
        calls.accept(fd)
        calls.wait_line("handed over: no header, from unix$")

    def test_calls(self):
        """Two of recv(2) for one that has its header, and none else."""
        calls, fd = self.server()
        self.check_served(calls, fd)
        self.client(v1() + b"data")
        self.client(b"data")
        with Trace(calls.pid) as trace:
            calls.accept(fd)
            calls.accept(fd)
        self.assertEqual([name for name in trace.names()
                          if name not in ("read", "write")],
                         ["accept", "recvfrom", "recvfrom",
                          "accept", "recvfrom"])


class Listeners(UnixCase):
    def test_abstract(self):
        path = f"\0libproxyproto-test-{os.getpid()}"
        calls = self.start(UNIX=1)
        fd = calls.socket(socket.AF_UNIX)
        calls.ok("bind", fd, (UNNAMED + path.encode()).hex())
        calls.ok("listen", fd, 8)
        self.check_served(calls, fd, path)

    def test_unlinked(self):
        """It has no name in the file system any more, while one waits."""
        calls, fd = self.server()
        client = self.client(HALF[0])
        calls.begin("accept", fd, 128)
        calls.wait_asleep()
        second = self.client(v1())
        self.assertEqual(calls.finish("accept").address, CLIENT)
        os.unlink(self.path)
        client.sendall(HALF[1])
        self.assertEqual(calls.accept(fd).address, ("192.0.2.50", 1111))
        second.close()

    def test_inherited(self):
        """systemd listens, and the program never does."""
        code = ("import os, socket, sys; s = socket.socket(socket.AF_UNIX); "
                "s.bind(sys.argv[1]); s.listen(); os.dup2(s.fileno(), 9); "
                "os.environ.update(LD_PRELOAD=sys.argv[2], "
                "LIBPROXYPROTO_UNIX='1'); os.execv(sys.argv[3], sys.argv[3:])")
        calls = self.start(None, argv=[sys.executable, "-c", code, self.path,
                                       fixture.SERVER_LIBRARY,
                                       fixture.probe("calls")])
        calls.getsockname(9)    # it runs, and so it listens
        self.check_served(calls, 9)

    def test_others_are_left_alone(self):
        calls, fd = self.server(kind=socket.SOCK_SEQPACKET,
                                MUST_USE_PROTOCOL_HEADER=1)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            client.connect(self.path)
            for _ in range(2):
                client.send(v1())
            reply = calls.accept(fd)
            self.assertEqual(reply.buffer[:reply.length], UNNAMED)
            self.assertEqual(calls.receive(reply.result).data, v1())

    def test_switched_off(self):
        for settings in {"UNIX": 0}, {"VERSION": 0}:
            calls, fd = self.server(path := f"{self.path}-{settings}",
                                    MUST_USE_PROTOCOL_HEADER=1, **settings)
            self.client(v1(), path)
            reply = calls.accept(fd)
            self.assertEqual(reply.buffer[:reply.length], UNNAMED)
            self.assertEqual(calls.receive(reply.result).data, v1())

    def test_beside_tcp(self):
        """TRUSTED and PORTS are asked for TCP alone."""
        calls, fd = self.server(TRUSTED="10.0.0.1", PORTS="1")
        self.check_served(calls, fd)
        tcp = calls.listener()
        client = fixture.connect(tcp.port, v1())
        self.addCleanup(client.close)
        reply = calls.accept(tcp.fd)
        self.assertEqual(reply.address, client.getsockname())
        self.assertEqual(calls.receive(reply.result).data, v1())

    def test_a_number_that_was_another_listener_s(self):
        """By dup2, in each direction, no hook sees it."""
        for other in "tcp", "seqpacket":
            path = f"{self.path}-{other}"
            calls, fd = self.server(path, TRUSTED="10.0.0.1")
            self.check_served(calls, fd, path)
            if other == "tcp":
                was = calls.listener()
                calls.ok("dup2", fd, was.fd)
                self.check_served(calls, was.fd, path)
                again = calls.listener()
                calls.ok("dup2", again.fd, fd)
                with fixture.connect(again.port, v1()) as client:
                    reply = calls.accept(fd)
                    self.assertEqual(reply.address, client.getsockname())
            else:
                was = self.listen(calls, path + "2", socket.SOCK_SEQPACKET)
                calls.ok("dup2", fd, was)
                self.check_served(calls, was, path)


class Refused(UnixCase):
    def test_stalled(self):
        for settings in {}, {"MUST_USE_PROTOCOL_HEADER": 1}:
            path = f"{self.path}-{len(settings)}"
            calls, fd = self.server(path, TIMEOUT=0.05, **settings)
            for data in b"", HALF[0]:
                client = self.client(data, path)
                if settings:
                    calls.begin("accept", fd, 128)
                    self.assertEqual(fixture.read_all(client), b"")
                    self.client(v1(), path)
                    self.assertEqual(calls.finish("accept").address, CLIENT)
                    continue
                reply = calls.accept(fd)
                self.assertEqual(reply.buffer[:reply.length], UNNAMED)
                client.close()
                self.assertEqual(calls.receive_all(reply.result), data)

    def test_what_a_refused_one_is(self):
        """The connection itself, at its end, with its credentials."""
        calls, fd = self.server(MUST_USE_PROTOCOL_HEADER=1)
        for data in b"bare", b"PROXY nonsense\r\n" * 9:
            client = self.client(data)
            calls.ok("poll", fd, 1, -1)
            reply = calls.accept(fd)
            self.assertEqual(reply.buffer[:reply.length], UNNAMED)
            self.assertEqual(calls.receive(reply.result).outcome, (0, "KEPT"))
            pid = calls.do("getsockopt", reply.result, socket.SOL_SOCKET,
                           socket.SO_PEERCRED).words[0]
            self.assertEqual(int(pid), os.getpid())
            self.assertEqual(fixture.read_all(client), b"")

    def test_without_descriptors(self):
        """Nothing can stand in for a late one: it is refused."""
        calls, fd = self.server()
        late = self.client(HALF[0])
        limit = str(max(calls.descriptors()) + 2)
        subprocess.run(["prlimit", "--pid", str(calls.pid),
                        f"--nofile={limit}:"], check=True)
        calls.ok("poll", fd, 1, -1)
        reply = calls.accept(fd)
        self.assertEqual(calls.receive(reply.result).outcome, (0, "KEPT"))
        self.assertEqual(fixture.read_all(late), b"")


class Settings(UnixCase):
    def told(self, calls):
        return [line for line in calls.output().split("\n")
                if line.startswith("libproxyproto")]

    def test_bad_ones(self):
        """Also of itself: such a program has perhaps no other listeners."""
        for settings in {"UNIX": "yse"}, {"UNIX": "yes", "TRUSTED": "x"}:
            calls = self.start(**settings)
            path = f"{self.path}-{len(settings)}"
            fd = calls.socket(socket.AF_UNIX)
            calls.ok("bind", fd, pack_unix(path))
            self.assertEqual(calls.do("listen", fd, 8).outcome, (-1, "EINVAL"))
            self.assertEqual(calls.accept(fd).outcome, (-1, "EINVAL"))
            self.assertEqual(len(self.told(calls)), 1)
            # others are not disturbed
            other = calls.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            calls.ok("bind", other, pack_unix(path + "2"))
            calls.ok("listen", other, 8)

    def test_the_file_is_read(self):
        """For its other settings; this one is of the environment."""
        config = self.folder + "/conf"
        for text, good in (("must_use_protocol_header = 1", True),
                           ("unix = yes", False)):
            with open(config, "w", encoding="ascii") as file:
                file.write(text)
            calls = self.start(UNIX=1, CONFIG=config)
            fd = calls.socket(socket.AF_UNIX)
            path = f"{self.path}-{good}"
            calls.ok("bind", fd, pack_unix(path))
            if not good:
                self.assertEqual(calls.do("listen", fd, 8).outcome,
                                 (-1, "EINVAL"))
                self.assertIn('"unix" is not a setting', calls.output())
                continue
            calls.ok("listen", fd, 8)
            bare = self.client(b"bare", path)
            calls.begin("accept", fd, 128)
            self.assertEqual(fixture.read_all(bare), b"")
            self.client(v1(), path)
            self.assertEqual(calls.finish("accept").address, CLIENT)


class Ways(unittest.TestCase):
    """However a program waits: accept_ways.c, see accept_ways.py."""

    WAYS = ("none", "poll", "ppoll", "select", "pselect", "epoll",
            "epoll-edge", "epoll-oneshot", "epoll-exclusive")
    MODES = tuple((way, mode) for way in WAYS
                  for mode in ("blocking", "once", "all")
                  if not (way == "none" and mode != "blocking")
                  and not (way == "epoll-edge" and mode != "all"))

    def ask(self, path):
        with connect(path, v1("192.0.2.9") + b"hello\n") as client:
            self.assertEqual(fixture.read_all(client), b"192.0.2.9 hello\n")

    def check(self, way, mode):
        path = fixture.folder(self.addCleanup) + "/socket"
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(fixture.Program(
                [fixture.probe("accept_ways"), way, mode, path],
                fixture.environment(fixture.SERVER_LIBRARY, UNIX=1, TIMEOUT=600,
                                    MUST_USE_PROTOCOL_HEADER=1)))
            server.wait_line("^path$")

            def bad(data):
                return stack.enter_context(connect(path, data))

            self.ask(path)
            late = []
            for start in HALF[0], b"", v1("192.0.2.50")[:1]:
                late.append((bad(start), v1("192.0.2.50")[len(start):]))
                self.ask(path)
            refused = [bad(b"PROXY TCP9\r\n"), bad(b"bare\n"), bad(b"")]
            refused[2].close()
            self.ask(path)
            # several at once, and good ones among them
            os.kill(server.process.pid, signal.SIGSTOP)
            late += [(bad(HALF[0]), HALF[1]) for _ in range(5)]
            refused += [bad(b"bare\n") for _ in range(5)]
            good = bad(v1("192.0.2.7") + b"good\n")
            os.kill(server.process.pid, signal.SIGCONT)
            self.assertEqual(fixture.read_all(good), b"192.0.2.7 good\n")
            for client in refused[:2] + refused[3:]:
                self.assertEqual(fixture.read_all(client), b"")
            for client, rest in late:
                client.sendall(rest + b"late\n")
            for client, _ in late:
                self.assertEqual(fixture.read_all(client),
                                 b"192.0.2.50 late\n")
            self.ask(path)
            self.check_told(server, mode, len(late) + len(refused))

    def check_told(self, server, mode, most):
        """Those stood in for are clients that have gone; nothing fails."""
        words = [line.split()[0] for line in server.output().split("\n")]
        allowed = {"path", "client", "gone"} | ({"again"} if mode == "all"
                                                else set())
        self.assertLessEqual(set(words), allowed, server.output())
        # half a header may be a moment behind its connection
        self.assertLessEqual(words.count("gone"), 2 * most, server.output())


for _way, _mode in Ways.MODES:
    def _test(self, way=_way, mode=_mode):
        self.check(way, mode)
    setattr(Ways, f"test_{_way.replace('-', '_')}_{_mode}", _test)


if __name__ == "__main__":
    fixture.main()
