# SPDX-License-Identifier: ISC
"""Pure-FTPd: forks for each client; syslog."""
import os
import re
import subprocess
import unittest

import fixture
from fixture import ftp
from fixture.syslog import Syslog


class PureFtpd(ftp.FtpCase, unittest.TestCase):
    program = "Pure-FTPd"
    packages = ("pure-ftpd",)
    layer = "pureftpd"  # of FTP servers Debian installs one
    tells = "syslog"
    note = ("passive data connections need LIBPROXYPROTO_DESTINATION=socket: "
            "it binds to the address")
    tells_mapped = False
    syslog = None

    def start(self, host, port):
        os.makedirs(ftp.FOLDER, exist_ok=True)
        # without whom nobody is anonymous
        if subprocess.run(["id", "-u", "ftp"], check=False,
                          stdout=subprocess.DEVNULL).returncode:
            subprocess.run(["useradd", "-d", ftp.FOLDER, "ftp"], check=True)
        self.syslog = self.syslog or Syslog(self)
        passive = []
        if self.data:
            passive = ["-p", "{}:{}".format(*self.data), "-P", ftp.PROXY]
        program = self.launch(
            ["pure-ftpd", "-e", "-H", "-d", "-c", "1000", "-C", "1000",
             "-g", "/run/pure-ftpd-test.pid", *passive,
             "-S", f"{host},{port}"])
        fixture.wait_for(lambda: fixture.listening(port), "it to listen")
        return program

    def told(self, program, word):
        line = self.syslog.wait_line(
            rf"\(\?@(.*)\) \[DEBUG\] Command \[user\] \[{re.escape(word)}\]")
        return line[1], None


if __name__ == "__main__":
    fixture.main()
