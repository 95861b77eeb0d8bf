# SPDX-License-Identifier: ISC
"""The settings file: what is in it, and what a bad one does."""
import os
import re
import sys

import fixture
from fixture import v1, v2
from fixture.settings_file import VALID_TIMEOUT, FileCase


class Precedence(FileCase):
    """Environment, section, top of the file, default."""

    def check(self, text, expected, sent=v1(), **settings):
        with self.subTest(text, **settings):
            self.assertEqual(
                self.outcome(self.begin(text, **settings), sent), expected)

    def test_default(self):
        self.check("", "believed")
        self.check("# nothing\n\n", "believed")
        self.check("[other]\nversion = 0\n", "believed")

    def test_top(self):
        self.check("version = 0", "handed over")
        self.check("version = 2", "handed over")
        self.check("version = 2", "believed", v2())
        self.check("must_use_protocol_header = on", "dropped", b"hello")
        self.check("trusted = 127.0.0.2", "handed over")
        self.check("trusted = 10.0.0.0/8, 127.0.0.1", "believed")
        self.check("ports = 1", "handed over")
        self.check("ports = 1-65535", "believed")

    def test_section_beats_top(self):
        self.check("version = 0\n[calls]\nversion = 3\n", "believed")
        self.check("trusted = 127.0.0.1\n[calls]\ntrusted = 10.0.0.1\n",
                   "handed over")
        self.check("trusted = 10.0.0.1\n[calls]\ntrusted = everyone\n",
                   "believed")
        self.check("ports = 1\n[calls]\nports = all\n", "believed")

    def test_later_section_beats_earlier(self):
        self.check("[calls]\nversion = 0\n[c*]\nversion = 3\n", "believed")
        self.check("[c*]\nversion = 3\n[calls]\nversion = 0\n",
                   "handed over")

    def test_environment_beats_section(self):
        text = "version = 0\n[calls]\nversion = 0\ntrusted = 10.0.0.1\n"
        self.check(text, "believed", VERSION=3, TRUSTED="127.0.0.1")
        self.check(text, "handed over", VERSION=3)
        self.check("[calls]\nversion = 3", "handed over", VERSION=0)

    def test_each_name_on_its_own(self):
        self.check("version = 2\n[calls]\nmust_use_protocol_header = 1\n",
                   "dropped", v1())
        self.check("version = 2\n[calls]\nmust_use_protocol_header = 1\n",
                   "believed", v2())

    def test_timeout(self):
        calls = self.begin("timeout = 3600\n[calls]\ntimeout = 0.05\n")
        listener = calls.listener()
        client = self.client(listener)
        self.assertEqual(calls.accept(listener.fd).address,
                         client.getsockname())

    def test_debug(self):
        calls = self.begin("debug = yes")
        self.assertEqual(self.outcome(calls, v1()), "believed")
        calls.wait_line("^libproxyproto: accept: fd .*: v1 PROXY header")

    def test_spelling(self):
        self.check("\r\n Must_Use_Protocol_Header=YES # why\r\n", "dropped",
                   b"hello")
        self.check("[ other  c?lls, third ] # three\n\tversion\t=\t0\n",
                   "handed over")
        self.check("\ufeffversion = 0\n", "handed over")
        self.check("\ufeff# all\r\nversion = 0\r\n", "handed over")
        self.check("trusted=" + " ,".join(f"10.0.{i // 256}.{i % 256}"
                                          for i in range(1000))
                   + ", 127.0.0.0/8", "believed")


class Sections(FileCase):
    """What a program is called."""

    TEXT = "version = 0\n[sshd my-daemon]\nversion = 3\n"

    def check(self, argv, expected):
        calls = self.begin(self.TEXT, argv=argv)
        self.assertEqual(self.outcome(calls, v1()), expected)

    def test_link(self):
        link = os.path.join(self.directory, "sshd")
        os.symlink(fixture.probe("calls"), link)
        self.check([link], "believed")
        self.check([fixture.probe("calls")], "handed over")

    def test_script(self):
        script = os.path.join(self.directory, "my-daemon")
        # a link, as the line must be short and have no blanks
        interpreter = os.path.join(self.directory, "x")
        os.symlink(fixture.probe("calls"), interpreter)
        self.write(f"#!{interpreter}\n", script)
        os.chmod(script, 0o755)
        self.check([script], "believed")

    def test_other_argument_0(self):
        code = "import os, sys; os.execv(sys.argv[1], ['sshd'])"
        self.check([sys.executable, "-c", code, fixture.probe("calls")],
                   "handed over")

    def test_descriptor(self):
        """There is no name but the argument that the program goes by."""
        code = ("import os, sys; os.execve(os.open(sys.argv[1], 0), "
                "['/x/sshd'], os.environ)")
        self.check([sys.executable, "-c", code, fixture.probe("calls")],
                   "believed")


class Documents(FileCase):
    """What they show as a settings file is one."""

    def setUp(self):
        super().setUp()
        self.text = self.document("doc/libproxyproto.conf.example")

    @staticmethod
    def document(name):
        with open(f"{os.environ['PP_SRCDIR']}/{name}",
                  encoding="utf-8") as file:
            return file.read()

    def check_valid(self, text):
        """It is one, in which the program that comes first has a proxy."""
        name = re.search(r"\[([\w-]+)", text).group(1)
        link = os.path.join(self.directory, name)
        if not os.path.exists(link):
            os.symlink(fixture.probe("calls"), link)
        calls = self.begin(text, argv=[link])
        self.assertEqual(self.outcome(calls, v1()), "handed over")
        calls = self.begin(text.replace("192.0.2.10", "127.0.0.1"),
                           argv=[link], PORTS="all")
        self.assertEqual(self.outcome(calls, v1()), "believed")

    def test_readme(self):
        block = re.search(r"^# SETTINGS FILE$(?:\n(?! ).*)+\n((?: .*\n|\n)+)",
                          self.document("README"), re.M).group(1)
        self.check_valid(block)

    def test_manual_page(self):
        blocks = re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed",
                            self.document("man/libproxyproto.conf.5.in"),
                            re.M | re.S)
        blocks = [block for block in blocks if "trusted" in block]
        self.assertEqual(len(blocks), 7)
        for block in blocks:
            self.check_valid(block)

    def test_as_it_is(self):
        self.assertEqual(self.outcome(self.begin(self.text), v1()),
                         "believed")

    def test_all_of_it(self):
        text = re.sub(r"^#(?=\w|\[)", "", self.text, flags=re.M)
        self.assertEqual(self.outcome(self.begin(text), v1()), "handed over")
        text = text.replace("my-daemon", "calls")
        self.assertEqual(self.outcome(self.begin(text), v2()), "believed")


class Errors(FileCase):
    def check(self, text, message):
        with self.subTest(text):
            calls = self.begin(text)
            self.assert_refused(calls, self.path + message)

    def test_lines(self):
        self.check("timeout = abc\n",
                   f':1: timeout = "abc" is not valid: it takes '
                   f"{VALID_TIMEOUT}")
        self.check("\n# x\n[other]\nports = 22 http 80",
                   ':4: ports with "http" is not valid: it takes ports from 1 '
                   "to 65535 and ranges, as 22 or 8000-8099, or all")
        self.check("trustd = 10.0.0.1",
                   ':1: "trustd" is not a setting: there are debug, '
                   "must_use_protocol_header, version, trusted, ports, "
                   "timeout, destination, ipv6_on_ipv4, udp_clients")
        self.check("[calls\n", ':1: "[calls" is not valid: it takes [program]')
        self.check(b"version = 3\n\0", ":2: has a NUL byte: it takes text")

    def test_sections(self):
        for name in ("/usr/sbin/calls", ".", "calls]", "[calls", "[s-c]alls",
                     "calls\\", "call\1s", "c" * 256):
            self.check(f"[{name}]\nversion = 3\n",
                       f':1: "{name[:80]}" is not valid: a section takes '
                       "names of programs, without a directory, or shell "
                       "patterns".replace("\1", "?"))

    def test_environment_first(self):
        calls = self.begin("timeout = abc", TIMEOUT="def")
        self.assert_refused(calls, 'LIBPROXYPROTO_TIMEOUT="def" is not valid: '
                            f"it takes {VALID_TIMEOUT}")

    def test_version_0_in_the_environment(self):
        calls = self.begin("timeout = abc", VERSION=0)
        self.assert_refused(calls, f'{self.path}:1: timeout = "abc" is not '
                            f"valid: it takes {VALID_TIMEOUT}")

    def test_largest(self):
        mebibyte = 1 << 20
        calls = self.begin("#" * (mebibyte - 12) + "\nversion = 0")
        self.assertEqual(self.outcome(calls, v1()), "handed over")
        self.check("#" * (mebibyte + 1), ": cannot be read: File too large: "
                   "it takes a regular file of up to 1048576 bytes")

    def assert_no_file(self, path, message):
        self.assert_refused(self.start(CONFIG=path), f"{path}: {message}")

    def test_not_a_regular_file(self):
        message = ("cannot be read: Invalid argument: it takes a regular file "
                   "of up to 1048576 bytes")
        fifo = os.path.join(self.directory, "fifo")
        os.mkfifo(fifo)
        for path in self.directory, fifo, "/dev/null", "/dev/zero":
            with self.subTest(path):
                self.assert_no_file(path, message)

    def test_not_there(self):
        self.assert_no_file(self.path,
                            "cannot be opened: No such file or directory")
        self.assert_no_file("/dev/null/x", "cannot be opened: Not a directory")

    def test_link(self):
        self.write("version = 0")
        link = os.path.join(self.directory, "link")
        os.symlink(self.path, link)
        calls = self.start(CONFIG=link)
        self.assertEqual(self.outcome(calls, v1()), "handed over")


if __name__ == "__main__":
    fixture.main()
