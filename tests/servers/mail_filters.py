# SPDX-License-Identifier: ISC
"""What looks at mail, and a server that is an application's part."""
import unittest

import fixture
from fixture.described import DescribedCase, OnlyIPv4Case


class Spamd(DescribedCase, unittest.TestCase):
    program = "SpamAssassin spamd"
    packages = ("spamd",)
    tells = "log"
    request = "PING SPAMC/1.2\r\n\r\n"
    log = r"connection from \S+ \[@client@\]:@client_port@ to port"
    command = ("spamd --local --nouser-config --max-children 2 --syslog stderr "
               "--configpath @folder@ --siteconfigpath @folder@ "
               "--cf 'use_bayes 0' "
               "--listen @address@ --allowed-ips 0.0.0.0/0,::/0")
    # it asks for names, and gives up where nobody answers
    files = {"/etc/nsswitch.conf": "hosts: files\n",
             "local.cf": "header FROM_X From =~ /x/\n",
             "init.pre": "loadplugin Mail::SpamAssassin::Plugin::Check\n"}


class Postgrey(OnlyIPv4Case, unittest.TestCase):
    program = "postgrey"
    packages = ("postgrey",)
    tells = "log"
    log = r'CONNECT TCP Peer: "\[?@client@\]?:@client_port@"'
    request = ("request=smtpd_access_policy\nprotocol_state=RCPT\n"
               "client_address=192.0.2.1\nclient_name=@word@\n"
               "sender=a@x\nrecipient=b@x\n\n")
    until = "action="
    command = ("postgrey --verbose --inet=@address@ --dbdir=@folder@ "
               "--user=root --group=root")


class AioSMTPd(DescribedCase, unittest.TestCase):
    program = "aiosmtpd"
    packages = ("python3-aiosmtpd",)
    tells = "the handler's session.peer"
    takes_ipv6_on_ipv4 = False
    request = "HELO @word@\r\nQUIT\r\n"
    answer = "@word@ @client@ @client_port@"
    command = "python3 serve.py"
    files = {"serve.py": """
import asyncio
from aiosmtpd.smtp import SMTP
class Tell:
    async def handle_HELO(self, server, session, envelope, name):
        session.host_name = name
        return "250 %s %s %s" % (name, *session.peer[:2])
async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Tell()), "@host@", @port@)
    await server.serve_forever()
asyncio.run(main())
"""}


if __name__ == "__main__":
    fixture.main()
