# SPDX-License-Identifier: ISC
"""ProFTPD: forks for each client, chooses a server by address; its log."""
import os
import re
import unittest

import fixture
from fixture import ftp
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


class Proftpd(ftp.FtpCase, unittest.TestCase):
    program = "ProFTPD"
    packages = ("proftpd-core",)
    layer = "proftpd"   # of FTP servers Debian installs one
    tells = "ExtendedLog"
    tells_mapped = False
    note = "needs LIBPROXYPROTO_DESTINATION=socket"

    def start(self, host, port):
        os.makedirs(ftp.FOLDER, exist_ok=True)
        with open(LOG, "w", encoding="ascii"):
            pass
        more = ""
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

    def test_without_the_setting(self):
        """It has no server at the address that the client reached."""
        self.settings = self.settings | {"DESTINATION": "header"}
        _, server = self.serve(V4)
        with fixture.connect(server[1], fixture.v2() + b"QUIT\r\n") as client:
            self.assertNotIn(b"220", fixture.read_all(client))


if __name__ == "__main__":
    fixture.main()
