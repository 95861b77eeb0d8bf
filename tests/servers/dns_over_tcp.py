# SPDX-License-Identifier: ISC
"""Servers of the DNS, over TCP."""
import socket
import unittest

import fixture
from fixture import dns
from fixture.described import DescribedCase

ZONE = """
@ 3600 SOA ns hostmaster 1 3600 600 86400 60
@ 3600 NS ns
* 60 A 192.0.2.1
"""


class DNSCase(DescribedCase):
    def check_client(self, program, listener, word, client):
        # a label has no dot
        super().check_client(program, listener, word.rstrip("."), client)

    def converse(self, client, word):
        client.sendall(dns.query(word))
        return self.answer_of(client)

    @staticmethod
    def answer_of(client):
        with client.makefile("rb") as file:
            return file.read(int.from_bytes(file.read(2), "big"))


class Bind(DNSCase, unittest.TestCase):
    program = "BIND, over TCP"
    packages = ("bind9",)
    tells = "log of queries"
    log = r"client @\w+ @client@#@client_port@ \(@word@\.example\): query"
    command = "named -g -n 2 -c @folder@/named.conf"
    ready = "running$"
    files = {"zone": ZONE, "named.conf": """
options {
    directory "@folder@";
    pid-file none;
    session-keyfile none;
    listen-on port @port@ { 127.0.0.1; };
    listen-on-v6 port @port@ { ::1; };
    querylog yes;
    recursion no;
    dnssec-validation no;
    allow-query { any; };
};
controls { };
zone "example" { type primary; file "zone"; };
"""}


class Knot(DNSCase, unittest.TestCase):
    program = "Knot DNS, over TCP"
    packages = ("knot",)
    tells = "its module whoami"

    def converse(self, client, word):
        """It tells by the zone's own name, by A or by AAAA."""
        ipv6 = ":" in self.values["host"] + client.getsockname()[0]
        client.sendall(dns.query("", dns.AAAA if ipv6 else dns.A))
        return self.answer_of(client)
    command = "knotd -c @folder@/knot.conf"
    files = {"zone": ZONE, "knot.conf": """
server:
    rundir: @folder@
    listen: @host@@@port@
    tcp-workers: 2
    udp-workers: 1
    background-workers: 1
database:
    storage: @folder@
log:
  - target: stdout
    any: info
template:
  - id: default
    storage: @folder@
zone:
  - domain: example
    file: zone
    module: mod-whoami
"""}

    def check_told(self, program, begin, answer, values):
        name = values["client"].replace("\\", "")
        family = socket.AF_INET6 if ":" in name else socket.AF_INET
        self.assertTrue(answer.endswith(socket.inet_pton(family, name)),
                        answer)


class PowerDNS(DNSCase, unittest.TestCase):
    program = "PowerDNS, over TCP"
    packages = ("pdns-server", "pdns-backend-bind")
    tells = "log of queries"
    log = "Remote @client@ wants '@word@\\.example"
    command = "pdns_server --config-dir=@folder@ --daemon=no"
    files = {"zone": ZONE,
             "named.conf": 'zone "example" { type primary; '
                           'file "@folder@/zone"; };\n',
             "pdns.conf": """
launch=bind
bind-config=@folder@/named.conf
socket-dir=@folder@
local-address=@host@
local-port=@port@
log-dns-queries=yes
loglevel=9
disable-syslog=yes
security-poll-suffix=
guardian=no
receiver-threads=1
distributor-threads=1
"""}


if __name__ == "__main__":
    fixture.main()
