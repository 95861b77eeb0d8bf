# SPDX-License-Identifier: ISC
"""Node.js's cluster: the primary passes connections to its workers (round
robin), or they accept themselves (none)."""
import unittest

import fixture
from fixture.servers import ServerCase

SCRIPT = """
const cluster = require("cluster");

cluster.schedulingPolicy = cluster[process.argv[3]];
if (cluster.isPrimary) {
    let listening = 0;
    for (let i = 0; i < 2; i++)
        cluster.fork();
    cluster.on("listening", () => {
        if (++listening == 2)
            console.log("listening");
    });
} else {
    require("http").createServer((request, response) => {
        const {remoteAddress, remotePort, localAddress, localPort} =
            request.socket;
        console.log(remoteAddress, remotePort, localAddress, localPort,
                    request.url);
        response.end("hello");
    }).listen(Number(process.argv[2]), process.argv[1]);
}
"""


class Cluster(ServerCase):
    """Mixed into one case a policy."""

    packages = ("nodejs",)
    tells = "socket.remoteAddress, localAddress of a worker"
    takes_ipv6_on_ipv4 = False

    def start(self, host, port):
        program = self.launch(["node", "-e", SCRIPT, host, str(port),
                               self.policy])
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


class RoundRobin(Cluster, unittest.TestCase):
    hands_on = True
    program = "Node.js cluster, round robin"
    policy = "SCHED_RR"


class Shared(Cluster, unittest.TestCase):
    program = "Node.js cluster, workers accept"
    policy = "SCHED_NONE"


if __name__ == "__main__":
    fixture.main()
