# SPDX-License-Identifier: ISC
"""tcpserver: accepts, forks, and executes; it has rules by address."""
import subprocess
import unittest

import fixture
from fixture.haproxy import CLIENT, CLIENT6
from fixture.servers import V4
from fixture.started import StartedCase, UnawareCase

RULES = "/tmp/rules.cdb"
TEXT = f"""
{CLIENT}:allow,RULE="client"
{CLIENT6}:allow,RULE="client"
127.0.0.1:deny
:allow,RULE="others"
"""


class Tcpserver(StartedCase):
    """Mixed into one case a way."""

    packages = ("ucspi-tcp-ipv6",)

    def start(self, host, port):
        family = ["-4"] if host == V4 else []
        subprocess.run(["tcprules", RULES, RULES + ".new"], check=True,
                       input=TEXT, text=True)
        program = self.launch(
            ["tcpserver", *family, "-vHR", "-l", "localhost", "-c", "1000",
             "-b", "200", *([] if self.trace else self.rules), host, str(port), *self.command])
        program.wait_line("tcpserver: status: 0/1000")
        return program


class Preloaded(Tcpserver, unittest.TestCase):
    hands_on = True
    program = "tcpserver"
    tells = ("rules by address, TCPREMOTEIP and the like; "
             + StartedCase.tells)
    rules = ("-x", RULES)
    variables = ("TCPREMOTEIP", "TCPREMOTEPORT", "TCPLOCALIP", "RULE")

    def told(self, program, word):
        told = super().told(program, word)
        if self.trace:
            return told
        *names, rule = self.words[5:]
        self.assertEqual(names, [name.removeprefix("::ffff:")
                                 for name in self.words[1:4]])
        self.assertEqual(rule, "client" if names[0] in (CLIENT, CLIENT6)
                         else "others")
        return told


class Unaware(UnawareCase, Tcpserver, unittest.TestCase):
    program = "tcpserver, not preloaded"
    rules = ()


if __name__ == "__main__":
    fixture.main()
