# SPDX-License-Identifier: ISC
"""vsftpd: forks for each client, confines itself by seccomp; its log."""
import os
import re
import unittest

import fixture
from fixture import ftp

CONFIG = "/tmp/vsftpd.conf"
LOG = "/tmp/vsftpd.log"
TEXT = """
listen={ipv4}
listen_ipv6={ipv6}
listen_address{six}={host}
listen_port={port}
background=NO
anonymous_enable=YES
anon_root=/srv/ftp
secure_chroot_dir=/var/run/vsftpd/empty
xferlog_enable=YES
xferlog_std_format=NO
vsftpd_log_file={log}
log_ftp_protocol=YES
max_per_ip=0
seccomp_sandbox={sandbox}
{more}
"""
PASSIVE = """
pasv_address={address}
pasv_min_port={first}
pasv_max_port={last}
"""


class Vsftpd(ftp.FtpCase, unittest.TestCase):
    program = "vsftpd"
    packages = ("vsftpd",)
    tells = "log"
    note = ("passive data connections need LIBPROXYPROTO_DESTINATION=socket, "
            "as it binds to the address, and seccomp_sandbox=NO")
    takes_ipv6_on_ipv4 = False

    def start(self, host, port):
        ipv6 = ":" in host
        os.makedirs("/var/run/vsftpd/empty", exist_ok=True)
        with open(LOG, "w", encoding="ascii"):
            pass
        os.makedirs(ftp.FOLDER, exist_ok=True)
        more = ""
        if self.data:
            more = PASSIVE.format(address=ftp.PROXY, first=self.data[0],
                                  last=self.data[1])
        with open(CONFIG, "w", encoding="ascii") as file:
            file.write(TEXT.format(
                host=host, port=port, log=LOG, six="6" if ipv6 else "",
                ipv4="NO" if ipv6 else "YES", ipv6="YES" if ipv6 else "NO",
                # it allows not even getsockname
                sandbox="NO" if self.data else "YES", more=more))
        program = self.launch(["vsftpd", CONFIG])
        fixture.wait_for(lambda: fixture.listening(port), "it to listen")
        return program

    def told(self, program, word):
        def found():
            with open(LOG, encoding="ascii") as file:
                return re.search(r'FTP command: Client "(.*)", "USER '
                                 + re.escape(word) + '"', file.read())
        fixture.wait_for(found, word + " in the log")
        return found()[1], None

    def test_without_the_setting(self):
        """It binds to the address that the client reached."""
        self.settings = self.settings | {"DESTINATION": "header"}
        stream = self.log_in(self.proxied(self.prepare()))
        self.ask(stream, "PASV", "500")


if __name__ == "__main__":
    fixture.main()
