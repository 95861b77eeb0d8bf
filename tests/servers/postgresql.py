# SPDX-License-Identifier: ISC
"""PostgreSQL: forks for each client; pg_hba.conf decides by address."""
import os
import struct
import subprocess
import unittest

import fixture
from fixture.haproxy import CLIENT, CLIENT6, Front
from fixture.servers import V4, ServerCase

VERSION = "15"
ETC = f"/etc/postgresql/{VERSION}/main"
POSTGRES = f"/usr/lib/postgresql/{VERSION}/bin/postgres"
DIRECT = "127.44.55.66"
ALLOWED = (f"{CLIENT}/32", f"{CLIENT6}/128", f"{DIRECT}/32",
           f"::ffff:{CLIENT}/128")
QUERY = ("SELECT concat_ws(' ', '{}', host(inet_client_addr()),"
         " inet_client_port(), host(inet_server_addr()), inet_server_port())")


class PostgreSQL(ServerCase, unittest.TestCase):
    program = "PostgreSQL"
    packages = (f"postgresql-{VERSION}",)
    tells = "inet_client_addr(), inet_server_addr(), pg_hba.conf, log"
    allowed = ALLOWED

    def start(self, host, port):
        with open(ETC + "/pg_hba.conf", "w", encoding="ascii") as file:
            for network in ("all",) if self.trace else self.allowed:
                file.write(f"host all all {network} trust\n")
        os.makedirs("/run/postgresql", exist_ok=True)
        subprocess.run(["chown", "postgres", "/run/postgresql"], check=True)
        program = self.launch(
            ["setpriv", "--reuid=postgres", "--regid=postgres",
             "--clear-groups", POSTGRES, "-c",
             f"config_file={ETC}/postgresql.conf", "-c",
             f"listen_addresses={host}", "-c", f"port={port}", "-c",
             "log_connections=on", "-c", "ssl=off", "-c",
             "log_line_prefix=[%a] "])
        program.wait_line("ready to accept connections")
        return program

    def request(self, word):
        parameters = {"user": "postgres", "database": "postgres",
                      "application_name": word}
        text = b"".join(name.encode() + b"\0" + value.encode() + b"\0"
                        for name, value in parameters.items()) + b"\0"
        query = QUERY.format(word).encode() + b"\0"
        return (struct.pack("!II", len(text) + 8, 0x30000) + text
                + b"Q" + struct.pack("!I", len(query) + 4) + query
                + b"X\0\0\0\4")

    def told(self, program, word):
        at = self.answer.find(word.encode() + b" ")
        self.assertNotEqual(at, -1, self.answer)
        self.words = self.answer[at:].split(b"C\0\0\0")[0].decode().split()
        # the log line has it from another place
        host, port = self.words[1:3]
        program.wait_line("connection received: host=.* port=" + port)
        return host, port

    def destination(self, program, word):
        return self.words[3:5]

    def test_who_is_not_in_pg_hba_conf(self):
        self.allowed = ("127.0.0.1/32", f"{DIRECT}/32")
        program, server = self.serve(V4)
        front = Front(V4, "send-proxy-v2", server)
        self.proxy(front)
        with front.connect(self.request("word")) as client:
            self.assertIn(f'no pg_hba.conf entry for host "{CLIENT}"',
                          fixture.read_all(client).decode("latin-1"))


if __name__ == "__main__":
    fixture.main()
