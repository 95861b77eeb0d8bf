# SPDX-License-Identifier: ISC
"""What a connection costs in user space, within a tolerance.

The limits are a fifth above what gcc's -O2 makes of it on amd64: see
doc/benchmark.md for the figures. The program is its own client, and connect is
a hook, too.
"""
import os
import platform
import re
import unittest

import fixture
from fixture import callgrind


def flags():
    with open(os.path.join(os.environ.get("PP_BUILDDIR", "."), "Makefile"),
              encoding="utf-8") as file:
        return re.search(r"^CFLAGS = (.*)$", file.read(), re.M)[1]


class Instructions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        fixture.need("valgrind")
        if platform.machine() != "x86_64" or "-O2" not in flags():
            raise unittest.SkipTest("the limits are of -O2 on amd64")
        cls.bare = callgrind.a_connection("none", None)

    def check(self, limit, header, **settings):
        more = callgrind.a_connection(header, **settings) - self.bare
        print(f"{more:.0f} instructions more")
        self.assertGreater(more, 100)
        self.assertLess(more, limit)

    def test_with_a_header(self):
        self.check(3800, "v2")

    def test_without_a_header(self):
        self.check(1880, "none")

    def test_not_trusted(self):
        self.check(1620, "none", TRUSTED="192.0.2.1")


if __name__ == "__main__":
    fixture.main()
