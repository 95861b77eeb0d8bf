# SPDX-License-Identifier: ISC
"""memcached: libevent, one thread that accepts for several others."""
import unittest

import fixture
from fixture.servers import ListingCase


class Memcached(ListingCase, unittest.TestCase):
    program = "memcached"
    packages = ("memcached",)
    tells = "stats conns"

    def start(self, host, port):
        fixture.need("memcached")
        program = self.launch(
            ["memcached", "-u", "root", "-vv", "-U", "0", "-l", host,
             "-p", str(port)])
        program.wait_line("server listening")
        return program

    def request(self, word):
        return b"stats conns\r\nquit\r\n"

    def listed(self, host, port, word):
        return rf"STAT \d+:addr tcp6?:\[?{host}\]?:{port}\r\n"


if __name__ == "__main__":
    fixture.main()
