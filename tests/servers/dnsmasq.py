# SPDX-License-Identifier: ISC
"""dnsmasq over TCP: forks for each client; its log of queries."""
import unittest

import fixture
from fixture import dns, name_servers
from fixture.described import Described
from fixture.servers import V4, ServerCase


class Dnsmasq(name_servers.Dnsmasq, Described, ServerCase, unittest.TestCase):
    program = "dnsmasq, over TCP"
    packages = ("dnsmasq-base",)
    note = "needs LIBPROXYPROTO_DESTINATION=socket"
    settings = ServerCase.settings | {"DESTINATION": "socket"}

    def request(self, word):
        return dns.query(word)

    def told(self, program, word):
        line = program.wait_line(
            rf" (\S+)/(\d+) query\[A\] {word.rstrip('.')}\.example from ")
        self.assertTrue(self.answer.endswith(b"\xc0\0\2\x09"), self.answer)
        return line[1], line[2]

    def test_without_the_setting(self):
        """Where the client came to is the address of no interface."""
        self.settings = self.settings | {"DESTINATION": "header"}
        _, server = self.serve(V4)
        with fixture.connect(server[1], fixture.v2()
                             + self.request("word")) as client:
            self.assertEqual(fixture.read_all(client), b"")


if __name__ == "__main__":
    fixture.main()
