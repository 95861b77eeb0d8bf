# SPDX-License-Identifier: ISC
"""What accept does with a connection that it cannot hand over.

A kernel makes a listener readable and then gives a connection, maybe one that
its client has reset. So does accept under the library, whatever clients do and
however the program waits: accept_ways.c tells all that a program can see.
"""
import contextlib
import errno
import itertools
import os
import re
import select
import signal
import sys
import time
import unittest

import fixture

WAYS = ("none", "poll", "ppoll", "select", "pselect", "epoll", "epoll-edge",
        "epoll-oneshot", "epoll-exclusive")
# none/once would spin, and an edge that is not accepted from until EAGAIN is
# lost without the library, too
MODES = tuple((way, mode) for way in WAYS
              for mode in ("blocking", "once", "all")
              if not (way == "none" and mode != "blocking")
              and not (way == "epoll-edge" and mode != "all"))

HALF_V1 = fixture.v1("192.0.2.50")[:20]
HALF_V2 = fixture.v2("192.0.2.51")[:20]
# what a client sends, and then: the header that makes it a good one, if any
LATE = ((HALF_V1, fixture.v1("192.0.2.50")[20:]),
        (HALF_V2, fixture.v2("192.0.2.51")[20:]),
        (b"", fixture.v1("192.0.2.52")))
MALFORMED = (b"PROXY TCP9\r\n", fixture.v2_raw(command=0x2f))
BARE = b"no header\n"

# as a bare client's reset: see test_bare
RESET_EVENTS = (select.POLLIN | select.POLLOUT | select.POLLERR
                | select.POLLHUP | select.POLLRDHUP)
GOOD_FROM = "127.0.0.2"
BAD_FROM = "127.0.0.3"

# name: settings, whether the one without a header is refused
SETTINGS = {
    "optional": ({}, False),
    "trusted": ({"TRUSTED": "127.0.0.0/8"}, False),
    "must_use": ({"MUST_USE_PROTOCOL_HEADER": 1}, True),
    "let_in": ({"TRUSTED": GOOD_FROM, "MUST_USE_PROTOCOL_HEADER": 1}, True),
}


class Program(fixture.Program):
    def said(self, start):
        with self._changed:
            return [line for line in self.lines
                    if line.split()[0] == start]


class Server(Program):
    """accept_ways under the library."""

    def __init__(self, way, mode, library=fixture.SERVER_LIBRARY, **settings):
        super().__init__([fixture.probe("accept_ways"), way, mode],
                         fixture.environment(library, TIMEOUT=600, **settings))
        self.port = int(self.wait_line(r"^port (\d+)$")[1])
        self.clients = []
        self.asked = 0

    def __exit__(self, *_):
        for client in self.clients:
            client.close()
        super().__exit__()

    def bad(self, data):
        """A client that is kept, and sends this."""
        client = fixture.connect(self.port, data, source=(BAD_FROM))
        self.clients.append(client)
        return client

    def good(self):
        """A client with a header of its own; what it will be told."""
        self.asked += 1
        address = f"192.0.2.{1 + self.asked % 40}"
        text = f"good {self.asked}"
        client = fixture.connect(
            self.port, fixture.v1(address) + f"{text}\n".encode(),
            source=GOOD_FROM)
        return client, f"{address} {text}\n".encode()


class Case(unittest.TestCase):
    def ask(self, server):
        client, expected = server.good()
        with client:
            self.assertEqual(fixture.read_all(client), expected)

    def check_resets(self, server, most):
        """As a kernel could have shown them, and not more than that."""
        resets = server.said("reset")
        self.assertLessEqual(len(resets), most, server.output())
        for line in resets:
            _, events, first, second, accepted, peer = line.split()
            self.assertEqual(int(events, 16), RESET_EVENTS, line)
            self.assertEqual((int(first), int(second)),
                             (errno.ECONNRESET, 0), line)
            self.assertIn(accepted, (BAD_FROM, GOOD_FROM), line)
            self.assertEqual(peer, accepted, line)

    def check_told(self, server, way, mode, most):
        self.assertEqual(server.said("fail"), [], server.output())
        # programs that accept one at a time have never met it
        if mode != "all":
            self.assertEqual(server.said("again"), [], server.output())
        if way == "none":
            self.assertEqual(server.said("reset"), [], server.output())
        self.check_resets(server, most)


class Matrix(Case):
    """Each way to wait, each kind of client, good ones in between."""

    def check(self, way, mode, settings, no_header_is_refused):
        with Server(way, mode, **settings) as server:
            self.ask(server)
            late, count = [], 0
            for data, rest in LATE:
                late.append((server.bad(data), rest))
                self.ask(server)
                count += 1
            for data in MALFORMED:
                server.bad(data)
                self.ask(server)
                count += 1
            if no_header_is_refused:
                server.bad(BARE)
                self.ask(server)
                count += 1
            fixture.reset(fixture.connect(server.port, source=BAD_FROM))
            self.ask(server)
            count += 1
            if "TRUSTED" not in settings or not no_header_is_refused:
                self.finish(server, late)
            self.ask(server)
            # without TCP_DEFER_ACCEPT a good one may be a moment late, too, and
            # half a header behind its connection: two wake-ups for one client
            if settings.get("TRUSTED") and not no_header_is_refused:
                count += server.asked + len(LATE)
            self.check_told(server, way, mode, count)

    def finish(self, server, late):
        """Who is late is served when the rest is there."""
        for number, (client, rest) in enumerate(late):
            client.sendall(rest + b"late\n")
            self.assertEqual(fixture.read_all(client),
                             b"192.0.2.5%d late\n" % number)


def add_tests():
    for name, (settings, refused) in SETTINGS.items():
        for way, mode in MODES:
            def test(self, way=way, mode=mode, settings=settings,
                     refused=refused):
                self.check(way, mode, settings, refused)
            setattr(Matrix, f"test_{name}_{way.replace('-', '_')}_{mode}",
                    test)


add_tests()


class Bare(Case):
    """What is expected of resets is what the kernel shows of real ones."""

    def test_bare(self):
        with Server("poll", "blocking", library=None) as server:
            os.kill(server.process.pid, signal.SIGSTOP)
            fixture.reset(fixture.connect(server.port, source=BAD_FROM))
            os.kill(server.process.pid, signal.SIGCONT)
            line = server.wait_line("^reset .*")[0]
            _, events, first, second, accepted, _ = line.split()
            self.assertEqual(int(events, 16), RESET_EVENTS)
            self.assertEqual((int(first), int(second), accepted),
                             (errno.ECONNRESET, 0, BAD_FROM))


class Together(Case):
    """Several arrive while the program is busy, in every order."""

    KINDS = ("late", "refused", "good")

    def arrive(self, server, kinds):
        """Connects them while the server is stopped; good ones, late ones."""
        good, late = [], []
        os.kill(server.process.pid, signal.SIGSTOP)
        for kind in kinds:
            if kind == "good":
                good.append(server.good())
            elif kind == "late":
                late.append(server.bad(HALF_V1))
            else:
                server.bad(MALFORMED[0])
        os.kill(server.process.pid, signal.SIGCONT)
        return good, late

    def check(self, way, mode):
        with Server(way, mode) as server:
            count = 0
            for kinds in itertools.product(self.KINDS, repeat=4):
                good, late = self.arrive(server, kinds)
                for client, expected in good:
                    with client:
                        self.assertEqual(fixture.read_all(client), expected,
                                         kinds)
                for client in late:
                    client.sendall(LATE[0][1] + b"late\n")
                for client in late:
                    self.assertEqual(fixture.read_all(client),
                                     b"192.0.2.50 late\n", kinds)
                count += kinds.count("late") + kinds.count("refused")
                for client in server.clients:
                    client.close()
                server.clients = []
            self.check_told(server, way, mode, count)

    def test_refused_together(self):
        """Edge triggered: thirty that wait turn out malformed at once."""
        with Server("epoll-edge", "all") as server:
            self.ask(server)
            waiting = [server.bad(HALF_V1) for _ in range(30)]
            self.ask(server)
            os.kill(server.process.pid, signal.SIGSTOP)
            for client in waiting:
                client.sendall(b"nonsense\r\n")
            os.kill(server.process.pid, signal.SIGCONT)
            for client in waiting:
                self.assertEqual(fixture.read_all(client), b"")
            self.ask(server)
            self.check_told(server, "epoll-edge", "all", 60)

    def test_more_than_a_call_tries(self):
        """Edge triggered: a burst of late ones is ahead of the good one."""
        for kind in "late", "refused":
            with self.subTest(kind), Server("epoll-edge", "all") as server:
                self.ask(server)
                server.wait_line("^again$")
                good, _ = self.arrive(server, [kind] * 150 + ["good"])
                client, expected = good[0]
                with client:
                    self.assertEqual(fixture.read_all(client), expected)
                # one for each call that they take
                self.check_told(server, "epoll-edge", "all", 150 // 64)


for _way, _mode in MODES:
    def _test(self, way=_way, mode=_mode):
        self.check(way, mode)
    setattr(Together, f"test_{_way.replace('-', '_')}_{_mode}", _test)


class Script(Program):
    """A server of a few lines, with its listener l."""

    BEGIN = """
import select, socket, struct, time
l = socket.create_server(("127.0.0.1", 0))
print("port", l.getsockname()[1], flush=True)
"""

    def __init__(self, text, before=(), **settings):
        # given to the program alone, not to who traces it
        preload = f"LD_PRELOAD={fixture.SERVER_LIBRARY}"
        super().__init__([*before, "env", preload, sys.executable, "-u", "-c",
                          self.BEGIN + text],
                         fixture.environment(TIMEOUT=600, **settings))
        self.port = int(self.wait_line(r"^port (\d+)$")[1])


class Told(Case):
    """The program was told "readable", of a header that is not whole yet."""

    def test_blocking_again(self):
        """What it takes where it does not block says nothing of this."""
        with Script("""
p = select.epoll()
l.setblocking(False)
p.register(l, select.EPOLLIN)
try:
    l.accept()
except BlockingIOError:
    print("again")
l.setblocking(True)
for i in range(3):
    p.poll()
    l.accept()[0].close()
    print("accepted", i)
""") as server:
            server.wait_line("^again$")
            with fixture.connect(server.port, HALF_V1[:15]) as client:
                for i in range(3):
                    server.wait_line(f"^accepted {i}$")
                    if i < 2:
                        client.sendall(HALF_V1[15 + i:16 + i])

    def test_a_header_is_waited_for_once_in_a_call(self):
        """However many trusted peers in a row are silent."""
        fixture.need("strace")
        with Script("""
l.setblocking(False)
def accept():
    try:
        l.accept()
    except BlockingIOError:
        print("again")
accept()
print("ready")
time.sleep(0.1)
while True:
    with open("/proc/net/tcp") as file:
        rows = [line.split() for line in file]
    port = ":%04X" % l.getsockname()[1]
    if sum(row[1].endswith(port) and row[3] == "01" for row in rows) == 5:
        break
accept()
""", before=("strace", "-e", "trace=ppoll"), TRUSTED="127.0.0.1") as server:
            server.wait_line("^ready$")
            clients = [fixture.connect(server.port) for _ in range(5)]
            self.assertEqual(server.wait(), 0)
            for client in clients:
                client.close()
            self.assertEqual(len(server.said("again")), 2, server.output())
            waits = re.findall(r"{tv_sec=(\d+), tv_nsec=([1-9]\d*)}",
                               server.output())
            self.assertEqual(len(waits), 1, server.output())
            self.assertLessEqual((int(waits[0][0]), int(waits[0][1])),
                                 (0, 5000000))

    def test_flags_of_a_nonblocking_listener_stay(self):
        """Other processes see them, and take those meanwhile for blocking."""
        fixture.need("strace")
        with Script("""
l.setblocking(False)
for i in range(2):
    p = select.epoll()
    p.register(l, select.EPOLLIN)
    p.poll()
    l.accept()[0].close()
    print("accepted", i)
print("listener", l.fileno())
time.sleep(0.1)
""", before=("strace", "-f", "-e", "trace=fcntl")) as server:
            with fixture.connect(server.port, HALF_V1[:15]) as client:
                server.wait_line("accepted 0$")
                client.sendall(HALF_V1[15:16])
                server.wait_line("accepted 1$")
                number = server.wait_line(r"listener (\d+)$")[1]
                self.assertNotRegex(server.output(),
                                    rf"fcntl\({number}, F_SETFL.*O_APPEND")


class Trickle(Case):
    """A program that never met EAGAIN is told of each late client once."""

    LONG = fixture.v2("192.0.2.60", tlvs=fixture.tlv(0xE0, bytes(3000)))

    def check(self, way, mode, first, pieces):
        """The first piece is half a header, which all the others end."""
        with Server(way, mode) as server:
            client = server.bad(first)
            server.wait_line("^reset ")
            for piece in pieces:
                time.sleep(0.01)
                client.sendall(piece)
            client.sendall(b"late\n")
            self.assertEqual(fixture.read_all(client), b"192.0.2.60 late\n")
            self.check_told(server, way, mode, 1)

    def check_all(self, way, mode):
        line = fixture.v1("192.0.2.60")
        block = fixture.v2("192.0.2.60")
        self.check(way, mode, line[:20], [line[20:]])
        self.check(way, mode, block[:16],
                   [block[i:i + 1] for i in range(16, len(block))])
        self.check(way, mode, self.LONG[:100],
                   [self.LONG[i:i + 97] for i in range(100, len(self.LONG),
                                                      97)])


for _way, _mode in (("epoll", "blocking"), ("epoll", "once"),
                    ("epoll-oneshot", "once"), ("poll", "blocking"),
                    ("select", "once")):
    def _test(self, way=_way, mode=_mode):
        self.check_all(way, mode)
    setattr(Trickle, f"test_{_way.replace('-', '_')}_{_mode}", _test)


class Timeout(Case):
    def test_goes_on_no_longer(self):
        """SO_RCVTIMEO ends an accept that goes on and on with the next one."""
        with Script("""
l.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 1, 0))
try:
    l.accept()
except OSError as error:
    print("errno", error.errno)
time.sleep(1)
""") as server:
            for _ in range(50):
                if server.process.poll() is not None:
                    break
                with contextlib.suppress(OSError):
                    fixture.connect(server.port, MALFORMED[0]).close()
                time.sleep(0.2)
            else:
                self.fail("it goes on and on")
            self.assertEqual(server.wait(), 0)
            self.assertEqual(server.said("errno"), [f"errno {errno.EAGAIN}"])


class Local(Case):
    def test_name_of_a_refused_one(self):
        """Where the listener has no address of its own, and whoever it is."""
        for settings in {}, {"TRUSTED": "192.0.2.1"}:
            with self.subTest(settings), Script("""
a = socket.create_server(("", 0))
print("any", a.getsockname()[1])
select.select([a], [], [])
c, _ = a.accept()
print("local", *c.getsockname())
""", MUST_USE_PROTOCOL_HEADER=1, **settings) as server:
                port = int(server.wait_line(r"^any (\d+)$")[1])
                with fixture.connect(port, BARE):
                    server.wait_line(rf"^local 127\.0\.0\.1 {port}$")


if __name__ == "__main__":
    fixture.main()
