# SPDX-License-Identifier: ISC
"""Programs that close descriptors they know nothing of: the waiting room's;
and listeners that the library learns of late, or loses.

tests/preload/closing.c and registered.c do it; without the library, those are not there.
"""
import unittest

import fixture

NEVER = 3600
BEHIND = fixture.probe(".libs/behind.so")


class Closing(unittest.TestCase):
    def check(self, *words, library=fixture.SERVER_LIBRARY, timeout=NEVER,
              probe="closing"):
        with fixture.Program([fixture.probe(probe), *words],
                             fixture.environment(library,
                                                 TIMEOUT=timeout)) as program:
            status = program.wait()
            if status == 77:
                self.skipTest(f"the C library has no {words[-1]}")
            self.assertEqual((status, program.output()), (0, "ok"))

    def check_each(self, case, *ways):
        for how in ways:
            with self.subTest(how=how):
                self.check(case, how)

    def test_numbers_are_the_program_s(self):
        """Those who wait are spared where the library can see to it."""
        self.check_each("files", "loop", "close_range", "closefrom", "raw")

    def test_fork(self):
        self.check_each("fork", "close_range", "raw")

    def test_bare_clone(self):
        """A child that the library was not told of."""
        self.check("clone", "raw")

    def test_vfork(self):
        """In the child they are closed as it says, and there alone."""
        self.check("vfork")

    def test_number_of_the_room_is_an_epoll(self):
        self.check("epoll")

    def test_number_of_who_waits_is_a_connection(self):
        self.check("connection", timeout=1)

    def test_number_that_is_taken(self):
        """dup2 to a number of one's choice; it may be closed then."""
        self.check("take")

    def test_poll_and_select(self):
        self.check_each("wait", "close_range", "closefrom", "raw")

    def test_accept(self):
        self.check_each("accept", "loop", "close_range", "raw")

    def test_accept_in_threads(self):
        self.check_each("gate", "close_range", "raw")

    def test_gate_closed_during_accept(self):
        self.check("arm", library=f"{fixture.SERVER_LIBRARY} {BEHIND}")


class Polling(unittest.TestCase):
    check = Closing.check

    def test_that_begins_during_accept(self):
        self.check("poller", library=f"{fixture.SERVER_LIBRARY} {BEHIND}")


class Inherited(unittest.TestCase):
    check = Closing.check

    def test_registered_with_several_epolls(self):
        """Each is woken, whatever the order, and though one let it go."""
        self.check("inherited", probe="registered")


class Listener(unittest.TestCase):
    """A listener that is closed leaves the program's epoll, room and all."""
    check = Closing.check

    def test_close_range(self):
        self.check("close_range", probe="registered")

    def test_closefrom(self):
        self.check("closefrom", probe="registered")


if __name__ == "__main__":
    fixture.main()
