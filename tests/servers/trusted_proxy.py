# SPDX-License-Identifier: ISC
"""Behind a HAProxy that is trusted: every client is served, as itself.

With TRUSTED alone the kernel does not hold a connection back until its header
is there (TCP_DEFER_ACCEPT), and HAProxy's is a moment behind. The benchmark
(./dev bench proxy) has what that costs.
"""
import collections
import unittest

import fixture
from fixture.haproxy import Front, HAProxy

COUNT = 1000
AT_ONCE = 250
WAYS = ("none", "blocking"), ("poll", "once"), ("select", "blocking"), \
    ("epoll", "all"), ("epoll-edge", "all")


class Behind(unittest.TestCase):
    """The server is tests/preload/accept_ways.c."""

    def connect(self, front, number):
        """A client, what it is to say, and what the server says to that."""
        source = f"127.{number % 250 + 1}.{number // 250 + 1}.1"
        text = f"client {number}\n"
        return (front.connect(source=source), text.encode(),
                f"{source} {text}".encode())

    def serve(self, front, numbers):
        """All are connected before any speaks."""
        clients = [self.connect(front, number) for number in numbers]
        for client, text, _ in clients:
            client.sendall(text)
        for client, _, expected in clients:
            with client:
                self.assertEqual(fixture.read_all(client), expected)

    def check(self, way, mode, options):
        with fixture.Program(
                [fixture.probe("accept_ways"), way, mode],
                fixture.environment(fixture.SERVER_LIBRARY,
                                    TRUSTED="127.0.0.1")) as program:
            port = int(program.wait_line(r"^port (\d+)$")[1])
            front = Front("127.0.0.1", options, ("127.0.0.1", port))
            with HAProxy(front):
                for at_once in 1, AT_ONCE:
                    for first in range(0, COUNT, at_once):
                        self.serve(front, range(first, first + at_once))
            # what it prints comes on another way than its answers
            fixture.wait_for(
                lambda: self.seen(program)["client"] >= 2 * COUNT,
                "all clients' lines")
            self.check_told(self.seen(program))

    @staticmethod
    def seen(program):
        return collections.Counter(line.split()[0] for line
                                   in program.output().splitlines())

    def check_told(self, seen):
        """What the server has seen: each client once."""
        self.assertEqual(seen.pop("client"), 2 * COUNT)
        # what stands in for late ones
        self.assertLessEqual(seen.pop("reset", 0), 2 * COUNT)
        self.assertLessEqual(set(seen), {"port", "again"})


for _way, _mode in WAYS:
    for _options in "send-proxy", "send-proxy-v2":
        def _test(self, way=_way, mode=_mode, options=_options):
            self.check(way, mode, options)
        setattr(Behind, f"test_{_way}_{_options}".replace("-", "_"), _test)


if __name__ == "__main__":
    fixture.main()
