# SPDX-License-Identifier: ISC
"""redis: an event loop of its own, over epoll."""
import unittest

import fixture
from fixture.servers import ListingCase


class Redis(ListingCase, unittest.TestCase):
    program = "redis"
    packages = ("redis-server",)
    tells = "CLIENT LIST"

    def start(self, host, port):
        fixture.need("redis-server")
        program = self.launch(
            ["redis-server", "--bind", host, "--port", str(port), "--save",
             "", "--appendonly", "no", "--protected-mode", "no"])
        program.wait_line("Ready to accept connections")
        return program

    def request(self, word):
        return (f"CLIENT SETNAME {word}\r\nCLIENT LIST\r\nQUIT\r\n").encode()

    def listed(self, host, port, word):
        return (rf"\baddr=\[?{host}\]?:{port} laddr=\[?([^] ]+)\]?:(\d+) "
                rf".*name={word} ")


if __name__ == "__main__":
    fixture.main()
