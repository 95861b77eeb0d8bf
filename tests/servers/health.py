# SPDX-License-Identifier: ISC
"""Health checks of HAProxy and others, and the server's health under them."""
import re
import socket
import struct
import sys
import unittest

import fixture
from fixture.haproxy import CLIENT, Front, HAProxy

CHECKS = 5


class Health(unittest.TestCase):
    """Each test: checks are made, then a client comes through HAProxy."""

    def serve(self, **settings):
        """A preloaded python3 -m http.server that tells what it gets."""
        folder = fixture.folder(self.addCleanup)
        port = fixture.free_port()
        server = fixture.Program(
            [sys.executable, "-um", "http.server", "--bind", "127.0.0.1",
             str(port)],
            fixture.environment(fixture.SERVER_LIBRARY, DEBUG=1, **settings),
            cwd=folder)
        self.addCleanup(server.stop)
        server.wait_line("^Serving HTTP on ")
        return server, port

    def proxy(self, port, options):
        front = Front("127.0.0.1", options, ("127.0.0.1", port))
        proxy = HAProxy(front)
        self.addCleanup(proxy.stop)
        return proxy, front

    def wait_seen(self, server, pattern):
        fixture.wait_for(
            lambda: len(re.findall(pattern, server.output())) >= CHECKS,
            f"{CHECKS} checks seen as {pattern!r}")

    def check_client(self, server, front):
        with front.connect(b"GET /real HTTP/1.0\r\n\r\n") as client:
            self.assertIn(b" 404 ", fixture.read_all(client)[:20])
        # a thread that met a reset may be writing on the same line
        line = server.wait_line(r'([\d.]+) - - \[.*\] "GET /real ')
        self.assertEqual(line.group(1), CLIENT)

    def check_haproxy(self, options, status, seen=None, **settings):
        server, port = self.serve(**settings)
        proxy, front = self.proxy(port, f"{options} check inter 250ms")
        fixture.wait_for(
            lambda: proxy.health(front)["check_status"] == status, status)
        if seen:
            self.wait_seen(server, seen)
        # the interval is the check's time limit, too: one may fail for want
        # of processor time, and the next ones mend it
        fixture.wait_for(lambda: proxy.health(front)["status"] == "UP", "UP")
        self.check_client(server, front)

    def test_haproxy_connects_and_closes(self):
        # Without addr the check would send a header too. HAProxy resets so
        # early that the server does not always get to see it.
        self.check_haproxy("send-proxy addr 127.0.0.1", "L4OK")

    def test_haproxy_connects_and_closes_where_a_header_must_be(self):
        self.check_haproxy("send-proxy addr 127.0.0.1", "L4OK",
                           MUST_USE_PROTOCOL_HEADER=1)

    def test_haproxy_sends_local(self):
        self.check_haproxy("send-proxy-v2 check-send-proxy", "L4OK",
                           "v2 LOCAL header of 16 bytes",
                           MUST_USE_PROTOCOL_HEADER=1)

    def test_haproxy_states_itself(self):
        self.check_haproxy("send-proxy check-send-proxy", "L4OK",
                           r"v1 PROXY header .* proxy (\S+): client \1,",
                           MUST_USE_PROTOCOL_HEADER=1)

    def check_connect_and_close(self, seen, **settings):
        """As load balancers do that know nothing of the application."""
        server, port = self.serve(**settings)
        for number in range(2 * CHECKS):
            client = fixture.connect(port)
            if number % 2:    # with a reset: nobody is told of those
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                  struct.pack("ii", 1, 0))
            client.close()
        self.wait_seen(server, seen)
        self.check_client(server, self.proxy(port, "send-proxy")[1])

    def test_others_connect_and_close(self):
        self.check_connect_and_close("handed over: no header")

    def test_others_connect_and_close_where_a_header_must_be(self):
        self.check_connect_and_close("dropped: no header",
                                     MUST_USE_PROTOCOL_HEADER=1)


if __name__ == "__main__":
    fixture.main()
