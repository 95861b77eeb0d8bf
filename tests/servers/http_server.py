# SPDX-License-Identifier: ISC
"""python3 -m http.server logs its client's address, without the port."""
import sys
import unittest

import fixture
from fixture.haproxy import Front
from fixture.servers import V4, V6, ServerCase


class HTTPServer(ServerCase, unittest.TestCase):
    program = "Python http.server"
    packages = ("python3",)
    tells = "log on stderr"
    tells_port = False
    takes_ipv6_on_ipv4 = False

    def start(self, host, port):
        folder = fixture.folder(self.addCleanup)
        program = self.launch([sys.executable, "-um", "http.server",
                               "--bind", host, str(port)], cwd=folder)
        program.wait_line("^Serving HTTP on ")
        return program

    def request(self, word):
        return f"GET /{word} HTTP/1.0\r\n\r\n".encode()

    def told(self, program, word):
        # what a thread says of a client that reset may stand in the same line
        line = program.wait_line(
            rf'([0-9a-f.:]+) - - \[.*\] "GET /{word} ')
        return line.group(1), None

    def test_shows_the_proxy_where_it_has_no_room_for_ipv6(self):
        fixture.need_ipv6()
        program, server = self.serve(V4)
        front = Front(V6, "send-proxy", server)
        self.proxy(front)
        with front.connect(self.request("word")) as client:
            fixture.read_all(client)
        self.assertEqual(self.told(program, "word")[0], V4)


if __name__ == "__main__":
    fixture.main()
