# SPDX-License-Identifier: ISC
"""Node.js's http server: libuv's epoll, accept4, getpeername."""
import unittest

import fixture
from fixture.servers import ServerCase

SCRIPT = """
require("http").createServer((request, response) => {
    const {remoteAddress, remotePort, localAddress, localPort} =
        request.socket;
    console.log(remoteAddress, remotePort, localAddress, localPort,
                request.url);
    response.end("hello");
}).listen(Number(process.argv[2]), process.argv[1],
          () => console.log("listening"));
"""


class Node(ServerCase, unittest.TestCase):
    program = "Node.js http"
    packages = ("nodejs",)
    tells = "socket.remoteAddress, localAddress"
    takes_ipv6_on_ipv4 = False

    def start(self, host, port):
        fixture.need("node")
        program = self.launch(["node", "-e", SCRIPT, host, str(port)])
        program.wait_line("^listening$")
        return program

    def request(self, word):
        return (f"GET /{word} HTTP/1.0\r\n\r\n").encode()

    def told(self, program, word):
        self.line = program.wait_line(
            rf"^(\S+) (\d+) (\S+) (\d+) /{word}$").groups()
        return self.line[:2]

    def destination(self, program, word):
        return self.line[2:]


if __name__ == "__main__":
    fixture.main()
