# SPDX-License-Identifier: ISC
"""Queues of messages, and collectors of logs and messages."""
import unittest

import fixture
from fixture.described import DescribedCase


class Gearman(DescribedCase, unittest.TestCase):
    program = "gearmand"
    packages = ("gearman-job-server",)
    tells = "log, the command workers"
    takes_ipv6_on_ipv4 = False
    request = "workers\n"
    until = r"(?m)^\.$"
    log = r"Accepted connection from @client@:@client_port@"
    note = "names IPv6 clients :: with or without the library"
    test_behind_haproxy_on_ipv6 = None
    command = ("gearmand --listen=@host@ --port=@port@ --log-file=stderr "
               "--verbose=DEBUG --threads=2")


class ZeroMQ(DescribedCase, unittest.TestCase):
    program = "ZeroMQ"
    packages = ("python3-zmq",)
    tells = "the property Peer-Address of a message"
    request = "@word@\n"
    answer = "@word@ @client@\n"
    until = "\n"
    command = "python3 serve.py"
    files = {"serve.py": """
import zmq
server = zmq.Context().socket(zmq.STREAM)
server.setsockopt(zmq.IPV6, ":" in "@host@")
server.bind("tcp://@address@")
while True:
    name, message = server.recv_multipart(copy=False)
    if message.bytes:
        text = message.bytes.strip().decode()
        server.send_multipart([name.bytes, b"%s %s\\n" % (
            text.encode(), message.get("Peer-Address").encode())])
"""}


class SyslogNG(DescribedCase, unittest.TestCase):
    program = "syslog-ng"
    packages = ("syslog-ng-core",)
    tells = "log: $SOURCEIP; Syslog connection accepted"
    request = "<13>1 - - test - - - @word@\n"
    half_close = True
    log = "(?s)@client@ @word@$"
    log_in = "messages"
    command = ("syslog-ng --foreground --no-caps --cfgfile=@folder@/ng.conf "
               "--persist-file=@folder@/persist --pidfile=@folder@/pid "
               "--control=@folder@/control")
    files = {"ng.conf": """@version: 3.38
options { use-dns(no); keep-hostname(no); stats-freq(0); };
source net {
    network(ip("@host@") ip-protocol(@version@) transport("tcp") port(@port@)
            flags(syslog-protocol) max-connections(1000));
};
destination messages {
    file("@folder@/messages" template("$SOURCEIP $MSG\\n"));
};
log { source(net); destination(messages); };
"""}

    def fill(self, text):
        text = text.replace("@version@", str(6 if ":" in self.values["host"]
                                              else 4))
        return super().fill(text)


if __name__ == "__main__":
    fixture.main()
