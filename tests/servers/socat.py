# SPDX-License-Identifier: ISC
"""socat: TCP-LISTEN,fork; EXEC and SYSTEM with the connection itself."""
import ipaddress
import unittest

import fixture
from fixture.servers import V6
from fixture.started import StartedCase


class Socat(StartedCase):
    """Mixed into one case a way."""

    packages = ("socat",)
    variables = ("SOCAT_PEERADDR",)
    tells = "SOCAT_PEERADDR; " + StartedCase.tells

    def start(self, host, port):
        # what it executes has the connection as both of its descriptors
        program = self.launch(
            ["socat", "-d", "-d",
             (f"TCP6-LISTEN:{port},bind=[{host}]" if host == V6 else
              f"TCP4-LISTEN:{port},bind={host}")
             + ",fork,max-children=1000,backlog=200",
             f"{self.way}:{' '.join(self.command)},nofork"])
        program.wait_line("listening on")
        return program

    def told(self, program, word):
        told = super().told(program, word)
        self.assertEqual(*map(ipaddress.ip_address,
                              (self.words[5].strip("[]"), told[0])))
        return told


class Exec(Socat, unittest.TestCase):
    hands_on = True
    program = "socat EXEC,nofork"
    way = "EXEC"


class System(Socat, unittest.TestCase):
    hands_on = True
    program = "socat SYSTEM,nofork"
    way = "SYSTEM"


if __name__ == "__main__":
    fixture.main()
