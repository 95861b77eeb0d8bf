# SPDX-License-Identifier: ISC
"""tinyproxy: a thread a client; its log and its Allow by address."""
import unittest

import fixture
from fixture.servers import ServerCase

CONFIG = "/tmp/tinyproxy.conf"
TEXT = """
Listen {host}
Port {port}
StatHost "tinyproxy.stats"
LogLevel Connect
MaxClients 300
"""


class Tinyproxy(ServerCase, unittest.TestCase):
    program = "tinyproxy"
    packages = ("tinyproxy",)
    tells = "log"
    tells_port = False
    takes_ipv6_on_ipv4 = False

    def start(self, host, port):
        with open(CONFIG, "w", encoding="ascii") as file:
            file.write(TEXT.format(host=host, port=port))
        program = self.launch(["tinyproxy", "-d", "-c", CONFIG])
        fixture.wait_for(lambda: fixture.listening(port), "it to listen")
        return program

    def request(self, word):
        return f"GET http://tinyproxy.stats/{word} HTTP/1.0\r\n\r\n".encode()

    def told(self, program, word):
        asked = program.wait_line(rf"\((.*)\): GET \S*/{word} ").groups()
        # its descriptor was that of others before
        at = next(number for number, line in enumerate(program.lines)
                  if f"/{word} " in line)
        connect = next(line for line in reversed(program.lines[:at])
                       if f"Connect ({asked[0]}): " in line)
        return connect.rsplit(" ", 1)[1], None


if __name__ == "__main__":
    fixture.main()
