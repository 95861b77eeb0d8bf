# SPDX-License-Identifier: ISC
"""The manual pages of the package, as man shows them."""
import glob
import os
import subprocess
import unittest

import fixture


def excludes_manuals():
    """Does dpkg leave out manual pages, as on slim container images?"""
    for path in ["/etc/dpkg/dpkg.cfg"] + glob.glob("/etc/dpkg/dpkg.cfg.d/*"):
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as file:
                if "path-exclude=/usr/share/man" in file.read():
                    return True
    return False


class Manual(unittest.TestCase):
    def setUp(self):
        fixture.need("man")
        if excludes_manuals():
            self.skipTest("dpkg leaves out manual pages (path-exclude)")

    def check(self, page, *words, section=7):
        env = dict(fixture.environment(), MANPAGER="cat", MANWIDTH="80",
                   LC_ALL="C.UTF-8")
        path = subprocess.check_output(["man", "-w", str(section), page],
                                       env=env, text=True)
        self.assertEqual(
            path, f"/usr/share/man/man{section}/{page}.{section}.gz\n")
        shown = subprocess.run(["man", str(section), page], env=env,
                               capture_output=True, text=True, check=True)
        self.assertEqual(shown.stderr, "")
        for word in [page, *words]:
            self.assertIn(word, shown.stdout)

    def test_libproxyproto(self):
        self.check("libproxyproto", "LIBPROXYPROTO_MUST_USE_PROTOCOL_HEADER")

    def test_libproxyproto_udp(self):
        self.check("libproxyproto_udp", "LIBPROXYPROTO_UDP_CLIENTS")

    def test_libproxyproto_connect(self):
        self.check("libproxyproto_connect", "LIBPROXYPROTO_ADDR")

    def test_libproxyproto_conf(self):
        self.check("libproxyproto.conf", "/etc/libproxyproto.conf", section=5)

    def test_command(self):
        self.check("proxyproto", "--how=means", "decode", section=1)

    def test_functions(self):
        self.check("proxyproto", "libproxyproto-codec", section=3)
        self.check("proxyproto_get_header", "ENODATA", section=3)


if __name__ == "__main__":
    fixture.main()
