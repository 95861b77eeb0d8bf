# SPDX-License-Identifier: ISC
"""ngircd, an IRC server: its log."""
import unittest

import fixture
from fixture.servers import ServerCase

CONFIG = "/tmp/ngircd.conf"
TEXT = """
[Global]
Name = irc.example.org
Listen = {host}
Ports = {port}
[Limits]
MaxConnectionsIP = 0
[Options]
DNS = no
Ident = no
PAM = no
"""


class Ngircd(ServerCase, unittest.TestCase):
    program = "ngircd"
    packages = ("ngircd",)
    tells = "log"
    good_clients = 5    # it takes a second for each

    def start(self, host, port):
        with open(CONFIG, "w", encoding="ascii") as file:
            file.write(TEXT.format(host=host, port=port))
        program = self.launch(["ngircd", "-n", "-f", CONFIG])
        program.wait_line("Now listening on")
        return program

    def request(self, word):
        nick = word.rstrip(".")
        return f"NICK {nick}\r\nUSER {nick} 0 * :x\r\n".encode()

    def told(self, program, word):
        number = program.wait_line(
            rf'User "{word.rstrip(".")}!.*registered \(connection (\d+)\)')[1]
        lines = [line for line in program.lines
                 if f"Accepted connection {number} from " in line]
        # "[2001:db8::1]:1111"
        host, _, port = lines[-1].split('"')[1].rpartition(":")
        # "0::ffff:192.0.2.1", so that no line begins with a colon
        return host.strip("[]").removeprefix("0" if "[0::" in lines[-1]
                                             else ""), port


if __name__ == "__main__":
    fixture.main()
