# SPDX-License-Identifier: ISC
"""What programs call that are built with _FORTIFY_SOURCE ends them where their
memory is too short, as without the libraries."""
import ctypes
import signal
import subprocess
import sys
import unittest

import fixture

LIBRARIES = (fixture.SERVER_LIBRARY, fixture.CLIENT_LIBRARY,
             fixture.UDP_LIBRARY)
# The arguments of a call that says how many bytes its memory has: one too few.
CALLS = {"__poll_chk": "fds, 1, 0, 7",
         "__ppoll_chk": "fds, 1, at_once, None, 7",
         "__ppoll64_chk": "fds, 1, at_once, None, 7",
         "__read_chk": "-1, fds, 8, 7",
         "__recv_chk": "-1, fds, 8, 7, 0",
         "__recvfrom_chk": "-1, fds, 8, 7, 0, None, None"}
# musl has none of them, glibc one of ppoll's for 32-bit programs alone.
CALLS = {name: arguments for name, arguments in CALLS.items()
         if hasattr(ctypes.CDLL(None), name)}
SOURCE = """
import ctypes, resource
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
fds, at_once = map(ctypes.create_string_buffer, (8, 16))
ctypes.CDLL(None).{name}({arguments})
"""


def call(name, arguments, library=None):
    """How a program ends that makes it, and what it says."""
    done = subprocess.run(
        [sys.executable, "-c", SOURCE.format(name=name, arguments=arguments)],
        env=fixture.environment(library), capture_output=True, text=True,
        timeout=fixture.PATIENCE, check=False)
    return done.returncode, done.stderr


class Overflow(unittest.TestCase):
    def check(self, status, of=lambda arguments: arguments):
        for name, arguments in CALLS.items():
            bare = call(name, of(arguments))
            self.assertEqual(bare[0], status, bare)
            for library in LIBRARIES:
                with self.subTest(name=name, library=library):
                    self.assertEqual(call(name, of(arguments), library), bare)

    def test_it_ends_the_program(self):
        self.check(-signal.SIGABRT)

    def test_with_memory_enough_it_goes_on(self):
        self.check(0, lambda arguments: arguments.replace("7", "8"))


fixture.main()
