# SPDX-License-Identifier: ISC
"""Tests of the preloaded library, of programs that are supervised instead.

What an application sees is to be the same. Left out is what is about the
library itself, its system calls and its descriptors in the process, and what
accept does where a supervisor does not know how a program waits: a connection
that it cannot hand over is a reset one then, see accept_ways.py.
"""
import importlib
import os
import sys
import unittest

os.environ["PP_HOW"] = "supervise"
import fixture  # pylint: disable=wrong-import-position

sys.path.insert(0, os.path.join(os.environ.get("PP_SRCDIR", "."),
                                "tests", "preload"))

# For each module what it tests that does not apply, by the ends of names.
LEFT_OUT = {
    "accept": (
        "test_flags_where_the_header_is_late",
        "test_no_descriptor_left_and_somebody_waits",
        "test_original_leaks_a_descriptor_on_every_failed_accept",
        "test_receive_timeout_that_is_very_long"),
    "addresses": (),
    "names": (),
    "ports": ("SystemCalls", "test_files_are_read_at_the_first_listen"),
    "trust": ("SystemCalls",),
}

# Of stalled.py some shapes, as all of them take minutes.
SHAPES = ("blocking", "threads", "processes", "epoll_edge", "epoll_oneshot",
          "poll", "select")


def tests_of(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from tests_of(test)
        else:
            yield test


def load_tests(loader, _tests, _pattern):
    suite = unittest.TestSuite()
    for name, left_out in LEFT_OUT.items():
        module = importlib.import_module(name)
        for test in tests_of(loader.loadTestsFromModule(module)):
            words = test.id().split(".")
            if not set(words) & set(left_out):
                suite.addTest(test)
    stalled = importlib.import_module("stalled")
    for shape in SHAPES:
        for mode in "must_use", "optional":
            suite.addTest(stalled.Stalled(
                f"test_good_beside_stalled_{shape}_{mode}"))
    return suite


if __name__ == "__main__":
    fixture.main()
