# SPDX-License-Identifier: ISC
"""systemd-socket-activate --accept: accepts, forks, and executes."""
import unittest

import fixture
from fixture.started import StartedCase, UnawareCase


class Activate(StartedCase):
    """Mixed into one case a way."""

    packages = ("systemd",)
    options = ()

    def start(self, host, port):
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        # it gives no more of its environment to what it starts than asked for
        program = self.launch(
            ["systemd-socket-activate", "--accept", *self.options,
             *(f"--setenv={name}" for name in self.environment()
               if name.startswith(("LD_PRELOAD", "LIBPROXYPROTO_"))),
             "--listen", address, *self.command])
        program.wait_line("Listening on")
        return program


class Inetd(Activate, unittest.TestCase):
    hands_on = True
    program = "systemd-socket-activate --accept --inetd"
    options = ("--inetd",)


class Plain(Activate, unittest.TestCase):
    hands_on = True
    program = "systemd-socket-activate --accept"
    fd = 3


class UnawareInetd(UnawareCase, Activate, unittest.TestCase):
    program = "systemd-socket-activate --accept --inetd, not preloaded"
    options = ("--inetd",)


class UnawarePlain(UnawareCase, Activate, unittest.TestCase):
    program = "systemd-socket-activate --accept, not preloaded"
    fd = 3


if __name__ == "__main__":
    fixture.main()
