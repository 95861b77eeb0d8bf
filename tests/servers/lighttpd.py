# SPDX-License-Identifier: ISC
"""lighttpd: one process, epoll, started as Debian does."""
import unittest

import fixture
from fixture.servers import ServerCase
from fixture.syslog import Syslog

CONFIG = "/etc/lighttpd/conf-enabled/99-clients.conf"
TEXT = """
server.modules += ( "mod_accesslog" )
server.bind := "{host}"
server.port := {port}
accesslog.use-syslog = "enable"
accesslog.format = "client %a %{{remote}}p %U"
"""


class Lighttpd(ServerCase, unittest.TestCase):
    program = "lighttpd"
    packages = ("lighttpd",)
    tells = "access log: %a %{remote}p"

    def start(self, host, port):
        with open(CONFIG, "w", encoding="ascii") as file:
            file.write(TEXT.format(
                host=f"[{host}]" if ":" in host else host, port=port))
        # to a file it is late by seconds
        self.log = Syslog(self)
        return self.launch_daemon(
            ["lighttpd", "-f", "/etc/lighttpd/lighttpd.conf"])

    def request(self, word):
        return f"GET /{word} HTTP/1.0\r\n\r\n".encode()

    def told(self, program, word):
        return self.log.wait_line(rf" client (\S+) (\S+) /{word}$").groups()


if __name__ == "__main__":
    fixture.main()
