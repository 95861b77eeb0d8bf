# SPDX-License-Identifier: ISC
"""The installed libraries, preloaded by bare name as README says."""
import subprocess
import unittest

import fixture
from netcat import conversation

SERVER = "libproxyproto.so"
CLIENT = "libproxyproto_connect.so"


class Server(unittest.TestCase):
    """LD_PRELOAD=libproxyproto.so nc -l"""

    def setUp(self):
        fixture.need("nc")

    def check(self, header, client, host="127.0.0.1"):
        self.assertEqual(
            conversation(["nc"], fixture.environment(SERVER),
                         header + b"hello\n", host),
            [f"Connection received on {client}", "hello"])

    def test_version_1_of_ipv4(self):
        self.check(fixture.v1(), "192.0.2.1 1111")

    def test_version_2_of_ipv4(self):
        self.check(fixture.v2(), "192.0.2.1 1111")

    def test_version_1_of_ipv6(self):
        self.check(fixture.v1("2001:db8::1", "2001:db8::2"),
                   "2001:db8::1 1111", "::1")

    def test_version_2_of_ipv6(self):
        self.check(fixture.v2("2001:db8::1", "2001:db8::2"),
                   "2001:db8::1 1111", "::1")


class Client(unittest.TestCase):
    """LD_PRELOAD=libproxyproto_connect.so nc, to a server as above"""

    def setUp(self):
        fixture.need("nc")

    def check(self, address, host):
        if ":" in host:
            fixture.need_ipv6()
        port = str(fixture.free_port(host))
        env = fixture.environment(CLIENT, ADDR=address, PORT=4242)
        with fixture.Program(["nc", "-nvl", host, port],
                             fixture.environment(SERVER)) as server:
            server.wait_line("^Listening on ")
            subprocess.run(["nc", "-N", host, port], env=env, input=b"hello\n",
                           check=True, timeout=fixture.PATIENCE)
            server.wait()
            self.assertEqual(server.lines[1:], [
                f"Connection received on {address} 4242", "hello"])

    def test_ipv4(self):
        self.check("203.0.113.7", "127.0.0.1")

    def test_ipv6(self):
        self.check("2001:db8::7", "::1")


if __name__ == "__main__":
    fixture.main()
