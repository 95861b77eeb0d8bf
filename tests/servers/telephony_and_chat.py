# SPDX-License-Identifier: ISC
"""SIP and what goes with it, conferences and chat."""
import unittest

import fixture
from fixture import telephony
from fixture.described import DescribedCase


class Kamailio(telephony.Kamailio, DescribedCase, unittest.TestCase):
    program = "Kamailio, SIP over TCP"
    request = telephony.options("TCP")
    until = "\r\n\r\n"
    files = {"kamailio.cfg": telephony.Kamailio.CONFIG % (
        "children=1\ntcp_children=2\nlisten=tcp:@address@")}


class Coturn(telephony.Coturn, DescribedCase, unittest.TestCase):
    program = "coturn, STUN over TCP"
    command = telephony.Coturn.command + " --no-udp"

    def converse(self, client, word):
        client.sendall(self.request_of(word))
        with client.makefile("rb") as file:
            head = file.read(20)
            return self.told_in(
                head + file.read(int.from_bytes(head[2:4], "big")))


class Mumble(telephony.Mumble, DescribedCase, unittest.TestCase):
    program = "Mumble server, Qt"
    tells = "log"
    tells_mapped = False
    request = "\n"
    half_close = True
    log = r"New connection: \[?@client@\]?:@client_port@"


class Prosody(DescribedCase, unittest.TestCase):
    program = "Prosody, XMPP"
    packages = ("prosody",)
    tells = "log"
    request = "</stream:stream>"
    log = r"New connection FD \d+ \(@client@, @client_port@, @reached@"
    command = "prosody -F --config @folder@/prosody.cfg.lua"
    files = {"prosody.cfg.lua": """
data_path = "@folder@"
pidfile = "@folder@/pid"
run_as_root = true
interfaces = { "@host@" }
c2s_ports = { @port@ }
s2s_ports = { }
log = { debug = "*console" }
modules_disabled = { "s2s", "tls" }
c2s_require_encryption = false
VirtualHost "localhost"
"""}


class InspIRCd(DescribedCase, unittest.TestCase):
    program = "InspIRCd"
    packages = ("inspircd",)
    tells = "WHOIS, bans; log"
    tells_mapped = False
    request = "NICK n@word@\r\nUSER u 0 * :x\r\nQUIT\r\n"
    log = "@client@"
    log_in = "output"
    command = "inspircd --nofork --runasroot --debug --config @folder@/conf"
    files = {"conf": """
<server name="irc.example.org" description="x" network="x">
<admin name="x" nick="x" email="x@example.org">
<bind address="@host@" port="@port@" type="clients">
<connect name="all" allow="*" resolvehostnames="no" maxconn="1000"
    localmax="1000" globalmax="1000" limit="2000" pingfreq="1m">
<path configdir="@folder@" datadir="@folder@" logdir="@folder@">
<pid file="@folder@/pid">
"""}


if __name__ == "__main__":
    fixture.main()
