# SPDX-License-Identifier: ISC
"""Servers of the DNS, over TCP."""
import socket
import unittest

import fixture
from fixture import dns, name_servers
from fixture.described import DescribedCase


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


class Bind(name_servers.Bind, DNSCase, unittest.TestCase):
    program = "BIND, over TCP"
    packages = ("bind9",)


class Knot(name_servers.Knot, DNSCase, unittest.TestCase):
    program = "Knot DNS, over TCP"
    packages = ("knot",)

    def converse(self, client, word):
        ipv6 = ":" in self.values["host"] + client.getsockname()[0]
        client.sendall(dns.query("", dns.AAAA if ipv6 else dns.A))
        return self.answer_of(client)

    def check_told(self, program, begin, answer, values):
        name = values["client"].replace("\\", "")
        family = socket.AF_INET6 if ":" in name else socket.AF_INET
        self.assertTrue(answer.endswith(socket.inet_pton(family, name)),
                        answer)


class PowerDNS(name_servers.PowerDNS, DNSCase, unittest.TestCase):
    program = "PowerDNS, over TCP"
    packages = ("pdns-server", "pdns-backend-bind")


if __name__ == "__main__":
    fixture.main()
