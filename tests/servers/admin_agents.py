# SPDX-License-Identifier: ISC
"""Agents that administrators and monitors ask."""
import unittest

import fixture
from fixture.described import DescribedCase, OnlyIPv4Case


class Munin(OnlyIPv4Case, unittest.TestCase):
    program = "munin-node"
    packages = ("munin-node",)
    tells = "log, allow"
    test_behind_haproxy_on_ipv6 = None
    request = "version\nquit\n"
    log = r'CONNECT TCP Peer: "\[@client@\]:@client_port@"'
    log_in = "munin.log"
    # a process for each, and it takes its time
    test_beside_stalled_clients_where_a_header_must_be = None
    command = "munin-node --config @folder@/munin.conf"
    files = {"munin.conf": """
host @host@
port @port@
log_level 4
log_file @folder@/munin.log
pid_file @folder@/pid
background 0
setsid 0
user root
group root
cidr_allow 0.0.0.0/0
cidr_allow ::/0
"""}


class NRPE(DescribedCase, unittest.TestCase):
    program = "NRPE"
    packages = ("nagios-nrpe-server",)
    tells = "log, allowed_hosts"
    request = "\n"
    half_close = True
    log = "checking if host is allowed: @client@ port "
    log_in = "nrpe.log"
    commands = ("chmod 777 @folder@",)
    command = "nrpe --no-ssl -f -c @folder@/nrpe.cfg"
    files = {"nrpe.cfg": """
server_address=@host@
server_port=@port@
nrpe_user=nagios
nrpe_group=nagios
debug=1
log_file=@folder@/nrpe.log
pid_file=@folder@/pid
"""}


class SNMPd(DescribedCase, unittest.TestCase):
    program = "snmpd, over TCP"
    packages = ("snmpd",)
    tells = "log, the sources of communities"
    log = r"Connection from TCP.*: \[@client@\]:@client_port@"
    until = "(?s)public"
    takes_ipv6_on_ipv4 = False
    command = ("snmpd -f -Lo -a -C -c @folder@/snmpd.conf -p @folder@/pid "
               "-I system_mib @tcp@:@address@")
    variables = {"MIBS": ""}
    files = {"snmpd.conf": "rocommunity public 0.0.0.0/0\n"
                           "rocommunity6 public ::/0\n"}

    def fill(self, text):
        ipv6 = ":" in self.values["host"]
        return super().fill(text.replace("@tcp@", "tcp6" if ipv6 else "tcp"))

    def request_of(self, word):
        # get sysUpTime.0, community public
        return bytes.fromhex(
            "302902010104067075626c6963a01c0204000000010201000201003"
            "00e300c06082b060102010103000500")


if __name__ == "__main__":
    fixture.main()
