# SPDX-License-Identifier: ISC
"""Node.js's cluster: the primary passes connections to its workers (round
robin), or they accept themselves (none)."""
import unittest

import fixture
import node


class Cluster(node.NodeCase):
    """Mixed into one case a policy."""

    tells = "socket.remoteAddress, localAddress of a worker"
    script = """
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
    server.listen(port, host);
}
"""


class RoundRobin(Cluster, unittest.TestCase):
    hands_on = True
    program = "Node.js cluster, round robin"
    arguments = ("SCHED_RR",)


class Shared(Cluster, unittest.TestCase):
    program = "Node.js cluster, workers accept"
    arguments = ("SCHED_NONE",)


if __name__ == "__main__":
    fixture.main()
