# SPDX-License-Identifier: ISC
"""redis: an event loop of its own, over epoll.

It lists its clients when one of them asks.
"""
import re
import socket
import unittest

import fixture
from fixture.servers import ServerCase


class Redis(ServerCase, unittest.TestCase):
    takes_ipv6_on_ipv4 = False

    def start(self, host, port):
        fixture.need("redis-server")
        program = fixture.Program(
            ["redis-server", "--bind", host, "--port", str(port), "--save", "",
             "--appendonly", "no", "--protected-mode", "no"],
            self.environment(), cwd="/tmp")
        program.wait_line("Ready to accept connections")
        return program

    def request(self, word):
        return b"CLIENT SETNAME %s\r\nCLIENT LIST\r\nQUIT\r\n" % word.encode()

    def check_client(self, program, listener, word, client):
        with client:
            name, port = client.getsockname()[:2]
            client.sendall(self.request(word))
            client.shutdown(socket.SHUT_WR)
            answer = fixture.read_all(client).decode()
        if ":" in listener and ":" not in name:
            name = "::ffff:" + name
        self.assertRegex(answer, re.compile(
            rf"\baddr=\[?{re.escape(name)}\]?:{port} .*name={word} ", re.M))


if __name__ == "__main__":
    fixture.main()
