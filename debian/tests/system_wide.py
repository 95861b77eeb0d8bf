# SPDX-License-Identifier: ISC
"""
The installed library in /etc/ld.so.preload, as README.Debian says. Started by
the script system-wide, in the namespace and with the directory it describes.
"""
import os
import re
import shutil
import subprocess
import unittest

import fixture
from netcat import conversation

README = os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "README.Debian")
TEMPORARY = os.environ["PP_TEMPORARY"]
ROOT = os.path.join(TEMPORARY, "root")
PRELOAD = os.path.join(TEMPORARY, "etc", "ld.so.preload")
SETTINGS = os.path.join(TEMPORARY, "etc", "libproxyproto.conf")
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


def copy(name, to=None, mode=0o755):
    """The path of a copy of a program."""
    path = os.path.join(TEMPORARY, to or name)
    shutil.copyfile(shutil.which(name), path)
    os.chown(path, 0, 0)
    os.chmod(path, mode)
    return path


def setuid(name, to=None):
    """The same for one that runs as root, whoever starts it."""
    return copy(name, to, 0o4755)


def steps():
    """What README.Debian says to write for every program, in its order."""
    with open(README, encoding="utf-8") as file:
        text = file.read().split("\nEvery program\n")[1]
    return [re.sub("^    ", "", block.strip("\n") + "\n", flags=re.M)
            for block in text.split("\n\n")
            if all(line.startswith("    ") for line in block.splitlines())]


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


class AsReadmeSays(unittest.TestCase):
    """One step after the other; the load balancer is 127.0.0.1."""

    def setUp(self):
        settings, self.trial, check, self.line = steps()
        # what the command finds of it is tested where the command is
        self.assertTrue(check.startswith("proxyproto check "))
        self.trial = self.trial.replace("9090", str(fixture.free_port()))
        preload("")
        self.write(settings.replace("192.0.2.10", "127.0.0.1"))
        self.addCleanup(os.unlink, SETTINGS)
        preload(self.line.rstrip("\n"))

    def write(self, settings):
        with open(SETTINGS, "w", encoding="ascii") as file:
            file.write(settings)

    def conversation(self, command, **settings):
        return conversation(["chroot", ROOT, *command],
                            fixture.environment(**settings),
                            HEADER + b"hello\n")

    def check_off(self, command, **settings):
        received, *rest = self.conversation(command, **settings)
        self.assertRegex(received, r"^Connection received on 127\.0\.0\.1 ")
        self.assertEqual(rest, [HEADER.decode().strip(), "hello"])

    def check_on(self, command, **settings):
        self.assertEqual(self.conversation(command, **settings),
                         ["Connection received on 192.0.2.1 1111", "hello"])

    def test_line(self):
        self.assertEqual(self.line, RIGHT + "\n")

    def test_trial(self):
        """It tells of a mistake, and of nothing else."""
        preload("")
        self.assertEqual(run("sh", "-c", self.trial).stderr, "")
        self.write("trusted = 192.0.2.300\n")
        self.assertIn(os.path.basename(SETTINGS) + ":1: ",
                      run("sh", "-c", self.trial).stderr)

    def test_off(self):
        self.check_off(["nc"])

    def test_on_where_it_is_named(self):
        self.check_on([copy("nc", "sshd")])

    def test_setuid_programs_have_the_file_too(self):
        self.check_off([*NOBODY, setuid("nc")], VERSION=3)
        self.check_on([*NOBODY, setuid("nc", "smtpd")], VERSION=0)


if __name__ == "__main__":
    fixture.main()
