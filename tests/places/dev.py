# SPDX-License-Identifier: ISC
"""What ./dev, autogen.sh and make check say where something is missing.

Takes a machine with all that ./dev check and ./dev demo install.
"""
import os
import re
import shutil
import subprocess
import unittest

import fixture
from places import clone

NOBODY = 65534

PASSES = """
import unittest
import fixture

class Some(unittest.TestCase):
    def test_done(self):
        pass

    def test_left_out(self):
        self.skipTest("no moon tonight")

fixture.main()
"""
FAILS = """
import sys
print("three is not four")
sys.exit(1)
"""


class Tree(unittest.TestCase):
    """A fresh clone, with what ./autogen.sh has made for all of the tests."""

    @classmethod
    def setUpClass(cls):
        folder = fixture.folder(cls.addClassCleanup)
        cls.made = folder + "/libproxyproto"
        clone(cls.made, os.getuid())
        subprocess.run([cls.made + "/autogen.sh"], check=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def setUp(self):
        folder = fixture.folder(self.addCleanup)
        os.chmod(folder, 0o755)
        self.folder = folder
        self.tree = folder + "/libproxyproto"
        shutil.copytree(self.made, self.tree, symlinks=True)

    def without(self, *programs):
        """A PATH with all of this one's programs but these."""
        folder = self.folder + "/bin"
        os.makedirs(folder)
        for path in reversed(os.get_exec_path()):
            for name in os.listdir(path) if os.path.isdir(path) else ():
                if not re.fullmatch("|".join(programs), name):
                    link = f"{folder}/{name}"
                    if os.path.lexists(link):
                        os.unlink(link)
                    os.symlink(f"{path}/{name}", link)
        return folder

    def run_in_tree(self, *argv, path=None, user=None, **env):
        """(exit status, lines of stdout and stderr together)"""
        clean = {name: value for name, value in os.environ.items()
                 if not name.startswith(("PP_", "MAKE"))}
        if path:
            clean["PATH"] = path
        done = subprocess.run(
            argv, cwd=self.tree, env=clean | env, user=user, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, check=False)
        self.output = done.stdout
        return done.returncode, done.stdout.splitlines()

    def passes(self, *argv, **kwargs):
        status, lines = self.run_in_tree(*argv, **kwargs)
        self.assertEqual(status, 0, self.output)
        return lines


class Dev(Tree):
    def test_neither_root_nor_sudo(self):
        status, lines = self.run_in_tree(
            "./dev", "install", "no-such-package", path=self.without("sudo"),
            user=NOBODY if os.getuid() == 0 else None)
        self.assertEqual(status, 1, self.output)
        self.assertEqual(
            lines[-1],
            "apt-get install --no-install-recommends no-such-package")
        self.assertNotIn("apt-get -q update", self.output)

    def test_no_pkg_config(self):
        status, lines = self.run_in_tree(
            "./autogen.sh", path=self.without("pkg-?conf.*", ".*-pkg-config"))
        self.assertEqual((status, len(lines)), (1, 1), self.output)
        self.assertIn("apt-get install pkgconf", lines[0])

    def test_no_python3(self):
        path = self.without("python3?.*")
        self.passes("./configure", "-q", path=path)
        self.assertEqual(self.output.count("python3 is not installed"), 1)
        check = ("make", "-s", "-j2", "check", "check_PROGRAMS=",
                 "check_LTLIBRARIES=",
                 "TESTS=tests/preload/accept.py tests/preload/names.py")
        self.passes(*check, path=path)
        self.assertEqual(self.output.count("python3 is not installed"), 1)
        self.assertRegex(self.output, "# SKIP: +2\n")
        status, _ = self.run_in_tree(*check, path=path, PP_NO_SKIP="1")
        self.assertNotEqual(status, 0, self.output)

    def test_tree_that_was_configured_itself(self):
        self.passes("./configure", "-q")
        self.passes("make", "-s", "-j2")
        lines = self.passes("./dev", "demo")
        self.assertRegex(lines[0], "^== demo: .*; takes ")
        # and what was built there stays
        self.assertTrue(os.path.exists(
            self.tree + "/.libs/libproxyproto.so"))

    def check(self, **tests):
        """./dev check with tests of our own, and with unit tests that are
        skipped."""
        for name, text in tests.items():
            with open(f"{self.tree}/tests/preload/{name}.py", "w",
                      encoding="ascii") as file:
                file.write(text)
        names = [f"tests/preload/{name}.py" for name in tests]
        names.append("tests/unit/no-check")
        return self.run_in_tree(
            "./dev", "check", MAKEFLAGS="check_PROGRAMS= check_LTLIBRARIES= "
            "TESTS=" + "\\ ".join(names))

    def check_said(self, lines, of):
        self.assertRegex(lines[0], "^== check: .*; takes ")
        for number in range(1, of + 1):
            self.assertRegex(self.output, rf"(?m)^{number} of {of}: ")

    def test_check(self):
        left_out = "  preload/passes.py Some.test_left_out: no moon tonight"
        with self.subTest("one fails"):
            status, lines = self.check(passes=PASSES, fails=FAILS)
            self.assertEqual(status, 1, self.output)
            self.check_said(lines, 3)
            self.assertRegex(lines[-1],
                             "^dev: failed, .*tests/preload/fails.log$")
            self.assertLess(lines.index(left_out),
                            lines.index("three is not four"))
        with self.subTest("all pass"):
            status, lines = self.check(passes=PASSES)
            self.assertEqual(status, 0, self.output)
            self.check_said(lines, 2)
            self.assertRegex(lines[-3], "^== skipped.*: 2$")
            self.assertEqual(lines[-2], left_out)
            self.assertRegex(lines[-1], "^  tests/unit/unit: ")


if __name__ == "__main__":
    fixture.main()
