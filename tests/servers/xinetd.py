# SPDX-License-Identifier: ISC
"""xinetd: accepts, forks, executes; its own log names the client, too."""
import unittest

import fixture
from fixture.servers import V6
from fixture.started import StartedCase, UnawareCase

CONFIG = "/tmp/xinetd.conf"
TEXT = """
defaults
{{
    cps = 10000 1
    instances = UNLIMITED
}}
service tell
{{
    type = UNLISTED
    socket_type = stream
    protocol = tcp
    {flags}
    bind = {host}
    port = {port}
    wait = no
    user = root
    server = {server}
    server_args = {arguments}
    log_type = FILE /tmp/xinetd.log
    log_on_success = HOST PID
}}
"""


class Xinetd(StartedCase):
    """Mixed into one case a way."""

    packages = ("xinetd",)
    layer = "xinetd"    # it conflicts with the other inetd

    def start(self, host, port):
        server, *arguments = self.command
        with open("/tmp/xinetd.log", "w", encoding="ascii"):
            self.seen = 0
        with open(CONFIG, "w", encoding="ascii") as file:
            file.write(TEXT.format(
                host=host, port=port, server=server,
                arguments=" ".join(arguments),
                flags="flags = IPv6" if host == V6 else ""))
        program = self.launch(["xinetd", "-dontfork", "-f", CONFIG])
        fixture.wait_for(lambda: fixture.listening(port), "it to listen")
        return program


class Preloaded(Xinetd, unittest.TestCase):
    hands_on = True
    program = "xinetd"
    tells = "its log: from; " + StartedCase.tells
    seen = 0

    def told(self, program, word):
        told = super().told(program, word)
        with open("/tmp/xinetd.log", encoding="ascii") as file:
            starts = [line for line in file if "START: tell" in line]
        # behind it there may be some for connections that were reset
        self.assertIn(f" from={told[0]}", "".join(starts[self.seen:]))
        self.seen = len(starts)
        return told


class Unaware(UnawareCase, Xinetd, unittest.TestCase):
    program = "xinetd, not preloaded"


if __name__ == "__main__":
    fixture.main()
