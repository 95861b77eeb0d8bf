# SPDX-License-Identifier: ISC
"""Servers that use UDP, and not for the DNS, under libproxyproto_udp.so."""
import hashlib
import hmac
import socket
import struct
import subprocess
import unittest

import fixture
from fixture import telephony, udp
from fixture.servers import V4
from fixture.udp_proxy import Forwarder
from fixture.udp_servers import LONGEST, Headed, OnlyIPv4Case, UDPCase


class FreeRADIUS(OnlyIPv4Case, unittest.TestCase):
    program = "FreeRADIUS"
    packages = ("freeradius",)
    tells = "log; Packet-Src-IP-Address, clients"
    answer = "^@word@ @client@ @client_port@$"
    command = "freeradius -X -d @folder@"
    files = {
        "dictionary": "$INCLUDE /usr/share/freeradius/dictionary\n",
        "radiusd.conf": """
name = radiusd
raddbdir = @folder@
run_dir = @folder@
libdir = /usr/lib/freeradius
client ipv4 {
    ipv4addr = 0.0.0.0/0
    secret = secret
}
client ipv6 {
    ipv6addr = ::/0
    secret = secret
}
server default {
    listen {
        type = auth
        ipaddr = @host@
        port = @port@
    }
    authorize {
        update control {
            Auth-Type := Accept
        }
        update reply {
            Reply-Message := "%{User-Name} %{%{Packet-Src-IP-Address}:-\
%{Packet-Src-IPv6-Address}} %{Packet-Src-Port}"
        }
    }
}
"""}

    def request_of(self, word):
        # Access-Request: User-Name and Message-Authenticator
        text = word.encode()
        name = bytes([1, 2 + len(text)]) + text
        size = 20 + len(name) + 18
        head = struct.pack("!BBH16s", 1, 7, size, text) + name + b"\x50\x12"
        return head + hmac.digest(b"secret", head + bytes(16), hashlib.md5)

    def answer_of(self, client):
        # Access-Accept: the client's number, and Reply-Message somewhere
        answer = client.recv(LONGEST)
        self.assertEqual(answer[:2], b"\x02\x07")
        attributes = {}
        at = 20
        while at < len(answer):
            attributes[answer[at]] = answer[at + 2:at + answer[at + 1]]
            at += answer[at + 1]
        return attributes[18].decode()


class SNMPd(OnlyIPv4Case, unittest.TestCase):
    program = "snmpd"
    packages = ("snmpd", "snmp", "netcat-openbsd")
    tells = "log, the sources of communities"
    log = r"Connection from UDP.*: \[@client@\]:@client_port@"
    answer = "public.*told$"
    command = ("snmpd -f -Lo -a -C -c @folder@/snmpd.conf -p @folder@/pid "
               "-I system_mib @udp@:@address@")
    variables = {"MIBS": ""}
    files = {"snmpd.conf": "rocommunity public 0.0.0.0/0\n"
                           "rocommunity6 public ::/0\n"
                           "syscontact told\n"}

    def fill(self, text):
        ipv6 = ":" in self.values["host"]
        return super().fill(text.replace("@udp@", "udp6" if ipv6 else "udp"))

    def request_of(self, word):
        # get sysContact.0, community public
        return bytes.fromhex(
            "302902010104067075626c6963a01c0204000000010201000201003"
            "00e300c06082b060102010104000500")

    def check_tool(self, argv, **kwargs):
        """A client that sends headers itself."""
        program, server = self.serve(V4)
        answer = subprocess.run(
            [self.fill(word) for word in argv], check=True,
            stdout=subprocess.PIPE, timeout=fixture.PATIENCE,
            env=fixture.environment(fixture.CLIENT_LIBRARY, UDP="yes",
                                    ADDR="192.0.2.9", PORT="1234"), **kwargs)
        self.assertIn(b"told", answer.stdout)
        program.wait_line(r"Connection from UDP: \[192\.0\.2\.9\]:1234->")
        self.did(f"asked by {argv[0]} under libproxyproto_connect.so")

    def test_snmpget(self):
        self.check_tool(["snmpget", "-v2c", "-cpublic", "-Ov", "@address@",
                         "1.3.6.1.2.1.1.4.0"])

    def test_nc(self):
        self.check_tool(["nc", "-u", "-W1", "@host@", "@port@"],
                        input=self.request_of(""))


class TFTPd(UDPCase, unittest.TestCase):
    """It has a socket for each transfer, which its proxy must follow."""

    program = "tftpd-hpa"
    packages = ("tftpd-hpa",)
    tells = "log"
    tells_mapped = False
    note = "behind a proxy that follows it to the port it answers from"
    # of its first request it does not know the local address, bare as well
    log = "RRQ from (::ffff:)?@client@ filename @word@ remapped"
    log_in = "syslog"
    # it looks for an IPv4 address only where there is one beside loopback's
    commands = ("ip addr replace 192.0.2.200/32 dev lo",)
    command = ("in.tftpd -L -vvv -u root -m @folder@/map -a @address@ "
               "-s @folder@")
    # of two blocks: the second follows on the first one's acknowledgment
    files = {"map": "r .* told\n", "told": "told" * 150}

    def fronts(self, hosts, server):
        return {host: Forwarder(self, host, server, follows=True).connect
                for host in hosts}

    def request_of(self, word):
        return b"\0\x01" + word.encode() + b"\0octet\0"

    def converse(self, client, word):
        """As by TFTP: what follows goes to where the answer came from."""
        with udp.sender(client.getsockname()[0]) as sock:
            header = getattr(client, "header", b"")
            sock.sendto(header + self.request_of(word), client.getpeername())
            sock.connect(sock.recvfrom(1, socket.MSG_PEEK)[1])
            with Headed(fileno=sock.detach()) as follower:
                follower.settimeout(fixture.PATIENCE)
                follower.header = header
                return self.answer_of(follower)

    def answer_of(self, client):
        """Both blocks, from wherever the first came."""
        self.assertEqual(client.recv(LONGEST), b"\0\x03\0\x01" + b"told" * 128)
        client.send(b"\0\x04\0\x01")
        self.assertEqual(client.recv(LONGEST), b"\0\x03\0\x02" + b"told" * 22)
        client.send(b"\0\x04\0\x02")
        return "told"


class Kamailio(telephony.Kamailio, OnlyIPv4Case, unittest.TestCase):
    program = "Kamailio, SIP"
    request = telephony.options("UDP")
    files = {"kamailio.cfg": telephony.Kamailio.CONFIG % (
        "children=2\ndisable_tcp=yes\nlisten=udp:@address@")}


class Coturn(telephony.Coturn, OnlyIPv4Case, unittest.TestCase):
    has_room = False
    program = "coturn, STUN"
    command = telephony.Coturn.command + " --no-tcp"

    def answer_of(self, client):
        return self.told_in(client.recv(LONGEST))


class SyslogNg(UDPCase, unittest.TestCase):
    program = "syslog-ng, network()"
    packages = ("syslog-ng-core",)
    tells = "its macro ${SOURCEIP}"
    answers = False
    request = "<13>Nov 28 09:00:00 h t: @word@"
    log = "^@client@ @word@"
    log_in = "log"
    command = ("syslog-ng -F --no-caps -f @folder@/conf -R @folder@/persist "
               "-p @folder@/pid -c @folder@/ctl")
    files = {"conf": """@version: 3.38
options { use_dns(no); keep_hostname(yes); };
source s { network(ip("@host@") port(@port@) transport("udp")
                   ip-protocol(@family@)); };
destination d { file("@folder@/log" template("${SOURCEIP} ${MESSAGE}\\n")); };
log { source(s); destination(d); };
"""}

    def fill(self, text):
        ipv6 = ":" in self.values["host"]
        return super().fill(text.replace("@family@", "6" if ipv6 else "4"))


class Minetest(OnlyIPv4Case, unittest.TestCase):
    has_room = False
    program = "minetestserver"
    packages = ("minetest-server",)
    tells = "log, bans"
    log = 'New connection: ".*" from @client@ '
    answer = "^\x4f\x45\x74\x03"
    ready = "listening on"
    command = ("/usr/lib/minetest/minetestserver --verbose --config @folder@/"
               "conf --world @folder@/world --gameid tests --port @port@")
    variables = {"HOME": "@folder@", "MINETEST_SUBGAME_PATH": "@folder@/games"}
    files = {"conf": "bind_address = @host@\nipv6_server = true\n"
                     "max_users = 1000\n",
             "games/tests/game.conf": "title = tests\n",
             "games/tests/mods/base/mod.conf": "name = base\n",
             "games/tests/mods/base/init.lua": "",
             "world/world.mt": "gameid = tests\nbackend = dummy\n"}

    def request_of(self, word):
        # of a new peer: reliable, the first one, of no length
        return struct.pack("!IHBBHB", 0x4f457403, 0, 0, 3, 65500, 1)

    def answer_of(self, client):
        """Joins, by INIT: again while the server does not know the peer."""
        name = b"port%d" % client.getsockname()[1]
        while True:
            answer = client.recv(LONGEST)
            # reliable, and of the server: HELLO
            if answer[4:8] == b"\0\x01\0\x03" and answer[10:13] == b"\1\0\2":
                return answer.decode("latin-1")
            client.send(struct.pack("!IHBBHBHHHH", 0x4f457403, 0, 0, 1, 2, 28,
                                    0, 37, 41, len(name)) + name)


class OpenVPN(OnlyIPv4Case, unittest.TestCase):
    program = "OpenVPN"
    packages = ("openvpn", "openssl")
    tells = "log"
    log = (r"TLS: (Initial packet|new session incoming connection) from "
           r"\[AF_INET6?\]@client@:@client_port@")
    # HARD_RESET_SERVER_V2, or ACK_V1, and the client's session
    answer = "(?s)^[@(].*@word@"
    ready = "link local .bound.: "
    commands = ("openssl req -x509 -newkey ec -pkeyopt "
                "ec_paramgen_curve:P-256 -nodes -subj /CN=tests -keyout key "
                "-out cert",)
    command = ("openvpn --dev null --proto @udp@ --local @host@ "
               "--lport @port@ --tls-server --dh none --ca cert --cert cert "
               "--key key --verb 3")

    def fill(self, text):
        ipv6 = ":" in self.values["host"]
        return super().fill(text.replace("@udp@", "udp6" if ipv6 else "udp4"))

    def request_of(self, word):
        # HARD_RESET_CLIENT_V2 of a session, the first packet
        return b"\x38" + word.encode()[:8].ljust(8, b"x") + bytes(5)


if __name__ == "__main__":
    fixture.main()
