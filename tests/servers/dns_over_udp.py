# SPDX-License-Identifier: ISC
"""Servers of the DNS under libproxyproto_udp.so, behind dnsdist."""
import unittest

import fixture
from fixture.udp_servers import DNSCase


class Dnsmasq(DNSCase, unittest.TestCase):
    program = "dnsmasq"
    packages = ("dnsmasq-base", "dnsdist")
    tells = "log of queries"
    takes_ipv6_on_ipv4 = False
    log = r" @client@/@client_port@ query\[A\] @word@\.example from "
    ready = "started, version"
    command = ("dnsmasq -k --conf-file=/dev/null --user=root --port=@port@ "
               "--no-resolv --no-hosts --pid-file= --address=/example/192.0.2.9 "
               "--log-facility=- --log-queries=extra")


if __name__ == "__main__":
    fixture.main()
