# SPDX-License-Identifier: ISC
"""bash and zsh complete what the command has: subcommands, options, values."""
import os
import pty
import re
import select
import subprocess
import time
import unittest

import fixture
from fixture.command import PROXYPROTO, command

SOURCE = os.environ.get("PP_SRCDIR")
BASH = (SOURCE + "/src/command/completion/proxyproto" if SOURCE
        else "/usr/share/bash-completion/completions/proxyproto")
ZSH = (SOURCE + "/src/command/completion" if SOURCE
       else "/usr/share/zsh/vendor-completions")
HELPERS = "/usr/share/bash-completion/bash_completion"

# As readline does it: the words of a line, and the last one is completed.
COMPLETE = r"""
. "$1"
. "$2"
shift 2
COMP_WORDS=() COMP_LINE=$*
for word; do
	[[ ${#COMP_WORDS[@]} = 0 ]] || first=yes
	while [[ $word =~ ^([^=:]*)([=:]+)(.*)$ ]]; do
		[[ -z ${BASH_REMATCH[1]} ]] || COMP_WORDS+=("${BASH_REMATCH[1]}")
		COMP_WORDS+=("${BASH_REMATCH[2]}")
		word=${BASH_REMATCH[3]}
		rest=yes
	done
	[[ -n ${rest-} && -z $word ]] || COMP_WORDS+=("$word")
	rest=
done
COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_POINT=${#COMP_LINE}
_proxyproto "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" ""
printf '%s\n' "${COMPREPLY[@]}"
"""

# Options that take one of a few words.
FEW = {"--command", "--destination", "--how", "--ipv6-on-ipv4", "--version"}


def subcommands():
    found = re.findall("^  proxyproto ([a-z]+)", command("--help").stdout,
                       re.M)
    assert len(found) > 3
    return found


def options(name):
    """{"--how": "=MEANS", ...} of a subcommand, as it tells of them."""
    return dict(re.findall(r"^  (?:-.,|   ) (--[\w-]+)(\S*)",
                           command(name, "--help").stdout, re.M))


class Bash(unittest.TestCase):
    def setUp(self):
        fixture.need("bash")
        if not os.path.exists(HELPERS):
            self.skipTest("bash-completion is not installed")

    def complete(self, *words):
        """What is offered for the last of the words behind proxyproto."""
        done = subprocess.run(
            ["bash", "-c", COMPLETE, "bash", HELPERS, BASH, PROXYPROTO,
             *words], env=fixture.environment(), capture_output=True,
            text=True, check=False, timeout=fixture.PATIENCE)
        self.assertEqual(done.stderr, "")
        return set(done.stdout.split())

    def test_subcommands(self):
        self.assertEqual(self.complete(""),
                         {*subcommands(), "--help", "--version"})
        self.assertEqual(self.complete("he"), {"header"})

    def test_options(self):
        for name in subcommands():
            with self.subTest(name):
                self.assertEqual(self.complete(name, "-"), {
                    option + ("=" if value.startswith("=") else "")
                    for option, value in options(name).items()})

    def test_values(self):
        """The command takes each of those that are offered."""
        for name in "run", "connect", "check":
            for option in FEW & set(options(name)):
                offered = self.complete(name, option + "=")
                self.assertGreater(len(offered), 1)
                for value in offered:
                    with self.subTest(f"{name} {option}={value}"):
                        done = command(name, f"{option}={value}", "--help")
                        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.complete("run", "--how=s"), {"supervise"})

    def test_command_and_its_arguments(self):
        folder = fixture.folder(self.addCleanup)
        with open(folder + "/thefile", "w", encoding="ascii"):
            pass
        self.assertIn("cat", self.complete("run", "ca"))
        for before in ((), ("--must-use",), ("--how=preload", "--"),
                       ("--ports", "80"), ("--trusted=2001:db8::1",)):
            with self.subTest(before):
                self.assertEqual(self.complete("run", *before, "cat",
                                               folder + "/the"),
                                 {folder + "/thefile"})

    def test_file(self):
        folder = fixture.folder(self.addCleanup)
        with open(folder + "/capture", "w", encoding="ascii"):
            pass
        self.assertEqual(self.complete("decode", folder + "/c"),
                         {folder + "/capture"})


class Zsh(unittest.TestCase):
    """A shell on a terminal; ^D in a line lists what may come there."""

    def setUp(self):
        fixture.need("zsh")
        self.folder = fixture.folder(self.addCleanup)
        # a name without a folder, as it is typed
        os.symlink(PROXYPROTO, self.folder + "/proxyproto")
        pid, self.terminal = pty.fork()
        if pid == 0:
            os.environ.update(
                TERM="dumb", LC_ALL="C", HOME=self.folder,
                PATH=f"{self.folder}:{os.environ['PATH']}")
            os.execvp("zsh", ["zsh", "-f", "-i"])
        self.addCleanup(self.end, pid)
        self.type(f"fpath=({ZSH} $fpath); autoload -U compinit; bindkey -e; "
                  "stty cols 200 rows 1000; LISTMAX=1000; compinit -u -D; "
                  "PS1='RE''ADY>'\n")
        self.read_until("READY>")

    def end(self, pid):
        os.close(self.terminal)
        os.kill(pid, 9)
        os.waitpid(pid, 0)

    def type(self, text):
        os.write(self.terminal, text.encode())

    def read_until(self, text):
        got = ""
        deadline = time.monotonic() + fixture.PATIENCE
        while text not in got:
            if not select.select([self.terminal], [], [],
                                 max(0, deadline - time.monotonic()))[0]:
                raise AssertionError(f"no {text!r} in {got!r}")
            got += os.read(self.terminal, 65536).decode(errors="replace")
        return got

    def listed(self, line):
        """What is listed for the end of a line."""
        self.type(line + "\x04")
        text = self.read_until("READY>" + line)
        self.type("\x15\n")
        self.read_until("READY>")
        return text

    def test_subcommands(self):
        text = self.listed("proxyproto ")
        for name in subcommands():
            self.assertRegex(text, rf"\b{name} +-- ")

    def test_options(self):
        for name in subcommands():
            with self.subTest(name):
                text = self.listed(f"proxyproto {name} --")
                self.assertEqual(
                    set(re.findall(r"^(--[\w-]+)", text, re.M)),
                    set(options(name)))

    def test_values(self):
        self.assertRegex(self.listed("proxyproto run --how="),
                         r"auto +preload +supervise")

    def test_command_and_its_arguments(self):
        with open(self.folder + "/thefile", "w", encoding="ascii"):
            pass
        for before in "", "--must-use ", "-- ":
            self.type(f"proxyproto run {before}cat {self.folder}/the\t")
            self.read_until("/thefile")
            self.type("\x15\n")
            self.read_until("READY>")


if __name__ == "__main__":
    fixture.main()
