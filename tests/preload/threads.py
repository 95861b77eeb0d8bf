# SPDX-License-Identifier: ISC
"""Many threads and processes on one listener, and clients that misbehave."""
import os
import subprocess
import threading
import unittest

import fixture
from fixture import reset, tlv, v1, v2

WORKERS = 8
CLIENTS = 8
LONG = v2(tlvs=tlv(0xE0, bytes(3000)))


class Server:
    """tests/preload/threads.c under the library."""

    def __init__(self, *options, **settings):
        self.program = fixture.Program(
            [fixture.probe("threads"), str(WORKERS), *options],
            env=fixture.environment(fixture.SERVER_LIBRARY, **settings),
            stdin=subprocess.PIPE)
        self.pid = self.program.process.pid
        self.port = int(self.program.wait_line(r"^listening (\d+)").group(1))

    def counts(self):
        """Ends it: connections served, wrong answers, questions asked."""
        self.program.process.stdin.close()
        match = self.program.wait_line(r"^served (\d+) wrong (\d+) "
                                       r"asked (\d+)$")
        return tuple(map(int, match.groups()))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def memory(self):
        """Its anonymous memory, resident, in KiB."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1])
        raise AssertionError("the program has ended")


def stated(number):
    """The address of client number, and a header that states it."""
    host = f"198.{51 + number // 65536}.{number // 256 % 256}.{number % 256}"
    port = number % 65535 + 1
    make = v1 if number % 2 else v2
    return f"{host}:{port}", make(source=host, source_port=port)


def ask(port, number, hold=""):
    """One client: what the server answers."""
    address, header = stated(number)
    with fixture.connect(port, header
                         + f"{hold}{address}\n".encode()) as client:
        return client.recv(200)


def each_in_parallel(function):
    """function(0) to function(CLIENTS - 1) at the same time."""
    failures = []

    def run(number):
        try:
            function(number)
        except BaseException as failure:   # reported by the main thread
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(number,))
               for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


class Case(unittest.TestCase):
    def start(self, *options, **settings):
        server = Server(*options, **settings)
        self.addCleanup(server.program.stop)
        return server

    def ask_all(self, server, rounds, first=1):
        """Each of many clients, with an address of its own, is known."""
        def client(number):
            for turn in range(rounds):
                answer = ask(server.port, first + number * rounds + turn)
                self.assertEqual(answer, b"ok\n")
        each_in_parallel(client)


class OneListener(Case):
    ROUNDS = 400

    def check(self, *options):
        server = self.start(*options)
        address, header = stated(65000)
        with fixture.connect(server.port, header
                             + f"hold {address}\n".encode()) as client:
            self.assertEqual(client.recv(200), b"ok\n")
            self.ask_all(server, self.ROUNDS)
        return server.counts()

    def test_threads(self):
        """The held client is asked for by a thread and a signal handler."""
        served, wrong, asked = self.check()
        self.assertEqual((served, wrong), (self.ROUNDS * CLIENTS + 1, 0))
        self.assertGreater(asked, 0)

    def test_fork_while_others_accept(self):
        served, wrong, asked = self.check("forks")
        self.assertEqual((served, wrong), (self.ROUNDS * CLIENTS + 1, 0))
        self.assertGreater(asked, 0)

    def test_processes(self):
        served, wrong, _ = self.check("processes")
        self.assertEqual((served, wrong), (self.ROUNDS * CLIENTS + 1, 0))


class Disturbed(unittest.TestCase):
    """tests/preload/disturbed.c: all threads go on."""

    def check(self, case, behind=None, **environment):
        library = fixture.SERVER_LIBRARY
        if behind:
            library += " " + fixture.probe(f".libs/{behind}.so")
        program = fixture.Program(
            [fixture.probe("disturbed"), case],
            env=fixture.environment(library) | environment)
        self.addCleanup(program.stop)
        self.assertEqual((program.wait(), program.output()), (0, "done"))

    def test_cancelled_while_the_lock_is_held(self):
        self.check("closer")

    def test_fork_waits_for_a_signal_handler(self):
        self.check("handler")

    def test_fork_waits_for_a_mutex_of_the_program(self):
        self.check("mutex")

    def test_signal_handler_within_the_first_call(self):
        for microseconds in range(1, 120, 2):
            subprocess.run([fixture.probe("disturbed"), "early",
                            str(microseconds)], check=True,
                           timeout=fixture.PATIENCE,
                           env=fixture.environment(fixture.SERVER_LIBRARY))

    def test_the_linker_is_asked_before_main(self):
        """Its lock is not for signal handlers (linker.c)."""
        self.check("closer", "linker")

    def test_cancelled_at_the_gate(self):
        self.check("gate", "cancel", PP_GATE="1")

    def test_two_moments_at_once(self):
        self.check("moment", "slow")


class Churn(Case):
    """Clients that connect and reset, in every state of a header."""

    ROUNDS = 2500

    def churn(self, server, rounds):
        line = b"192.0.2.1:1111\n"
        ways = (b"", v1()[:20], v1() + line, b"PROXY nonsense\r\n", LONG[:500],
                v2()[:16], b"garbage", LONG + line, v2(), v1()[:5])

        def client(number):
            for turn in range(rounds):
                data = ways[(number + turn) % len(ways)]
                try:
                    reset(fixture.connect(server.port, data))
                except ConnectionError:
                    pass   # dropped before it was all sent
        each_in_parallel(client)

    def settle(self, server, descriptors=None):
        """Waits until nobody is served; how many descriptors are open."""
        if descriptors is None:
            # stdin, stdout, stderr, the listener; and its waiting room,
            # which has an epoll, a timer and an epoll for the threads
            descriptors = 7
        # the last of them may be accepted after a moment with none
        fixture.wait_for(lambda: server.descriptors() == descriptors,
                         f"{descriptors} open descriptors, not "
                         f"{server.descriptors()}")

    def check(self, *options, **settings):
        server = self.start(*options, **settings)
        self.churn(server, self.ROUNDS // 4)
        self.ask_all(server, 10)
        self.settle(server)
        before = server.memory()
        self.churn(server, self.ROUNDS)
        self.settle(server)
        self.assertLess(server.memory(), before + 1024)
        self.ask_all(server, 50)
        server.counts()   # it has not crashed

    def test_original_double_free_under_connection_churn(self):
        self.check()

    def test_original_close_races_with_accept_in_another_thread(self):
        """The same, and bare connections are dropped."""
        self.check(MUST_USE_PROTOCOL_HEADER=1)


if __name__ == "__main__":
    fixture.main()
