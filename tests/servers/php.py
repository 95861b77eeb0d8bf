# SPDX-License-Identifier: ISC
"""PHP's built-in server: one process, poll."""
import unittest

import fixture
from fixture.servers import ServerCase

SCRIPT = """<?php
echo substr($_SERVER['REQUEST_URI'], 1), ' ', $_SERVER['REMOTE_ADDR'], ' ',
    $_SERVER['REMOTE_PORT'], "\\n";
"""


class Php(ServerCase, unittest.TestCase):
    program = "PHP, built-in server"
    packages = ("php8.2-cli",)
    tells = "REMOTE_ADDR, REMOTE_PORT"
    takes_ipv6_on_ipv4 = False

    def start(self, host, port):
        folder = fixture.folder(self.addCleanup)
        with open(folder + "/index.php", "w", encoding="ascii") as file:
            file.write(SCRIPT)
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        program = self.launch(["php", "-S", address, "index.php"],
                              cwd=folder)
        program.wait_line("Development Server .* started")
        return program

    def request(self, word):
        return f"GET /{word} HTTP/1.0\r\n\r\n".encode()

    def told(self, program, word):
        words = self.answer.decode().rsplit("\n\r\n")[-1].split()[-3:]
        self.assertEqual(words[0], word, self.answer)
        return words[1:]


if __name__ == "__main__":
    fixture.main()
