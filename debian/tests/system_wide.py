# SPDX-License-Identifier: ISC
"""
The installed library in /etc/ld.so.preload, as README.Debian says. Started by
the script system-wide, in the namespace and with the directory it describes.
"""
import os
import shutil
import subprocess
import unittest

import fixture
from netcat import conversation

TEMPORARY = os.environ["PP_TEMPORARY"]
ROOT = os.path.join(TEMPORARY, "root")
PRELOAD = os.path.join(TEMPORARY, "etc", "ld.so.preload")
RIGHT = "/usr/$LIB/libproxyproto.so"
MAPPED = "/libproxyproto.so.0."
HEADER = fixture.v1()
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def preload(line):
    """Makes it the content of /etc/ld.so.preload of ROOT."""
    with open(PRELOAD, "w", encoding="ascii") as file:
        file.write(line + "\n")


def run(*command):
    """The result of a program of ROOT; the chroot command is outside."""
    return subprocess.run(
        ["chroot", ROOT, *command], capture_output=True, text=True,
        env=fixture.environment(), timeout=fixture.PATIENCE,
        stdin=subprocess.DEVNULL)


def setuid(name):
    """The path of a copy of a program that runs as root, whoever starts it."""
    path = os.path.join(TEMPORARY, name)
    shutil.copyfile(shutil.which(name), path)
    os.chown(path, 0, 0)
    os.chmod(path, 0o4755)
    return path


class SystemWide(unittest.TestCase):
    def setUp(self):
        preload(RIGHT)

    def check_nc(self, command, lines, **settings):
        self.assertEqual(
            conversation(["chroot", ROOT, *command],
                         fixture.environment(**settings),
                         HEADER + b"hello\n"), lines)

    def check_as_without(self, *command):
        """It does, and says, what it does without the library."""
        preload("")
        expected = run(*command)
        self.assertEqual(expected.returncode, 0, expected.stderr)
        self.assertNotEqual(expected.stdout, "")
        preload(RIGHT)
        result = run(*command)
        self.assertEqual(
            (result.returncode, result.stdout, result.stderr),
            (0, expected.stdout, expected.stderr))

    def test_is_in_every_program(self):
        result = run("cat", "/proc/self/maps")
        self.assertIn(MAPPED, result.stdout)
        self.assertEqual(result.stderr, "")

    def test_ls(self):
        self.check_as_without("ls", "/usr")

    def test_bash(self):
        self.check_as_without(
            "bash", "-c", "echo $(ls /usr | wc -l) && (echo sub | cat)")

    def test_python3(self):
        self.check_as_without(
            "python3", "-c", "import socket, ssl; a, b = socket.socketpair(); "
            "a.send(b'x'); print(b.recv(9), repr(b.getpeername()))")

    def test_apt(self):
        self.check_as_without("apt", "list", "libproxyproto0")

    def test_getent(self):
        self.check_as_without("getent", "passwd", "root")
        self.check_as_without("getent", "ahosts", "127.0.0.1")

    def test_nc_names_the_client(self):
        self.check_nc(["nc"], ["Connection received on 192.0.2.1 1111",
                               "hello"])

    def test_version_0_turns_it_off(self):
        received, *rest = conversation(
            ["chroot", ROOT, "nc"], fixture.environment(VERSION=0),
            HEADER + b"hello\n")
        self.assertRegex(received, r"^Connection received on 127\.0\.0\.1 ")
        self.assertEqual(rest, [HEADER.decode().strip(), "hello"])

    def test_setuid_program_runs(self):
        path = setuid("id")
        result = run(*NOBODY, path)
        self.assertIn("euid=0", result.stdout)
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_setuid_program_has_it_too(self):
        result = run(*NOBODY, setuid("cat"), "/proc/self/maps")
        self.assertIn(MAPPED, result.stdout)
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_setuid_program_ignores_the_environment(self):
        path = setuid("nc")
        for version in "0", "9":
            with self.subTest(LIBPROXYPROTO_VERSION=version):
                self.check_nc([*NOBODY, path],
                              ["Connection received on 192.0.2.1 1111",
                               "hello"], VERSION=version)

    def test_bare_name_is_left_out_of_setuid_programs(self):
        preload("libproxyproto.so")
        self.assertIn(MAPPED, run("cat", "/proc/self/maps").stdout)
        result = run(*NOBODY, setuid("cat"), "/proc/self/maps")
        self.assertEqual(result.returncode, 0)
        self.assertIn("/libc.so.", result.stdout)
        self.assertNotIn(MAPPED, result.stdout)
        self.assertIn("cannot be preloaded", result.stderr)

    def test_programs_start_without_the_package(self):
        preload("/usr/$LIB/libproxyproto-that-is-not-there.so")
        result = run("echo", "here")
        self.assertEqual((result.returncode, result.stdout), (0, "here\n"))
        self.assertIn("cannot be preloaded", result.stderr)


if __name__ == "__main__":
    fixture.main()
