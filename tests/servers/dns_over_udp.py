# SPDX-License-Identifier: ISC
"""Servers of the DNS under libproxyproto_udp.so, behind dnsdist."""
import re
import shlex
import subprocess
import threading
import unittest

import fixture
from fixture import dns, manual, name_servers, udp
from fixture.dnsdist import Dnsdist
from fixture.haproxy import CLIENT, CLIENT6
from fixture.name_servers import ZONE
from fixture.servers import FRONT, V4, V6
from fixture.udp_servers import STRANGER, DNSCase, OnlyIPv4Case

# What is at WORD.example.
ADDRESS = "\xc0\0\2\x09"


class Upstream:
    """A server that others ask, which speaks no PROXY protocol. At any name is
    192.0.2.8."""

    HOST = "127.0.0.5"
    ADDRESS = b"\xc0\0\2\x08"

    def __init__(self, test):
        self._socket = udp.sender(self.HOST)
        self._socket.settimeout(None)
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        test.addCleanup(self._close)

    def _serve(self):
        while True:
            asked, who = self._socket.recvfrom(4096)
            if not asked:
                return
            self._socket.sendto(dns.answer(asked, self.ADDRESS), who)

    def _close(self):
        self._socket.sendto(b"", (self.HOST, self.port))
        self._thread.join()
        self._socket.close()


class ForwarderCase(DNSCase):
    """One that asks another server, from sockets that it binds as well: what
    they are sent has no header, and is not of its clients."""

    # What of its command and files is replaced by what, to ask @upstream@
    forwards = {}
    upstream = None

    def fill(self, text):
        if self.upstream:
            for what, instead in self.forwards.items():
                text = text.replace(what, instead)
            text = text.replace("@upstream@", Upstream.HOST).replace(
                "@upstream_port@", str(self.upstream.port))
        return super().fill(text)

    def start(self, host, port):
        if self.upstream:
            self.settings = self.settings | {
                "PORTS": port, "MUST_USE_PROTOCOL_HEADER": 1}
        return super().start(host, port)

    def test_as_a_forwarder(self):
        self.upstream = Upstream(self)
        program, server = self.serve(V4)
        with self.fronts([FRONT], server)[FRONT](CLIENT) as client:
            answer = self.converse(client, "far")
            self.assertTrue(answer.endswith(Upstream.ADDRESS.decode("latin-1")),
                            answer)
            self.check_told(program, 0, answer, self.values_of(
                V4, "far", client.getsockname()[:2]))
        # a client without a header is nobody's now
        bare = self.send(server, STRANGER, self.request_of("bare"))
        self.check_client(program, V4, "behind",
                          self.fronts([FRONT], server)[FRONT](CLIENT))
        self.assertEqual(self.answers_in(bare), b"")
        self.did("forwards to others with LIBPROXYPROTO_PORTS and "
                 "MUST_USE_PROTOCOL_HEADER")


class Dnsmasq(name_servers.Dnsmasq, ForwarderCase, OnlyIPv4Case,
              unittest.TestCase):
    program = "dnsmasq"
    packages = ("dnsmasq-base", "bind9-dnsutils", "dnsdist")
    log = r" @client@/@client_port@ query\[A\] @word@\.example from "
    forwards = {"--address=/example/192.0.2.9":
                "--server=/example/@upstream@#@upstream_port@"}

    def test_dig(self):
        """Which libproxyproto_connect.so gives a header, without a proxy."""
        program, server = self.serve(V4)
        done = subprocess.run(
            ["dig", "@" + server[0], "-p", str(server[1]), "+short",
             "+tries=1", "+timeout=30", "dug.example"], check=True,
            stdout=subprocess.PIPE, text=True, env=fixture.environment(
                fixture.CLIENT_LIBRARY, UDP="yes", ADDR="192.0.2.7",
                PORT=4711))
        self.assertEqual(done.stdout, "192.0.2.9\n")
        self.wait_log(program, r" 192\.0\.2\.7/4711 query\[A\] dug\.", 0)


class Bind(name_servers.Bind, ForwarderCase, unittest.TestCase):
    program = "BIND"
    packages = ("bind9", "dnsdist")
    forwards = {
        "recursion no;": "recursion yes; allow-recursion { any; };",
        'type primary; file "zone"':
            "type forward; forward only; "
            "forwarders { @upstream@ port @upstream_port@; }"}

    def test_udp_and_tcp_by_run(self):
        """Both of one dnsdist, which has headers on its connections, too."""
        self.means, self.options = "preloaded", ("--udp",)
        program, server = self.serve(V4)
        dnsdist = Dnsdist(self, [FRONT], server)
        self.check_client(program, V4, "udp", dnsdist.connect(FRONT, CLIENT))
        host, port = dnsdist.fronts[FRONT]
        with fixture.connect(port, dns.query("tcp"), host, CLIENT) as client:
            size = int.from_bytes(client.recv(2), "big")
            self.assertEqual(len(client.recv(size)), size)
            self.check_told(program, 0, "", self.values_of(
                V4, "tcp", client.getsockname()))


class Nsd(DNSCase, unittest.TestCase):
    """It has no log of queries, but one of those who say that a zone is new
    and are not asked."""

    program = "NSD"
    packages = ("nsd", "dnsdist")
    tells = "log of notifications that it refuses"
    log = r"notify for example\. from @client@ refused"
    command = "nsd -d -c @folder@/nsd.conf"
    ready = "nsd started"
    files = {"zone": "$ORIGIN example.\n" + ZONE, "nsd.conf": """
server:
    ip-address: @host@@@port@
    server-count: 2
    verbosity: 2
    username: ""
    chroot: ""
    zonesdir: "@folder@"
    zonelistfile: "@folder@/zone.list"
    xfrdfile: ""
    xfrdir: "@folder@"
    pidfile: ""
    database: ""
    rrl-ratelimit: 0
remote-control:
    control-enable: no
zone:
    name: example
    zonefile: zone
"""}

    def request_of(self, word):
        return dns.notification()

    def converse(self, client, word):
        client.send(dns.question(word))
        self.assertTrue(self.answer_of(client).endswith(ADDRESS))
        return super().converse(client, word)


class Knot(name_servers.Knot, DNSCase, unittest.TestCase):
    program = "Knot DNS"
    packages = ("knot", "dnsdist")
    answer = r"@packed@\Z"

    def request_of(self, word, ipv6=False):
        ipv6 = ipv6 or ":" in self.values["host"]
        return dns.question("", dns.AAAA if ipv6 else dns.A)

    def ask(self, client, word):
        client.send(self.request_of(word, ":" in client.getsockname()[0]))


class Unbound(name_servers.Unbound, ForwarderCase, unittest.TestCase):
    program = "unbound"
    packages = ("unbound", "dnsdist")
    forwards = {
        'local-zone: "example." redirect':
            'do-not-query-localhost: no\n    module-config: "iterator"\n'
            '    domain-insecure: "example."',
        '    local-data: "example. A 192.0.2.9"\n': "",
        "remote-control:":
            'forward-zone:\n    name: "example."\n'
            "    forward-addr: @upstream@@@upstream_port@\nremote-control:"}

    def test_example_of_the_manual(self):
        """As it stands."""
        backend, command = re.search(
            r"^\.Dl (newServer.*?)$.*?^\.Bd [^\n]*\n(.*?)^\.Ed$",
            manual.source("libproxyproto_udp.7"), re.M | re.S).groups()
        command = command.replace(r"\e", "\\").replace(r"\-", "-")
        self.bare, self.command = True, "sh -c " + shlex.quote(command)
        program = self.start(V4, 5300)
        dnsdist = Dnsdist(self, [FRONT], backend=backend)
        self.check_client(program, V4, "udp", dnsdist.connect(FRONT, CLIENT))
        with fixture.connect(dnsdist.fronts[FRONT][1], dns.query("tcp"), FRONT,
                             CLIENT) as client:
            self.assertTrue(client.recv(99))
            self.check_told(program, 0, "", self.values_of(
                V4, "tcp", client.getsockname()))
        bare = self.send((V4, 5300), STRANGER, self.request_of("bare"))
        self.check_client(program, V4, "next", dnsdist.connect(FRONT, CLIENT))
        self.assertEqual(self.answers_in(bare), b"")


class PowerDNS(name_servers.PowerDNS, DNSCase, unittest.TestCase):
    program = "PowerDNS"
    packages = ("pdns-server", "pdns-backend-bind", "dnsdist")
    own = ""

    def fill(self, text):
        return super().fill(text).replace("launch=bind\n",
                                          "launch=bind\n" + self.own)

    def told_of_both(self):
        """What it answers clients of both families, and whom it logs."""
        program, server = self.serve(V6)
        told = []
        for host, connect in self.fronts([FRONT, V6], server).items():
            with connect(CLIENT6 if host == V6 else CLIENT) as client:
                told.append(self.converse(client, "word"))
        asked = re.compile(r"Remote (?:\S+\()?(?:::ffff:)?([^\s)]+)\)? "
                           "wants 'word").search

        def names():
            return [match[1] for match in map(asked, self.logged(program))
                    if match]
        fixture.wait_for(lambda: len(names()) == 2, "two in its log")
        self.assertEqual(names(), [CLIENT, CLIENT6])
        return told

    def test_beside_its_own_proxy_protocol(self):
        """Without the library: it tells the same."""
        preloaded = self.told_of_both()
        self.bare, self.own = True, f"proxy-protocol-from={V6}\n"
        self.assertEqual(preloaded, self.told_of_both())
        self.did("tells the same by its own proxy-protocol-from")


class Recursor(ForwarderCase, unittest.TestCase):
    program = "PowerDNS Recursor"
    packages = ("pdns-recursor", "dnsdist")
    tells = "log of queries"
    log = (r'msg="Question" .* qname="@word@\.example" .*'
           r' remote="\[?@client@\]?:@client_port@"')
    command = "pdns_recursor --config-dir=@folder@ --daemon=no"
    forwards = {"auth-zones=example=@folder@/zone":
                "forward-zones=example=@upstream@:@upstream_port@\n"
                "dont-query=\ndnssec=off"}
    # it answers nothing that has waited for long
    ready = "Enabled multiplexer"
    files = {"zone": "$ORIGIN example.\n" + ZONE, "recursor.conf": """
auth-zones=example=@folder@/zone
socket-dir=@folder@
local-address=@host@
local-port=@port@
allow-from=0.0.0.0/0, ::/0
quiet=no
loglevel=9
disable-syslog=yes
security-poll-suffix=
threads=2
"""}


if __name__ == "__main__":
    fixture.main()
