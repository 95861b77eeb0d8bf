# SPDX-License-Identifier: ISC
"""Several who receive on one port at once, each the clients of its own.

Nothing is lost, nobody is taken for another, and each answer goes to the proxy
that its client came through.
"""
import os
import socket
import struct
import unittest

import fixture
from fixture.udp import sender, udp

PROBE = os.path.join(os.path.dirname(fixture.PROBES), "udp", "threads")
ROUNDS, CLIENTS = 300, 30


class Threads(unittest.TestCase):
    def check(self, who):
        with fixture.Program([PROBE, who], fixture.environment(
                fixture.UDP_LIBRARY, UDP_CLIENTS=500)) as program:
            port = int(program.wait_line(r"port (\d+)")[1])
            proxies = [sender() for _ in range(7)]
            try:
                for proxy in proxies:
                    proxy.connect(("127.0.0.1", port))
                for number in range(ROUNDS):
                    self.exchange(number, proxies, program)
            finally:
                for proxy in proxies:
                    proxy.close()

    def exchange(self, number, proxies, program):
        """As many datagrams as there is room for, and all their answers."""
        expected = {proxy: [] for proxy in proxies}
        for n in range(CLIENTS):
            client = f"10.{number % 9}.7.{n}"
            payload = socket.inet_aton(client) + struct.pack("!H", 7 + n)
            proxy = proxies[(number + n) % len(proxies)]
            if n % 5 == 0:
                proxy.send(fixture.V2_SIGNATURE)
            proxy.send(udp(client, 7 + n) + payload)
            expected[proxy].append(payload)
        for proxy, payloads in expected.items():
            try:
                got = [proxy.recv(99) for _ in payloads]
            except TimeoutError:
                self.fail(program.lines)
            self.assertEqual(sorted(got), sorted(payloads))

    def test_on_one_socket(self):
        self.check("shared")

    def test_on_duplicates(self):
        self.check("duplicates")

    def test_on_sockets_of_one_port(self):
        self.check("reuseport")

    def test_told_of_by_edges(self):
        self.check("epoll")

    def test_signal_handler(self):
        self.check("signals")

    def test_children_of_threads(self):
        self.check("fork")


if __name__ == "__main__":
    fixture.main()
