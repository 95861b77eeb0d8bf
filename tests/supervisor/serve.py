# SPDX-License-Identifier: ISC
"""Servers that cannot be preloaded: each shape, linked statically."""
import os
import subprocess
import unittest

import fixture
from fixture import v1, v2


def build(case, source, *flags, compiler="gcc"):
    """A program of tests/supervisor or tests/preload, linked statically."""
    fixture.need(compiler)
    folder = fixture.folder(case.addCleanup)
    program = folder + "/program"
    done = subprocess.run(
        [compiler, "-static", "-D_GNU_SOURCE", "-I",
         os.environ.get("PP_BUILDDIR", "."), "-o", program,
         os.path.join(os.environ.get("PP_SRCDIR", "."), "tests", source),
         *flags], stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise unittest.SkipTest(f"{compiler} -static: {done.stderr}")
    return program


def run(case, argv, **settings):
    """A program under the supervisor."""
    program = fixture.Program(
        [fixture.COMMAND, "run", "--how=supervise", *argv],
        fixture.environment(**settings))
    case.addCleanup(program.stop)
    return program


class Shapes(unittest.TestCase):
    """tests/preload/shapes.c: how servers wait for their listener."""

    def check(self, shape):
        server = run(self, [build(self, "preload/shapes.c",
                                  os.path.join(os.environ.get("PP_SRCDIR",
                                                              "."),
                                               "tests/preload/uring.c"),
                                  "-pthread"), shape])
        port = int(server.wait_line(r"^port (\d+)$")[1])
        for number in range(1, 20):
            header = v1 if number % 2 else v2
            with fixture.connect(port, header(
                    "192.0.2.7", source_port=number)) as client:
                self.assertEqual(fixture.read_all(client),
                                 b"accepted 192.0.2.7 %d\n" % number)

    def test_blocking(self):
        self.check("blocking")

    def test_threads(self):
        self.check("threads")

    def test_processes(self):
        self.check("processes")

    def test_epoll(self):
        self.check("epoll")

    def test_poll(self):
        self.check("poll")

    def test_select(self):
        self.check("select")


if __name__ == "__main__":
    fixture.main()
