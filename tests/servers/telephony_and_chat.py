# SPDX-License-Identifier: ISC
"""SIP and what goes with it, conferences and chat."""
import socket
import struct
import unittest

import fixture
from fixture.described import DescribedCase

OPTIONS = ("OPTIONS sip:x@y SIP/2.0\r\n"
           "Via: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK@word@;rport\r\n"
           "From: <sip:a@x>;tag=1\r\nTo: <sip:x@y>\r\nCall-ID: @word@\r\n"
           "CSeq: 1 OPTIONS\r\nMax-Forwards: 9\r\nContent-Length: 0\r\n\r\n")


class Kamailio(DescribedCase, unittest.TestCase):
    program = "Kamailio, SIP over TCP"
    packages = ("kamailio",)
    tells = "received=, rport= in its answers; $si, $sp"
    request = OPTIONS
    until = "\r\n\r\n"
    answer = r"@word@;rport=@client_port@;received=\[?@client@\]?\r\n"
    command = ("kamailio -DD -E -f @folder@/kamailio.cfg -Y @folder@ "
               "-u root -g root")
    files = {"kamailio.cfg": """#!KAMAILIO
debug=0
log_stderror=yes
fork=yes
children=1
tcp_children=2
listen=tcp:@address@
loadmodule "sl.so"
request_route {
    sl_send_reply("200", "OK");
}
"""}


class Coturn(DescribedCase, unittest.TestCase):
    program = "coturn, STUN over TCP"
    packages = ("coturn",)
    tells = "its answer; log"
    answer = "^@client@ @client_port@$"
    command = ("turnserver -n --listening-ip @host@ --listening-port @port@ "
               "--no-tls --no-dtls --no-udp --no-cli --log-file stdout "
               "--relay-ip @host@ --db @folder@/db --pidfile @folder@/pid")

    def request_of(self, word):
        return struct.pack("!HHI12s", 1, 0, 0x2112A442, word.encode())

    def converse(self, client, word):
        client.sendall(self.request_of(word))
        with client.makefile("rb") as file:
            head = file.read(20)
            attributes = file.read(int.from_bytes(head[2:4], "big"))
        # the first is XOR-MAPPED-ADDRESS
        kind, _, family, port = struct.unpack("!HHHH", attributes[:8])
        self.assertEqual(kind, 0x20)
        size = 4 if family == 1 else 16
        name = bytes(byte ^ mask for byte, mask
                     in zip(attributes[8:8 + size], head[4:20]))
        name = socket.inet_ntop(
            socket.AF_INET if family == 1 else socket.AF_INET6, name)
        return f"{name} {port ^ 0x2112}"


class Mumble(DescribedCase, unittest.TestCase):
    program = "Mumble server, Qt"
    packages = ("mumble-server",)
    tells = "log"
    tells_mapped = False
    request = "\n"
    half_close = True
    log = r"New connection: \[?@client@\]?:@client_port@"
    commands = ("chmod 777 @folder@",)
    command = "murmurd -fg -ini @folder@/mumble.ini"
    files = {"mumble.ini": """
database=@folder@/mumble.sqlite
host=@host@
port=@port@
bonjour=false
autobanAttempts=0
"""}


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
