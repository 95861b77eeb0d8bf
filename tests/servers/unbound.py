# SPDX-License-Identifier: ISC
"""unbound over TCP: several threads, libevent; its log of queries."""
import unittest

import fixture
from fixture import dns, name_servers
from fixture.described import Described
from fixture.servers import ServerCase


class Unbound(name_servers.Unbound, Described, ServerCase, unittest.TestCase):
    program = "unbound, over TCP"
    packages = ("unbound",)
    tells_port = False

    def request(self, word):
        return dns.query(word)

    def told(self, program, word):
        line = program.wait_line(
            rf"info: (\S+) {word.rstrip('.')}\.example\. A IN")
        return line[1], None


if __name__ == "__main__":
    fixture.main()
