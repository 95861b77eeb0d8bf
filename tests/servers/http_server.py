# SPDX-License-Identifier: ISC
"""python3 -m http.server logs its client's address, without the port."""
import sys
import tempfile
import unittest

import fixture
from fixture.servers import ServerCase


class HTTPServer(ServerCase, unittest.TestCase):
    tells_port = False
    takes_ipv6_on_ipv4 = False

    def start(self, host, port):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        program = fixture.Program([sys.executable, "-um", "http.server",
                                   "--bind", host, str(port)],
                                  self.environment(), cwd=folder.name)
        program.wait_line("^Serving HTTP on ")
        return program

    def request(self, word):
        return f"GET /{word} HTTP/1.0\r\n\r\n".encode()

    def told(self, program, word):
        line = program.wait_line(rf'^(\S+) - - \[.*\] "GET /{word} ')
        return line.group(1), None


if __name__ == "__main__":
    fixture.main()
