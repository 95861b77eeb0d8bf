# SPDX-License-Identifier: ISC
"""Perl's IO::Socket::INET, which takes nothing but IPv4; one at a time."""
import unittest

import fixture
from fixture.haproxy import Front
from fixture.servers import FRONT, V4, V6, LineCase

SCRIPT = r"""
use IO::Socket::INET;
$SIG{PIPE} = 'IGNORE';
my $server = IO::Socket::INET->new(LocalAddr => $ARGV[0],
    LocalPort => $ARGV[1], Listen => 1024, ReuseAddr => 1) or die;
$| = 1;
print "listening\n";
while (my $client = $server->accept) {
    my $word = <$client>;
    next unless defined $word;
    chomp $word;
    print $client join(' ', $word, $client->peerhost, $client->peerport,
                       $client->sockhost, $client->sockport);
}
"""


class PerlInet(LineCase, unittest.TestCase):
    program = "Perl, IO::Socket::INET"
    packages = ("perl",)
    tells = "peerhost, peerport, sockhost, sockport"
    note = ("IPv6 clients need LIBPROXYPROTO_IPV6_ON_IPV4=proxy: it ends "
            "where it is told of one")
    settings = LineCase.settings | {"IPV6_ON_IPV4": "proxy"}
    takes_ipv6_on_ipv4 = False

    def start(self, host, port):
        fixture.need("perl")
        program = self.launch(["perl", "-e", SCRIPT, host, str(port)])
        program.wait_line("^listening$")
        return program

    def ask(self, client, word):
        with client:
            client.sendall(self.request(word))
            answer = fixture.read_all(client).decode()
        return answer.split()

    def test_behind_haproxy_on_ipv6(self):
        """The listener stays on IPv4; clients of IPv6 are the proxy to it."""
        fixture.need_ipv6()
        _, server = self.serve(V4)
        fronts = [Front(host, options, server) for host in (V6, FRONT)
                  for options in ("send-proxy", "send-proxy-v2")]
        self.proxy(*fronts)
        for number in range(12):
            front = fronts[number % 4]
            word = f"word{number}"
            client = front.connect()
            name, port = client.getsockname()[:2]
            told = self.ask(client, word)
            if ":" in front.host:
                self.assertEqual([told[1], *told[3:]],
                                 [V4, V4, str(server[1])])
            else:
                self.assertEqual(told[1:], [name, str(port), FRONT,
                                            str(front.port)])
        self.did("IPv6 clients are the proxy to it")

    def test_without_the_setting(self):
        """One IPv6 client is its end."""
        self.settings = self.settings | {"IPV6_ON_IPV4": "client"}
        program, server = self.serve(V4)
        header = fixture.v2("2001:db8::1", "2001:db8::2")
        with fixture.connect(server[1], header + b"word\n") as client:
            fixture.read_all(client)
        self.assertNotEqual(program.wait(), 0)
        self.assertIn("Bad arg length", program.output())


if __name__ == "__main__":
    fixture.main()
