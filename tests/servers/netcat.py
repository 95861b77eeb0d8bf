# SPDX-License-Identifier: ISC
"""nc -v says from where a connection was received."""
import unittest

import fixture
from fixture.servers import ServerCase


class Netcat(ServerCase, unittest.TestCase):
    program = "nc (OpenBSD)"
    packages = ("netcat-openbsd",)
    tells = "nc -v"

    def start(self, host, port):
        fixture.need("nc.openbsd")
        program = self.launch(["nc.openbsd", "-dklnv", host, str(port)])
        program.wait_line("^Listening on ")
        return program

    def request(self, word):
        return word.encode() + b"\n"

    def told(self, program, word):
        # nc serves one connection at a time: its data is behind its name
        program.wait_line(f"^{word}$")
        at = program.lines.index(word)
        name = program.lines[at - 1].removeprefix("Connection received on ")
        return name.split()


if __name__ == "__main__":
    fixture.main()
