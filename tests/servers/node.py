# SPDX-License-Identifier: ISC
"""Node.js's http server: libuv's epoll, accept4, getpeername."""
import unittest

import fixture
from fixture.servers import ServerCase

# Tells of its clients; what makes it listen is to follow.
SERVER = """
const server = require("http").createServer((request, response) => {
    const {remoteAddress, remotePort, localAddress, localPort} =
        request.socket;
    console.log(remoteAddress, remotePort, localAddress, localPort,
                request.url);
    response.end("hello");
});
const [host, port] = process.argv.slice(1);
"""


class NodeCase(ServerCase):
    """Mixed into a unittest.TestCase."""

    packages = ("nodejs",)
    takes_ipv6_on_ipv4 = False
    # what follows the server's, and its arguments behind host and port
    script, arguments = "", ()

    def start(self, host, port):
        fixture.need("node")
        program = self.launch(["node", "-e", SERVER + self.script, host,
                               str(port), *self.arguments])
        program.wait_line("^listening$")
        return program

    def request(self, word):
        return f"GET /{word} HTTP/1.0\r\n\r\n".encode()

    def told(self, program, word):
        self.line = program.wait_line(
            rf"^(\S+) (\d+) (\S+) (\d+) /{word}$").groups()
        return self.line[:2]

    def destination(self, program, word):
        return self.line[2:]


class Node(NodeCase, unittest.TestCase):
    program = "Node.js http"
    tells = "socket.remoteAddress, localAddress"
    script = 'server.listen(port, host, () => console.log("listening"));'


if __name__ == "__main__":
    fixture.main()
