# SPDX-License-Identifier: ISC
"""ProFTPD: forks for each client, chooses a server by address; its log."""
import os
import re
import unittest

import fixture
from fixture import ftp, matrix
from fixture.haproxy import CLIENT
from fixture.recipes import PROXY, SETTINGS, Recipe, RecipeCase, write
from fixture.servers import V4

CONFIG = "/tmp/proftpd.conf"
LOG = "/var/log/proftpd/tell.log"
TEXT = """
ServerName x
ServerType standalone
DefaultAddress {host}
Port {port}
User nobody
Group nogroup
UseReverseDNS off
WtmpLog off
TransferLog none
DelayEngine off
PidFile /run/proftpd.pid
ScoreboardFile /run/proftpd.scoreboard
SystemLog none
LogFormat tell "%a %r"
ExtendedLog {log} ALL tell
{more}
<Anonymous {folder}>
  User ftp
  Group nogroup
  UserAlias anonymous ftp
  RequireValidShell off
</Anonymous>
"""
PASSIVE = """
MasqueradeAddress {address}
PassivePorts {first} {last}
"""


class Forwarded:
    """The ports of the recipe, of HAProxy where it reaches the server."""

    name = "data"
    config = f"""
listen data
    bind {PROXY}:40000-40100
    server data {V4} send-proxy-v2 source {PROXY}
"""


class Proftpd(RecipeCase, ftp.FtpCase, unittest.TestCase):
    program = "ProFTPD"
    packages = ("proftpd-core",)
    layer = "proftpd"   # of FTP servers Debian installs one
    tells = "ExtendedLog"
    tells_mapped = False
    note = "needs LIBPROXYPROTO_DESTINATION=socket"
    recipe = "An FTP server: ProFTPD"
    greeting = b"220 "
    more = ""

    def start(self, host, port):
        os.makedirs(ftp.FOLDER, exist_ok=True)
        with open(LOG, "w", encoding="ascii"):
            pass
        more = self.more
        if self.data:
            more = PASSIVE.format(address=ftp.PROXY, first=self.data[0],
                                  last=self.data[1])
        with open(CONFIG, "w", encoding="ascii") as file:
            file.write(TEXT.format(host=host, port=port, log=LOG, more=more,
                                   folder=ftp.FOLDER))
        program = self.launch(["proftpd", "-n", "-c", CONFIG])
        fixture.wait_for(lambda: fixture.listening(port), "it to listen")
        return program

    def told(self, program, word):
        def found():
            with open(LOG, encoding="ascii") as file:
                return re.search(rf"^(\S+) USER {re.escape(word)}$",
                                 file.read(), re.M)
        fixture.wait_for(found, word + " in the log")
        return found()[1], None

    if matrix.ROWS:
        def test_recipe_for_data(self):
            """By the proxy, at the address and port that PASV tells."""
            settings, self.more = Recipe(self.recipe).blocks
            with open(ftp.FOLDER + "/file", "w", encoding="ascii"):
                pass
            port = fixture.free_port()
            front = self.begin_recipe(port)
            self.proxy(Forwarded)
            self.preload_everywhere()
            write(self, SETTINGS, settings)
            self.addCleanup(self.start(V4, port).stop)
            stream = self.log_in(front.connect())
            for _ in range(2):
                self.assertIn("file", self.listed(stream, b"", CLIENT, PROXY))

    def test_without_the_setting(self):
        """It has no server at the address that the client reached."""
        self.settings = self.settings | {"DESTINATION": "header"}
        _, server = self.serve(V4)
        with fixture.connect(server[1], fixture.v2() + b"QUIT\r\n") as client:
            self.assertNotIn(b"220", fixture.read_all(client))


if __name__ == "__main__":
    fixture.main()
