# SPDX-License-Identifier: ISC
"""openbsd-inetd: accepts, forks, and executes a program on descriptor 0."""
import unittest

import fixture
from fixture.servers import V6
from fixture.started import StartedCase, UnawareCase

CONFIG = "/etc/inetd.conf"


class Inetd(StartedCase):
    """Mixed into one case a way."""

    packages = ("openbsd-inetd",)

    def start(self, host, port):
        family = "tcp6" if host == V6 else "tcp"
        with open(CONFIG, "w", encoding="ascii") as file:
            file.write(f"{host}:{port} stream {family} nowait.10000 root "
                       f"{self.command[0]} {' '.join(self.command)}\n")
        program = self.launch(["inetd", "-E", "-i", CONFIG])
        fixture.wait_for(lambda: fixture.listening(port), "it to listen")
        return program


class Preloaded(Inetd, unittest.TestCase):
    hands_on = True
    program = "openbsd-inetd"
    note = "with -E: it clears LD_PRELOAD for what it starts otherwise"


class Unaware(UnawareCase, Inetd, unittest.TestCase):
    program = "openbsd-inetd, not preloaded"


if __name__ == "__main__":
    fixture.main()
