# SPDX-License-Identifier: ISC
"""poll and select as servers seldom call them: as without the library."""
import subprocess
import unittest

import fixture


class Readiness(unittest.TestCase):
    """tests/preload/readiness.c, with the library and without."""

    def answers(self, case, library):
        done = subprocess.run(
            [fixture.probe("readiness"), case], capture_output=True,
            text=True, timeout=fixture.PATIENCE,
            env=fixture.environment(library, TIMEOUT=600))
        if done.returncode == 77:
            self.skipTest("the limit of descriptors is too low")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def check(self, case, *words):
        """The same answers, with these among them."""
        expected = self.answers(case, None)
        for word in words:
            self.assertIn(word, expected)
        self.assertEqual(self.answers(case, fixture.SERVER_LIBRARY), expected)

    def test_sets_with_more_than_is_asked_about(self):
        """A room takes a larger size; what is between is not asked about."""
        self.check("select-above", "select = 0", "readable:\n")
        self.check("pselect-above", "select = 0", "readable:\n")

    def test_a_room_whose_descriptor_is_gone(self):
        """The time is over all the same."""
        self.check("poll-robbed", "poll = 0")

    def test_more_than_may_be_open(self):
        """There is no place for a room beside what the program gives."""
        self.check("poll-limit", "poll = 0", "poll = -1 EINVAL")

    def test_bad_addresses(self):
        """The kernel says so, and nobody ends of it."""
        self.check("poll-fault", "ppoll = -1 EFAULT")
        self.check("poll-fault-threads", "ppoll = -1 EFAULT")
        self.check("select-fault", "pselect = -1 EFAULT")

    def test_what_select_asks(self):
        """Hang-ups, errors and urgent data, in each of the sets."""
        self.check("select-kinds", "select = 1", "select = 2",
                   "exceptional:\nleft: nothing", "select = 0")

    def test_select_that_is_wrong(self):
        self.check("select-wrong", "select = -1 EINVAL", "select = -1 EBADF")

    def test_what_is_left_of_the_time(self):
        self.check("select-times", "left: nothing", "left: some",
                   "left: 0 0")

    def test_sets_of_any_size(self):
        self.check("select-large", "select = 1", "listener 0, other 1\n")


if __name__ == "__main__":
    fixture.main()
