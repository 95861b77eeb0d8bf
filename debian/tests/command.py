# SPDX-License-Identifier: ISC
"""The installed command: it finds the libraries, and says what it does."""
import shutil
import subprocess
import unittest

import fixture
from fixture.command import PROXYPROTO, command


class Installed(unittest.TestCase):
    def test_server_and_client(self):
        fixture.need("nc")
        port = str(fixture.free_port())
        with fixture.Program(
                [PROXYPROTO, "run", "--must-use", "nc", "-dnvl", "127.0.0.1",
                 port], fixture.environment()) as server:
            server.wait_line("^Listening on ")
            done = subprocess.run(
                [PROXYPROTO, "connect", "--addr=203.0.113.7", "--port=4242",
                 "nc", "-N", "127.0.0.1", port], env=fixture.environment(),
                input=b"hello\n", check=False, timeout=fixture.PATIENCE)
            self.assertEqual(done.returncode, 0)
            self.assertEqual(server.wait(), 0)
            self.assertEqual(server.lines[1:], [
                "Connection received on 203.0.113.7 4242", "hello"])

    def test_header_and_decode(self):
        header = command("header", "--tlv=alpn=h2", "--crc32c", "--hex")
        self.assertEqual(header.stderr, "")
        told = command("decode", "--hex=" + header.stdout).stdout
        self.assertIn(' alpn (0x01), 2 bytes: "h2"\n', told)
        self.assertTrue(told.endswith("\nvalid\n"))

    def test_it_needs_no_library_of_ours(self):
        """It is on its own, so that it works where the loader has no path."""
        fixture.need("ldd")
        self.assertNotIn("libproxyproto", subprocess.run(
            ["ldd", shutil.which("proxyproto")], text=True, check=True,
            stdout=subprocess.PIPE).stdout)


if __name__ == "__main__":
    fixture.main()
