# SPDX-License-Identifier: ISC
"""The client stays known in the programs that a connection is handed to."""
import os
import unittest

import fixture
from fixture import v1, v2, v2_local

CLIENT = ["peer 192.0.2.1 1111", "name 192.0.2.2 2222"]
OTHER = ["peer 192.0.2.33 3333", "name 192.0.2.44 4444"]
EXECS = ("execve", "execv", "execvp", "execvpe", "execl", "execlp", "execle",
         "fexecve", "execveat", "system", "popen")


def other():
    return v2("192.0.2.33", "192.0.2.44", 3333, 4444)


class Handover(unittest.TestCase):
    def hand_over(self, method, *headers, library=fixture.SERVER_LIBRARY,
                  **settings):
        """What is told, and the clients, after the last one's handover."""
        program = fixture.Program(
            [fixture.probe("handover"), "serve", method, str(len(headers))],
            fixture.environment(library, **settings))
        self.addCleanup(program.stop)
        port = int(program.wait_line(r"^port (\d+)")[1])
        clients = []
        for header in headers:
            clients.append(fixture.connect(port, header + b"data"))
            self.addCleanup(clients[-1].close)
        program.wait()
        self.assertEqual(program.process.returncode, 0, program.output())
        told = [line for line in program.lines[1:] if line != "done"]
        return told, clients, port

    def check(self, method, expected, *headers, **settings):
        told, _, _ = self.hand_over(method, *headers, **settings)
        self.assertEqual(told, expected)

    def check_unknown(self, method, header, *more, **settings):
        """The kernel's answer stands."""
        told, clients, port = self.hand_over(method, header, **settings)
        here, there = clients[-1].getsockname()
        self.assertEqual(told, [f"peer {here} {there}",
                                f"name 127.0.0.1 {port}", *more])

    def test_every_way_to_execute(self):
        for method in EXECS:
            with self.subTest(method):
                self.check(method, CLIENT, v2())

    def test_posix_spawn(self):
        for method in ("posix_spawn", "posix_spawnp", "posix_spawn-plain"):
            with self.subTest(method):
                self.check(method, CLIENT, v1())

    def test_vfork(self):
        self.check("vfork", CLIENT, v2())

    def test_ipv6_client(self):
        """On an IPv4 socket, with room for the address."""
        self.check("execv", ["peer 2001:db8::1 1111", "name 2001:db8::2 2222"],
                   v2("2001:db8::1", "2001:db8::2"))

    def test_of_two_the_one_that_was_handed_over(self):
        self.check("execv", OTHER, v2(), other())

    def test_a_child_of_vfork_leaves_its_parent_alone(self):
        """Both have descriptor 0, and it is not the same connection."""
        self.check("vfork-beside", OTHER + CLIENT, v2(), other())

    def test_a_duplicate_that_was_not_seen_is_not_known(self):
        """The descriptor that was seen carries it for both."""
        self.check("raw-dup", CLIENT, v2())

    def test_threads(self):
        self.check("threads", OTHER * 3 * 20, v2(), other())

    def test_without_a_header(self):
        self.check_unknown("execv", b"")
        self.check_unknown("execv", v2_local())

    def test_switched_off(self):
        self.check_unknown("execv", b"", VERSION=0)

    def test_what_stays_costs_nothing(self):
        self.check("stays", ["filter of 0"] + CLIENT, v2())

    def test_the_programs_own_filter(self):
        """It stays, and nothing is there when it was detached."""
        if os.getuid() != 0:
            raise unittest.SkipTest("only root can attach a filter")
        self.check("own-filter", CLIENT + ["filter of 1"] + CLIENT, v2())
        # what does not fit elsewhere is not known then
        told, _, port = self.hand_over(
            "own-filter", v2("2001:db8::1", "2001:db8::2"))
        self.assertEqual(told, [
            "peer 2001:db8::1 1111", f"name 127.0.0.1 {port}", "filter of 1",
            "peer 2001:db8::1 1111", "name 2001:db8::2 2222"])

    def test_another_user(self):
        if os.getuid() != 0:
            raise unittest.SkipTest("only root can be another user")
        self.check("other-user", CLIENT, v2())
        told, _, _ = self.hand_over("other-user", v2("2001:db8::1", "::1"))
        self.assertEqual(told[0], "peer 2001:db8::1 1111")


if __name__ == "__main__":
    fixture.main()
