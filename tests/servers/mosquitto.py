# SPDX-License-Identifier: ISC
"""mosquitto: one thread, epoll; its log."""
import unittest

import fixture
from fixture.servers import ServerCase

CONFIG = "/tmp/mosquitto.conf"
TEXT = """
listener {port} {host}
allow_anonymous true
log_dest stderr
log_type all
user root
"""


class Mosquitto(ServerCase, unittest.TestCase):
    program = "mosquitto"
    packages = ("mosquitto",)
    tells = "log"

    def start(self, host, port):
        with open(CONFIG, "w", encoding="ascii") as file:
            file.write(TEXT.format(host=host, port=port))
        program = self.launch(["mosquitto", "-c", CONFIG])
        program.wait_line("mosquitto version .* running")
        return program

    def request(self, word):
        """CONNECT with the word as the client's name, and DISCONNECT."""
        body = (b"\0\4MQTT\4\2\0\x3c" + len(word).to_bytes(2, "big")
                + word.encode())
        return b"\x10" + bytes([len(body)]) + body + b"\xe0\0"

    def told(self, program, word):
        return program.wait_line(
            rf"New client connected from (\S+):(\d+) as {word} ").groups()


if __name__ == "__main__":
    fixture.main()
