# SPDX-License-Identifier: ISC
"""examples/health_check.c: a health checker that speaks LOCAL."""
import os
import subprocess
import unittest

import fixture
from fixture import linking
from fixture.calls import CallsCase


class HealthCheck(CallsCase):
    @classmethod
    def setUpClass(cls):
        fixture.need("cc")
        folder = fixture.folder(cls.addClassCleanup)
        cls.checker = linking.build(
            os.path.join(linking.SOURCE, "examples/health_check.c"),
            folder + "/health_check", "libproxyproto-codec")

    def begin(self, port, *arguments):
        checker = fixture.Program(
            [self.checker, "127.0.0.1", str(port), *arguments],
            fixture.environment())
        self.addCleanup(checker.stop)
        return checker

    def check(self, checker, status, said):
        self.assertEqual((checker.wait(), checker.output()), (status, said))

    def accept(self, *arguments, **settings):
        """A checker, and what a server that it has connected to can do."""
        calls = self.start(**settings)
        listener = calls.listener()
        checker = self.begin(listener.port, *arguments)
        return checker, calls, calls.accept(listener.fd)

    def test_up(self):
        checker, calls, accepted = self.accept(MUST_USE_PROTOCOL_HEADER=1)
        self.assertEqual(accepted.address[0], "127.0.0.1")
        header = calls.header(accepted.result, 16)
        self.assertEqual(header.data[:16], fixture.v2_local())
        self.assertEqual(calls.receive(accepted.result).data, b"")
        calls.ok("close", accepted.result)
        self.check(checker, 0, "up")

    def test_answer(self):
        checker, calls, accepted = self.accept("ping\n", "pong")
        self.assertEqual(calls.receive_all(accepted.result), b"ping\n")
        calls.ok("send", accepted.result, b"po".hex())
        calls.ok("send", accepted.result, b"ng\n".hex())
        self.check(checker, 0, "up")

    def test_another_answer(self):
        checker, calls, accepted = self.accept("ping\n", "pong")
        calls.receive_all(accepted.result)
        calls.ok("send", accepted.result, b"what?\n".hex())
        calls.ok("close", accepted.result)
        self.check(checker, 1, "down: another answer")

    def test_server_that_waits_for_more(self):
        """It is content with silence only where no answer is asked for."""
        checker, calls, accepted = self.accept()
        other, other_calls, other_accepted = self.accept("", "pong")
        for one, fd in (calls, accepted), (other_calls, other_accepted):
            self.assertEqual(one.receive(fd.result).data, b"")
        self.check(checker, 0, "up")
        self.check(other, 1, "down: no answer")

    def test_nobody_listens(self):
        self.check(self.begin(fixture.free_port()), 1,
                   "down: Connection refused")

    def test_server_without_the_library(self):
        """It is sent what it does not understand."""
        checker, calls, accepted = self.accept("", "pong", library=None)
        self.assertEqual(calls.receive_all(accepted.result),
                         fixture.v2_local())
        calls.ok("close", accepted.result)
        self.check(checker, 1, "down: another answer")

    def test_usage(self):
        for arguments in ([], ["127.0.0.1"], ["nowhere.invalid", "1"],
                          ["127.0.0.1", "1", "x" * 5000]):
            done = subprocess.run([self.checker, *arguments],
                                  env=fixture.environment(), check=False,
                                  stderr=subprocess.PIPE)
            self.assertEqual(done.returncode, 2)
            self.assertNotEqual(done.stderr, b"")


class Codec(unittest.TestCase):
    """The library that it is linked with intercepts nothing."""

    def test_exports_nothing_of_the_c_library(self):
        fixture.need("nm")
        if not fixture.LIBDIR:
            self.skipTest("the library of the build is not here")
        names = subprocess.run(
            ["nm", "-D", "--defined-only",
             fixture.LIBDIR + "/libproxyproto_codec.so"],
            stdout=subprocess.PIPE, text=True, check=True).stdout.split()[2::3]
        self.assertIn("proxyproto_parse@@PROXYPROTO_1", names)
        self.assertEqual([name for name in names
                          if "@@PROXYPROTO_1" not in name],
                         ["PROXYPROTO_1"])


if __name__ == "__main__":
    fixture.main()
