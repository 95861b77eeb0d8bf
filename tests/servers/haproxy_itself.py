# SPDX-License-Identifier: ISC
"""HAProxy preloaded, without accept-proxy, behind another HAProxy."""
import tempfile
import unittest

import fixture
from fixture.haproxy import join
from fixture.servers import ServerCase

CONFIG = """
global
    log stdout format raw local0
    nbthread 4
defaults
    mode http
    timeout connect {patience}s
    timeout client {patience}s
    timeout server {patience}s
listen clients
    bind {bind}
    log global
    # asked for while the client is there: when it logs, it may have gone
    http-request set-var(txn.host) dst
    http-request set-var(txn.port) dst_port
    log-format "%ci %cp %[var(txn.host)] %[var(txn.port)] %HP"
    http-request return status 200
"""


class Itself(ServerCase, unittest.TestCase):
    program = "HAProxy without accept-proxy"
    packages = ("haproxy",)
    tells = "log: %ci %cp; dst, dst_port"

    def start(self, host, port):
        config = tempfile.NamedTemporaryFile(mode="w", suffix=".cfg")
        self.addCleanup(config.close)
        config.write(CONFIG.format(bind=join(host, port),
                                   patience=fixture.PATIENCE))
        config.flush()
        program = self.launch(["haproxy", "-db", "-V", "-f", config.name])
        fixture.wait_for(lambda: fixture.listening(port), "HAProxy to listen")
        return program

    def request(self, word):
        return f"GET /{word} HTTP/1.0\r\n\r\n".encode()

    def told(self, program, word):
        self.line = program.wait_line(rf"^(\S+) (\S+) (\S+) (\S+) /{word}$")
        return self.line.groups()[:2]

    def destination(self, program, word):
        return self.line.groups()[2:]


if __name__ == "__main__":
    fixture.main()
