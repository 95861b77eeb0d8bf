# SPDX-License-Identifier: ISC
"""Libraries that a program opens with RTLD_DEEPBIND, as PHP does."""
import os
import shutil
import socket
import subprocess
import unittest

import fixture
from fixture import CLIENT_LIBRARY, SERVER_LIBRARY, UDP_LIBRARY, v1, v2

EXTENSION = fixture.probe(".libs/extension.so")
# By qemu, where it is built for another machine; see ./dev cross.
OPENER = [*os.environ.get("PP_EMULATOR", "").split(), fixture.probe("opener")]
LIBC = [f"{name} of libc.so.6" for name in ("accept", "connect", "recvfrom")]


def run(*argv, library=None, **more):
    """What opener (argv) says, and how it ends."""
    done = subprocess.run(
        [*OPENER, *argv], env={**fixture.environment(library), **more},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=fixture.PATIENCE, check=False)
    return done.returncode, done.stdout.splitlines()


class Reached(unittest.TestCase):
    """What the extension calls goes through our libraries."""

    def owned(self, lines, **libraries):
        """Which library has which function; all others are of libc."""
        for line, name in zip(lines, ("accept", "connect", "recvfrom"),
                              strict=True):
            self.assertRegex(line, rf"^{name} of "
                             rf"{libraries.get(name, 'libc.so')}\b")

    def test_without_a_library(self):
        self.assertEqual(run("tell", EXTENSION), (0, LIBC))

    def test_accept(self):
        program = fixture.Program([*OPENER, "accept", EXTENSION],
                                  env=fixture.environment(SERVER_LIBRARY))
        self.addCleanup(program.stop)
        port = int(program.wait_line(r"^port (\d+)$")[1])
        with fixture.connect(port, v1()) as client:
            self.assertEqual(fixture.read_all(client), b"192.0.2.1 1111")

    def test_connect(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(fixture.PATIENCE)
            port = server.getsockname()[1]
            self.assertEqual(run("connect", EXTENSION, str(port),
                                 library=CLIENT_LIBRARY), (0, []))
            connection = server.accept()[0]
            with connection:
                self.assertEqual(fixture.read_all(connection), v2(
                    "127.0.0.1", "127.0.0.1", 8080, port) + b"data")

    def test_by_each_library_alone_and_all_together(self):
        every = " ".join((SERVER_LIBRARY, CLIENT_LIBRARY, UDP_LIBRARY))
        for library, owners in (
                (SERVER_LIBRARY, {"accept": "libproxyproto.so"}),
                (CLIENT_LIBRARY, {"connect": "libproxyproto_connect.so",
                                  "recvfrom": "libproxyproto_connect.so"}),
                (UDP_LIBRARY, {"accept": "libproxyproto_udp.so",
                               "connect": "libproxyproto_udp.so",
                               "recvfrom": "libproxyproto_udp.so"}),
                (every, {"accept": "libproxyproto.so",
                         "connect": "libproxyproto_connect.so",
                         "recvfrom": "libproxyproto_connect.so"})):
            for command in "tell", "handler":
                with self.subTest(command=command, library=library):
                    status, lines = run(command, EXTENSION, library=library)
                    self.assertEqual(status, 0, lines)
                    self.owned(lines, **owners)

    def test_from_another_constructor(self):
        """Before ours has run, or after."""
        folder = fixture.folder(self.addCleanup)
        early = shutil.copy(EXTENSION, os.path.join(folder, "early.so"))
        for libraries in (SERVER_LIBRARY, early), (early, SERVER_LIBRARY):
            status, lines = run("tell", EXTENSION, EXTENSION_OPENS=EXTENSION,
                                library=" ".join(libraries))
            self.assertEqual((status, len(lines)), (0, 6), lines)
            self.owned(lines[:3], accept="libproxyproto.so")
            self.owned(lines[3:], accept="libproxyproto.so")


class Caller(unittest.TestCase):
    """dlopen sees who calls it, past the hook."""

    def setUp(self):
        self.folder = fixture.folder(self.addCleanup)
        for name in ("a", "b"):
            os.mkdir(os.path.join(self.folder, name))
            for file in ("opening.so", "beside.so"):
                shutil.copy(EXTENSION, self.path(name, file))

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def test_where_it_looks(self):
        """In the folder of the library that calls: its RUNPATH and $ORIGIN."""
        for library in (None, SERVER_LIBRARY, CLIENT_LIBRARY, UDP_LIBRARY,
                        f"{SERVER_LIBRARY} {CLIENT_LIBRARY} {UDP_LIBRARY}"):
            for name in "a", "b":
                for path in "beside.so", "$ORIGIN/beside.so":
                    self.assertEqual(
                        run("open", self.path(name, "opening.so"), path,
                            library=library),
                        (0, [self.path(name, "beside.so")]))

    def test_flags_and_errors(self):
        """All else is as without the library."""
        path = self.path("a", "opening.so")
        without = run("flags", path)
        self.assertEqual(without[0], 0)
        text = "\n".join(without[1])
        self.assertIn("NOLOAD: ", text)
        self.assertIn("no file: /nowhere/nothing.so: cannot open", text)
        self.assertIn("another namespace: 1, the same: 1", text)
        for library in SERVER_LIBRARY, CLIENT_LIBRARY, UDP_LIBRARY:
            self.assertEqual(run("flags", path, library=library), without)


if __name__ == "__main__":
    fixture.main()
