# SPDX-License-Identifier: ISC
"""Squid, whose coordinator listens for its workers: nothing can be preloaded
into these, which can be seen of the program."""
import unittest

import fixture
from fixture.described import DescribedCase


class Squid(DescribedCase, unittest.TestCase):
    program = "Squid, with workers, by proxyproto run"
    packages = ("squid",)
    layer = "supervised"
    means = "supervised"
    tells = "access log: %>a %>p %>la %>lp"
    tells_mapped = False
    note = ("its workers are executed with another effective user than real "
            "one, so the loader ignores LD_PRELOAD for them")
    # it goes to user proxy
    commands = ("chmod 777 @folder@ /run",)
    command = "squid --foreground -f @folder@/squid.conf"
    request = "GET http://127.0.0.1:1/@word@ HTTP/1.0\r\n\r\n"
    log = "^@client@ @client_port@ @reached@ @reached_port@ .*/@word@$"
    log_in = "access"
    files = {"squid.conf": """http_port @address@
workers 2
http_access deny all
cache deny all
logformat told %>a %>p %>la %>lp %ru
access_log stdio:@folder@/access told
buffered_logs off
cache_log @folder@/cache.log
pid_filename @folder@/pid
coredump_dir none
shutdown_lifetime 0 seconds
"""}
    test_in_a_row_behind_a_trusted_proxy = None


if __name__ == "__main__":
    fixture.main()
