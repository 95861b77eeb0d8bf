# SPDX-License-Identifier: ISC
"""rsyslog's imudp, under libproxyproto_udp.so."""
import unittest

import fixture
from fixture.udp_servers import UDPCase


class Rsyslog(UDPCase, unittest.TestCase):
    program = "rsyslog, imudp"
    packages = ("rsyslog",)
    # in place of syslog-ng
    layer = "rsyslog"
    tells = "its property fromhost-ip"
    answers = False
    request = "<13>Nov 28 09:00:00 host tag: @word@"
    log = "^@client@ @word@$"
    log_in = "log"
    command = "rsyslogd -n -f @folder@/conf -i @folder@/pid"
    files = {"conf": """
global(workDirectory="@folder@" net.enableDNS="off")
module(load="imudp")
template(name="told" type="string"
         string="%fromhost-ip% %msg:2:$%\\n")
input(type="imudp" address="@host@" port="@port@")
action(type="omfile" file="@folder@/log" template="told")
"""}


if __name__ == "__main__":
    fixture.main()
