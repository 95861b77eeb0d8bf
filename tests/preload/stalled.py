# SPDX-License-Identifier: ISC
"""Clients that connect and never finish their header hold up nobody.

Every shape of server, with clients that are silent, sent one byte, or stopped
inside a header; good connections are served beside them, one after another.
"""
import ctypes
import os
import resource
import select
import socket
import unittest

import fixture

SHAPES = ("blocking", "threads", "processes", "epoll", "epoll-edge",
          "epoll-oneshot", "epoll-anew", "epoll-threads", "epoll-exclusive",
          "epoll-processes", "epoll-raw", "epoll-raw-edge",
          "epoll-raw-oneshot", "epoll-raw-processes", "epoll-uring", "poll",
          "ppoll", "poll-all", "poll-duplicate", "poll-duplicate-accepts",
          "select", "pselect", "select-all", "select-duplicate")

if hasattr(ctypes.CDLL(None), "__poll_chk"):
    SHAPES += ("poll-fortified",)

# How far a stalled client came.
SILENT = b""
STOPS = (SILENT, b"P", fixture.v1()[:20], fixture.v2()[:20])
EACH = 200
GOOD = 30


def raise_limit():
    """Lets this process open what it may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def cpu_ticks(pid):
    """User and system time of a process, in clock ticks."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def has_news(client):
    """Did the server send anything, or hang up?"""
    poll = select.poll()
    poll.register(client, select.POLLIN)
    return bool(poll.poll(0))


class Server(fixture.Program):
    """A server of a shape, with what its clients need."""

    def __init__(self, shape, workers=4, seconds=0, **settings):
        super().__init__(
            [fixture.probe("shapes"), shape, str(workers), str(seconds)],
            fixture.environment(fixture.SERVER_LIBRARY, **settings))
        started = self.wait_line(r"^port (\d+)$|^no io_uring$")
        if not started[1]:
            self.stop()
            raise unittest.SkipTest("the kernel refuses io_uring")
        self.port = int(started[1])
        self.clients = []

    def __exit__(self, *_):
        for client in self.clients:
            client.close()
        super().__exit__()

    def stall(self, each=EACH, stops=STOPS):
        """Connects clients that get no further than each of the stops."""
        self.clients += [fixture.connect(self.port, stop)
                         for stop in stops for _ in range(each)]

    def ask(self, number):
        """What the server says to a good client."""
        header = fixture.v2 if number % 2 else fixture.v1
        with fixture.connect(self.port, header("192.0.2.7",
                                               source_port=number)) as client:
            return fixture.read_all(client)

    def ask_all(self, count=GOOD):
        """The numbers of good clients that were served as what they are."""
        return [number for number in range(1, count + 1)
                if self.ask(number) == b"accepted 192.0.2.7 %d\n" % number]

    def count(self, line):
        with self._changed:
            return self.lines.count(line)

    def accepted(self, count):
        """How many connections it was given, once it told of that many."""
        def told():
            with self._changed:
                return sum(line.startswith("accepted ")
                           for line in self.lines)
        fixture.wait_for(lambda: told() >= count, f"{count} connections")
        return told()

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def sockets(self):
        """How many of them are sockets: the listener's, and connections."""
        folder = f"/proc/{self.process.pid}/fd"
        names = []
        for fd in os.listdir(folder):
            try:
                names.append(os.readlink(f"{folder}/{fd}"))
            except FileNotFoundError:
                pass   # closed meanwhile
        return sum(name.startswith("socket:") for name in names)


class Stalled(unittest.TestCase):
    """One test a shape and mode."""

    def check_good_beside_stalled(self, shape, must_use):
        with Server(shape, MUST_USE_PROTOCOL_HEADER=must_use,
                    TIMEOUT=600) as server:
            server.stall()
            self.assertEqual(server.ask_all(), list(range(1, GOOD + 1)))
            # nobody else was handed over, and all of them are still there
            self.assertEqual(server.accepted(GOOD), GOOD)
            self.assertEqual([client for client in server.clients
                              if has_news(client)], [])
            self.check_late(server)

    def check_late(self, server):
        """Who finishes the header after all is served, and wakes the server."""
        late = server.clients[-1]
        late.sendall(fixture.v2()[20:])
        self.assertEqual(fixture.read_all(late),
                         b"accepted 192.0.2.1 1111\n")
        silent = server.clients[0]
        silent.sendall(fixture.v1("192.0.2.9"))
        self.assertEqual(fixture.read_all(silent),
                         b"accepted 192.0.2.9 1111\n")

    def check_deadline(self, shape, must_use):
        with Server(shape, MUST_USE_PROTOCOL_HEADER=must_use,
                    TIMEOUT=0.5) as server:
            server.stall(each=10)
            for client in server.clients:
                port = client.getsockname()[1]
                answer = fixture.read_all(client)
                if must_use:
                    self.assertEqual(answer, b"")
                else:
                    server.wait_line(f"^accepted 127.0.0.1 {port}$")
            self.assertEqual(server.ask_all(3), [1, 2, 3])
            expected = 3 if must_use else 3 + len(server.clients)
            self.assertEqual(server.accepted(expected), expected)

    def check_leaving(self, shape):
        """A waiting client that hangs up or resets harms nobody."""
        listeners = 1 + ("duplicate" in shape) + ("accepts" in shape)
        with Server(shape, MUST_USE_PROTOCOL_HEADER=1, TIMEOUT=600) as server:
            server.stall(each=5, stops=STOPS[1:])
            self.assertEqual(server.ask_all(3), [1, 2, 3])
            if "processes" not in shape:
                fixture.wait_for(lambda: server.sockets() == listeners + 15,
                                 "all of them to wait")
            for number, client in enumerate(server.clients):
                if number % 2:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                      b"\1\0\0\0\0\0\0\0")
                client.close()
            self.assertEqual(server.ask_all(3), [1, 2, 3])
            if "processes" not in shape:
                fixture.wait_for(lambda: server.sockets() == listeners,
                                 "the descriptors of those who left")
            self.assertEqual(server.accepted(6), 6)


def add_tests():
    """One method for each shape and each thing to check."""
    for shape in SHAPES:
        name = shape.replace("-", "_")
        for must_use in (0, 1):
            mode = "must_use" if must_use else "optional"
            setattr(Stalled, f"test_good_beside_stalled_{name}_{mode}",
                    lambda self, s=shape, m=must_use:
                    self.check_good_beside_stalled(s, m))
            setattr(Stalled, f"test_deadline_{name}_{mode}",
                    lambda self, s=shape, m=must_use:
                    self.check_deadline(s, m))
        setattr(Stalled, f"test_leaving_{name}",
                lambda self, s=shape: self.check_leaving(s))


class Epoll(unittest.TestCase):
    """What costs nothing however many wait."""

    def wait_all_in(self, server, count):
        """Until that many clients are in the waiting room."""
        fixture.wait_for(lambda: server.descriptors() >= count,
                         f"{count} connections in the waiting room")

    def test_5000_stalled(self):
        raise_limit()
        with Server("epoll", TIMEOUT=600) as server:
            server.stall(each=1250)
            self.assertEqual(server.ask_all(), list(range(1, GOOD + 1)))
            self.wait_all_in(server, 5000)
            self.assertEqual(server.ask_all(), list(range(1, GOOD + 1)))
            self.assertEqual(server.accepted(2 * GOOD), 2 * GOOD)

    def test_no_wake_for_who_stopped(self):
        with Server("epoll", TIMEOUT=600) as server:
            server.stall(each=500, stops=STOPS[2:])
            self.wait_all_in(server, 1000)
            self.assertEqual(server.ask_all(1), [1])
            self.assertEqual(server.accepted(1), 1)
            wakes, ticks = server.count("wake"), cpu_ticks(server.process.pid)
            # nothing ends this wait: nobody is there to hand over
            with self.assertRaises(socket.timeout):
                server.clients[0].settimeout(10)
                server.clients[0].recv(1)
            self.assertEqual(server.count("wake"), wakes)
            self.assertLessEqual(cpu_ticks(server.process.pid) - ticks, 1)

    def test_original_silent_client_stops_nobody(self):
        """The original waited for a silent client for ever."""
        with Server("blocking", TIMEOUT=600) as server:
            server.stall(each=1, stops=[SILENT, b"PROXY "])
            self.assertEqual(server.ask_all(3), [1, 2, 3])


class Descriptors(unittest.TestCase):
    """Those who wait hold no more descriptors than the program can spare."""

    def test_oldest_is_given_up(self):
        with Server("epoll", TIMEOUT=600) as server:
            limit = server.descriptors() + 60
            resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE,
                             (limit, limit))
            server.stall(each=100, stops=[b"PROXY "])
            self.assertEqual(server.ask_all(), list(range(1, GOOD + 1)))
            self.assertEqual(fixture.read_all(server.clients[0]), b"")
            self.assertLessEqual(server.descriptors(), limit)
            self.assertFalse(has_news(server.clients[-1]))


class Blocking(unittest.TestCase):
    """
    A program that waits for a blocking listener, and others, is not held up
    in accept where there is nobody for it.
    """

    def check(self, shape):
        with Server(shape, TIMEOUT=600) as server:
            for number, stop in enumerate(
                    [*STOPS[1:], b"PROXY nonsense\r\n"], 1):
                server.stall(1, [stop])
                fixture.wait_for(lambda: server.count("reset") >= number,
                                 "accept to end")
            self.assertEqual(server.ask_all(3), [1, 2, 3])
            late = server.clients[2]
            late.sendall(fixture.v2()[20:])
            self.assertEqual(fixture.read_all(late),
                             b"accepted 192.0.2.1 1111\n")
            self.assertEqual(server.ask_all(3), [1, 2, 3])
            # the first bytes may come behind the connection: one more each
            self.assertLessEqual(server.count("reset"), 2 * number)

    def test_poll(self):
        self.check("poll-blocking")

    def test_select(self):
        self.check("select-blocking")

    def test_epoll(self):
        self.check("epoll-blocking")


class Timeout(unittest.TestCase):
    """SO_RCVTIMEO of the program's listener."""

    def test_kept_beside_stalled(self):
        with Server("blocking", seconds=1, TIMEOUT=600) as server:
            server.wait_line("^timeout$")
            server.stall(each=1, stops=[b"PROXY "])
            self.assertEqual(server.ask_all(1), [1])
            before = server.count("timeout")
            fixture.wait_for(lambda: server.count("timeout") >= before + 2,
                             "accept to end by its timeout")
            self.assertEqual(server.ask_all(2), [1, 2])


add_tests()

if __name__ == "__main__":
    fixture.main()
