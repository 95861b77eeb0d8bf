# SPDX-License-Identifier: ISC
"""unbound over TCP: several threads, libevent; its log of queries."""
import unittest

import fixture
from fixture import dns
from fixture.servers import ServerCase

CONFIG = "/tmp/unbound.conf"
TEXT = """
server:
    interface: {host}@{port}
    access-control: 0.0.0.0/0 allow
    access-control: ::0/0 allow
    do-daemonize: no
    username: ""
    chroot: ""
    use-syslog: no
    logfile: ""
    pidfile: ""
    log-queries: yes
    num-threads: 2
    local-zone: "example." static
remote-control:
    control-enable: no
"""


class Unbound(ServerCase, unittest.TestCase):
    program = "unbound, over TCP"
    packages = ("unbound",)
    tells = "log of queries"
    tells_port = False

    def start(self, host, port):
        with open(CONFIG, "w", encoding="ascii") as file:
            file.write(TEXT.format(host=host, port=port))
        program = self.launch(["unbound", "-c", CONFIG])
        program.wait_line("start of service")
        return program

    def request(self, word):
        return dns.query(word)

    def told(self, program, word):
        line = program.wait_line(
            rf"info: (\S+) {word.rstrip('.')}\.example\. A IN")
        return line[1], None


if __name__ == "__main__":
    fixture.main()
