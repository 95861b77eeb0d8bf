# SPDX-License-Identifier: ISC
"""Descriptors of those who wait: where they are, and where they are not.

tests/preload/beside.c is the server that forks or has threads.
"""
import re
import resource
import subprocess
import tempfile
import unittest

import fixture
from fixture import v1, v2
from fixture.calls import CallsCase

CLIENT = "192.0.2.1", 1111
NEVER = 3600
SELECT_ENDS = 1024


def limits():
    """Those of old, of containers, and the most that there is."""
    with open("/proc/sys/fs/nr_open", encoding="ascii") as file:
        most = int(file.read())
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for limit in (64, 1024, 1100, 20000, most):
        if limit <= hard or hard == resource.RLIM_INFINITY:
            yield limit
        else:
            try:
                subprocess.run(["prlimit", f"--nofile={limit}", "true"],
                               check=True, stderr=subprocess.DEVNULL)
                yield limit
            except (OSError, subprocess.CalledProcessError):
                continue


class Numbers(CallsCase):
    def start_with(self, limit, **settings):
        """A program with a limit, and a listener that does not block."""
        calls = self.start(TIMEOUT=NEVER, **settings)
        resource.prlimit(calls.pid, resource.RLIMIT_NOFILE, (limit, limit))
        return calls, calls.listener(nonblocking=True)

    def late(self, calls, listener, count=1):
        clients = []
        for _ in range(count):
            clients.append(self.client(listener, v1()[:10]))
            calls.ok("poll", listener.fd, 1, -1)
            self.assertEqual(calls.accept(listener.fd).errno, "EAGAIN")
        return clients

    def first(self, limit):
        """The lowest number that the library may have."""
        return limit - limit // 4 if limit <= SELECT_ENDS else SELECT_ENDS

    def size_of_table(self, calls):
        with open(f"/proc/{calls.pid}/status", encoding="ascii") as file:
            return int(re.search(r"FDSize:\s+(\d+)", file.read())[1])

    def test_those_of_the_program_are_as_without(self):
        """Whatever the limit; and the table of the kernel stays small."""
        for limit in limits():
            with self.subTest(limit=limit):
                calls, listener = self.start_with(limit)
                before = calls.descriptors()
                clients = self.late(calls, listener, 5)
                taken = sorted(calls.descriptors() - before)
                first = self.first(limit)
                self.assertEqual(taken, list(range(first, first + len(taken))))
                self.assertEqual(len(taken), 5 + 2)
                self.assertLessEqual(self.size_of_table(calls),
                                     2 * SELECT_ENDS)
                self.assertEqual(calls.ok("dup", 0), listener.fd + 1)
                self.client(listener, v2())
                calls.ok("poll", listener.fd, 1, -1)
                self.assertEqual(calls.accept(listener.fd).result,
                                 listener.fd + 2)
                calls.ok("close", listener.fd + 1)
                # who has waited gets the lowest as well
                for number, client in zip((1, 3, 4), clients):
                    client.sendall(v1()[10:])
                    calls.ok("poll", listener.fd, 1, -1)
                    reply = calls.accept(listener.fd)
                    self.assertEqual((reply.result, reply.address),
                                     (listener.fd + number, CLIENT))

    def test_three_quarters_are_the_program_s(self):
        """However many wait: the oldest is given up for the newest."""
        for limit, count in ((64, 40), (1024, 300), (1100, 120)):
            with self.subTest(limit=limit):
                calls, listener = self.start_with(limit)
                before = len(calls.descriptors())
                clients = self.late(calls, listener, count)
                self.assertLessEqual(len(calls.descriptors()) - before,
                                     limit // 4)
                self.assertEqual(fixture.read_all(clients[0]), b"")
                for number in range(listener.fd + 1,
                                    min(limit * 3 // 4, SELECT_ENDS)):
                    self.assertEqual(calls.ok("dup", 0), number)
                if limit <= SELECT_ENDS:
                    self.assertEqual(calls.do("dup", 0).errno, "EMFILE")
                # the newest is there still, and has its turn when there is a
                # number for it
                clients[-1].sendall(v1()[10:])
                calls.ok("poll", listener.fd, 1, -1)
                calls.ok("close", listener.fd + 1)
                self.assertEqual(calls.accept(listener.fd).result,
                                 listener.fd + 1)

    def test_no_number_for_who_is_ready(self):
        """accept says what the kernel's would, and nobody is lost."""
        calls, listener = self.start_with(1024)
        client, = self.late(calls, listener)
        client.sendall(v1()[10:])
        calls.ok("poll", listener.fd, 1, -1)
        resource.prlimit(calls.pid, resource.RLIMIT_NOFILE,
                         (listener.fd + 1, 1024))
        for _ in range(3):
            self.assertEqual(calls.accept(listener.fd).errno, "EMFILE")
            self.assertEqual(calls.ok("poll", listener.fd, 1, -1), 1)
        resource.prlimit(calls.pid, resource.RLIMIT_NOFILE, (1024, 1024))
        reply = calls.accept(listener.fd)
        self.assertEqual((reply.result, reply.address, reply.errno),
                         (listener.fd + 1, CLIENT, "KEPT"))

    def test_many_listeners(self):
        """Rooms that are empty give their descriptors up."""
        calls, _ = self.start_with(64)
        for _ in range(20):
            listener = calls.listener(nonblocking=True)
            client, = self.late(calls, listener)
            client.sendall(v1()[10:])
            calls.ok("poll", listener.fd, 1, -1)
            reply = calls.accept(listener.fd)
            self.assertEqual(reply.address, CLIENT)
            calls.ok("close", reply.result)

    def test_none_for_listeners_that_are_polled(self):
        """In a program with threads, too, as long as no client comes."""
        calls, listener = self.start_with(1024)
        calls.ok("thread", "poll", listener.fd, 1, -1)
        others = [calls.listener(nonblocking=True) for _ in range(5)]
        before = calls.descriptors()
        for other in others:
            calls.ok("poll", other.fd, 1, 0)
        self.assertEqual(calls.descriptors(), before)

    def test_none_for_a_number_that_was_a_listener_s(self):
        """A connection that has it now is polled."""
        for how in ("close", "rawclose"):
            with self.subTest(how=how):
                calls, listener = self.start_with(1024)
                other = calls.listener(nonblocking=True)
                calls.ok("thread", "poll", other.fd, 1, -1)
                calls.ok(how, listener.fd)
                self.client(other, v1() + b"x")
                calls.finish("poll")
                reply = calls.accept(other.fd)
                self.assertEqual(reply.result, listener.fd)
                before = calls.descriptors()
                self.assertEqual(calls.ok("poll", listener.fd, 1, -1), 1)
                self.assertEqual(calls.descriptors(), before)


class Beside(unittest.TestCase):
    def check(self, case):
        with fixture.Program([fixture.probe("beside"), case],
                             fixture.environment(fixture.SERVER_LIBRARY,
                                                 TIMEOUT=NEVER)) as program:
            status = program.wait()
            self.assertEqual((status, program.output()), (0, "ok"))

    def test_fork_beside_threads_that_accept(self):
        self.check("lock")

    def test_fork_of_a_worker_that_shares_an_epoll(self):
        self.check("shared")

    def test_bare_clone(self):
        self.check("clone")

    def test_listener_that_leaves_an_epoll_that_is_shared(self):
        self.check("left")


class Fork(CallsCase):
    def test_cost(self):
        """A child closes all that wait in a call or two, not one by one."""
        fixture.need("strace")
        with tempfile.NamedTemporaryFile() as trace:
            calls = self.start(argv=["strace", "-f", "-o", trace.name, "-e",
                                     "trace=close,close_range,epoll_ctl,"
                                     "timerfd_settime",
                                     fixture.probe("calls")], TIMEOUT=NEVER)
            listener = calls.listener(nonblocking=True, backlog=300)
            for _ in range(200):
                self.client(listener, v1()[:10])
                calls.ok("poll", listener.fd, 1, -1)
                self.assertEqual(calls.accept(listener.fd).errno, "EAGAIN")
            child = calls.ok("fork")
            calls.do("exit", 0)
            with open(trace.name, encoding="ascii") as file:
                made = re.findall(rf"^{child} +(\w+)\(.*= 0$", file.read(),
                                  re.MULTILINE)
        self.assertIn("close_range", made)
        self.assertLess(made.count("close"), 5)
        self.assertEqual(made.count("timerfd_settime"), 0)
        self.assertLess(made.count("epoll_ctl"), 5)


if __name__ == "__main__":
    fixture.main()
