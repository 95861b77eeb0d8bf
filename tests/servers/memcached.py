# SPDX-License-Identifier: ISC
"""memcached: libevent, one thread that accepts for several.

It lists its clients when one of them asks.
"""
import re
import socket
import unittest

import fixture
from fixture.servers import ServerCase


class Memcached(ServerCase, unittest.TestCase):
    takes_ipv6_on_ipv4 = False

    def start(self, host, port):
        fixture.need("memcached")
        program = fixture.Program(
            ["memcached", "-u", "root", "-vv", "-U", "0", "-l", host, "-p", str(port)],
            self.environment(), cwd="/tmp")
        program.wait_line("server listening")
        return program

    def request(self, word):
        return b"stats conns\r\nquit\r\n"

    def check_client(self, program, listener, word, client):
        with client:
            name, port = client.getsockname()[:2]
            client.sendall(self.request(word))
            client.shutdown(socket.SHUT_WR)
            answer = fixture.read_all(client).decode()
        if ":" in listener and ":" not in name:
            name = "::ffff:" + name
        self.assertRegex(answer, re.compile(
            rf"^STAT \d+:addr tcp6?:\[?{re.escape(name)}\]?:{port}\r$", re.M))


if __name__ == "__main__":
    fixture.main()
