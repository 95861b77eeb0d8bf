# SPDX-License-Identifier: ISC
"""OpenSMTPD, whose processes are in other roots, as other users."""
import unittest

import fixture
from fixture.described import DescribedCase


class OpenSMTPD(DescribedCase, unittest.TestCase):
    program = "OpenSMTPD"
    packages = ("opensmtpd",)
    layer = "opensmtpd"     # it conflicts with Postfix
    tells = "log"
    request = "QUIT\r\n"
    log = r"smtp connected address=\[?@client@\]? host"
    command = "smtpd -d -f @folder@/smtpd.conf"
    files = {"smtpd.conf": """
listen on @host@ port @port@
action "local" mbox
match for local action "local"
"""}


if __name__ == "__main__":
    fixture.main()
