# SPDX-License-Identifier: ISC
"""The settings file where the library looks for it by itself."""
import os
import re
import shutil
import subprocess

import fixture
from fixture import manual, v1
from fixture.settings_file import VALID_TIMEOUT, FileCase

NOBODY = "65534:65534"


class Root(FileCase):
    """
    The file where the library looks for it by itself, in a root directory of
    the test's own. There is nothing in it but the programs and what they load.
    """

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("needs root for chroot")
        self.root = os.path.join(self.directory, "root")
        self.default = manual.settings_file(fixture.SERVER_LIBRARY)
        self.path = self.inside(self.default)
        os.makedirs(os.path.dirname(self.path))
        os.chmod(self.directory, 0o755)
        for program in "calls", "linked_calls":
            self.install(fixture.probe(program), fixture.SERVER_LIBRARY)

    def inside(self, path):
        return self.root + path

    def install(self, *paths):
        """Copies files, and the libraries they need, to where they are."""
        needed = subprocess.check_output(["ldd", *paths], text=True)
        for path in set(re.findall(r"(/\S+) \(0x", needed)) | set(paths):
            os.makedirs(os.path.dirname(self.inside(path)), exist_ok=True)
            shutil.copy(path, self.inside(path))

    def run_inside(self, program, *chroot, library=fixture.SERVER_LIBRARY,
                   **settings):
        return self.start(library, ["chroot", *chroot, self.root, program],
                          **settings)

    def calls(self, *chroot, **settings):
        return self.run_inside(fixture.probe("calls"), *chroot, **settings)

    def test_default_path(self):
        self.write("trusted = 10.0.0.1\n")
        self.assertEqual(self.outcome(self.calls(), v1()), "handed over")

    def test_no_file(self):
        calls = self.calls()
        fd = calls.bound()
        self.assertEqual(calls.do("listen", fd, 1).outcome, (0, "KEPT"))
        self.assertEqual(self.outcome(calls, v1()), "believed")

    def test_no_directory(self):
        directory = os.path.dirname(self.path)
        os.rmdir(directory)
        self.write("", directory)
        self.assertEqual(self.outcome(self.calls(), v1()), "believed")

    def test_bad_file(self):
        self.write("timeout = abc")
        self.assert_refused(
            self.calls(), f'{self.default}:1: timeout = "abc" is not valid: '
            f"it takes {VALID_TIMEOUT}")

    def jailed(self, text):
        """The program with this file, in a root directory below its own."""
        self.write(text)
        os.mkdir(self.inside("/jail"))
        calls = self.calls()
        self.assertEqual(calls.do("chroot", "/jail").outcome, (0, "KEPT"))
        return calls

    def test_chroot_before_the_first_listen(self):
        self.assertEqual(
            self.outcome(self.jailed("trusted = 10.0.0.1"), v1()),
            "handed over")

    def test_chroot_and_a_bad_file(self):
        calls = self.jailed("timeout = abc")
        self.assertNotIn("libproxyproto", calls.output())
        self.assert_refused(
            calls, f'{self.default}:1: timeout = "abc" is not valid: it takes '
            f"{VALID_TIMEOUT}")

    def test_another_path_instead(self):
        self.write("version = 0")
        self.write("version = 3", self.inside("/other.conf"))
        calls = self.calls(CONFIG="/other.conf")
        self.assertEqual(self.outcome(calls, v1()), "believed")

    def test_naming_the_default_path(self):
        """What is named must be there."""
        self.assert_refused(
            self.calls(CONFIG=self.default),
            f"{self.default}: cannot be opened: No such file or directory")

    def test_unreadable(self):
        self.write("version = 0")
        os.chmod(self.path, 0o600)
        self.assert_refused(
            self.calls("--userspec=" + NOBODY),
            f"{self.default}: cannot be opened: Permission denied")

    def secure(self, name, text, **settings):
        """A set-user-ID program that nobody starts by this name."""
        if os.statvfs(self.root).f_flag & os.ST_NOSUID:
            self.skipTest(f"{self.root} is mounted nosuid")
        self.write(text)
        program = self.inside("/real-name")
        shutil.copy(fixture.probe("linked_calls"), program)
        os.chmod(program, 0o4755)
        if name != "real-name":
            os.symlink("/real-name", self.inside("/" + name))
        return self.run_inside("/" + name, "--userspec=" + NOBODY,
                               library=None, **settings)

    def test_secure_takes_the_default_path(self):
        self.write("nonsense", self.inside("/bad.conf"))
        calls = self.secure("real-name", "trusted = 10.0.0.1",
                            CONFIG="/bad.conf", TRUSTED="127.0.0.1")
        self.assertEqual(self.outcome(calls, v1()), "handed over")

    def test_not_secure_takes_the_environment(self):
        """The same, but not set-user-ID: or the test above shows nothing."""
        self.write("trusted = 10.0.0.1")
        calls = self.run_inside(fixture.probe("linked_calls"), library=None,
                                TRUSTED="127.0.0.1")
        self.assertEqual(self.outcome(calls, v1()), "believed")

    def test_secure_program_is_not_what_its_caller_calls_it(self):
        # /proc as it would be
        os.makedirs(self.inside("/proc/self"))
        os.symlink("/real-name", self.inside("/proc/self/exe"))
        text = ("trusted = 10.0.0.1\n[real-name]\ntrusted = 127.0.0.2\n"
                "[liar]\ntrusted = everyone\n")
        calls = self.secure("liar", text)
        listener = calls.listener(nonblocking=True)
        self.assertEqual(self.outcome(calls, v1(), listener), "handed over")
        with fixture.connect(listener.port, v1(), source="127.0.0.2"):
            self.assertEqual(calls.accept(listener.fd).address,
                             ("192.0.2.1", 1111))

    def test_secure_program_without_a_name(self):
        calls = self.secure("liar", "trusted = 10.0.0.1\n"
                            "[liar]\ntrusted = everyone\n")
        self.assertEqual(self.outcome(calls, v1()), "handed over")


if __name__ == "__main__":
    fixture.main()
