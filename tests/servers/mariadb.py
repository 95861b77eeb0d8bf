# SPDX-License-Identifier: ISC
"""MariaDB: a thread a client; its general log."""
import os
import re
import subprocess
import unittest

import fixture
from fixture.servers import ServerCase

LOG = "/tmp/mariadb.log"
# PROTOCOL_41, SECURE_CONNECTION
CAPABILITIES = 0x0200 | 0x8000


def packet(number, payload):
    return len(payload).to_bytes(3, "little") + bytes([number]) + payload


class MariaDB(ServerCase, unittest.TestCase):
    program = "MariaDB"
    packages = ("mariadb-server",)
    tells = "general log: user@host"
    tells_port = False
    tells_mapped = False

    def start(self, host, port):
        if os.path.exists(LOG):
            os.unlink(LOG)
        os.makedirs("/run/mysqld", exist_ok=True)
        subprocess.run(["chown", "mysql", "/run/mysqld"], check=True)
        program = self.launch(
            ["mariadbd", "--user=mysql", f"--bind-address={host}",
             f"--port={port}", "--skip-grant-tables", "--skip-name-resolve",
             "--innodb-flush-log-at-trx-commit=0", "--general-log",
             "--general-log-file=" + LOG])
        program.wait_line("ready for connections")
        return program

    def request(self, word):
        """An answer to the greeting, by a user without a password."""
        return packet(1, CAPABILITIES.to_bytes(4, "little") + bytes(28)
                      + word.encode() + b"\0\0")

    def told(self, program, word):
        def found():
            with open(LOG, encoding="utf-8") as file:
                return re.search(rf"Connect\t{re.escape(word)}@(\S+) ",
                                 file.read())
        fixture.wait_for(found, word + " in the log")
        return found()[1], None


class MariaDBRun(MariaDB):
    """It is linked with liburing, by which it reads its files."""

    program = "MariaDB, by proxyproto run"
    means = "supervised"
    note = ("it does without io_uring then, for its files; "
            "--how=preload leaves it that")


if __name__ == "__main__":
    fixture.main()
