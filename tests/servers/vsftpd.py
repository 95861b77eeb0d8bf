# SPDX-License-Identifier: ISC
"""vsftpd: forks for each client, confines itself by seccomp; its log."""
import os
import re
import unittest

import fixture
from fixture.servers import V4, ServerCase

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
"""


class Vsftpd(ServerCase, unittest.TestCase):
    program = "vsftpd"
    packages = ("vsftpd",)
    tells = "log"
    note = ("passive data connections need LIBPROXYPROTO_PORTS without their "
            "ports, seccomp_sandbox=NO, and a destination that is an address "
            "of the server's: it binds to it")
    sandbox = "YES"
    tells_port = False
    takes_ipv6_on_ipv4 = False

    def start(self, host, port):
        ipv6 = ":" in host
        os.makedirs("/var/run/vsftpd/empty", exist_ok=True)
        with open(LOG, "w", encoding="ascii"):
            pass
        with open(CONFIG, "w", encoding="ascii") as file:
            file.write(TEXT.format(
                host=host, port=port, log=LOG, six="6" if ipv6 else "",
                ipv4="NO" if ipv6 else "YES", ipv6="YES" if ipv6 else "NO",
                sandbox=self.sandbox))
        program = self.launch(["vsftpd", CONFIG])
        fixture.wait_for(lambda: fixture.listening(port), "it to listen")
        return program

    def request(self, word):
        return f"USER {word}\r\nQUIT\r\n".encode()

    def told(self, program, word):
        def found():
            with open(LOG, encoding="ascii") as file:
                return re.search(r'FTP command: Client "(.*)", "USER '
                                 + re.escape(word) + '"', file.read())
        fixture.wait_for(found, word + " in the log")
        return found()[1], None

    def passive(self, server, destination):
        """What it answers to EPSV of a client that connected there."""
        with fixture.connect(server[1],
                             fixture.v2(destination=destination)) as client:
            stream = client.makefile("rw")
            for command in ("", "USER anonymous\r\n", "PASS x@y\r\n",
                            "EPSV\r\n"):
                stream.write(command)
                stream.flush()
                answer = stream.readline()
        return answer

    def test_passive_mode(self):
        os.makedirs("/srv/ftp", exist_ok=True)
        port = fixture.free_port()
        self.sandbox = "NO"     # it allows not even getsockname
        self.settings = self.settings | {"PORTS": port}
        self.addCleanup(self.start(V4, port).stop)
        server = V4, port
        self.assertRegex(self.passive(server, V4), "^229 ")
        self.assertRegex(self.passive(server, "192.0.2.2"), "^500 .*bind")


if __name__ == "__main__":
    fixture.main()
