# SPDX-License-Identifier: ISC
"""What proxyproto run finds out about programs, and what it says of each.

--debug tells by which means a program is run, and why.
"""
import functools
import json
import os
import shutil
import struct
import subprocess
import unittest

import fixture
from fixture import allowed
from fixture.command import PROXYPROTO, command

MAIN = "int main(void) { return 0; }\n"
GO = "package main\nfunc main() {}\n"
CGO = ('package main\n// #include <stdlib.h>\nimport "C"\n'
       "func main() { C.abs(1) }\n")
# As one that listens and then takes what io_uring has accepted.
URING = ("int listen(int, int), io_uring_setup_of_it(void);\n"
         "int main(int argc, char **argv) {\n"
         "\treturn argc == 0 ? listen(0, 0) + io_uring_setup_of_it() : 0; }\n")
# As one that executes its workers while it is another effective user.
PRIVILEGED = ("int seteuid(), capset(), execv(), abs();\n"
              "int main(int argc, char **argv) {\n"
              "\treturn argc == 0 ? seteuid(0) + capset(0) + execv(0) : 0; }\n")


# What a reason begins with, and what proxyproto check calls it.
NAMES = {
    " is dynamically linked": "dynamic", " is statically linked": "static",
    " is a Go program": "go", " is a Free Pascal program": "raw-calls",
    " accepts through liburing": "raw-calls",
    " is linked with liburing": "io-uring",
    " keeps capabilities": "privileged",
    " is linked with another C library": "other-libc",
    " is of another machine": "other-machine", " is set-": "secure",
    " is a shell": "starter", " starts another program": "starter",
    " is neither ELF nor": "starter",
}


@functools.cache
def may_supervise():
    """Not everywhere is that possible."""
    return command("run", "--how=supervise", "true").returncode == 0


class ProgramCase(unittest.TestCase):
    def setUp(self):
        self.folder = fixture.folder(self.addCleanup)
        os.chmod(self.folder, 0o755)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text, mode=0o755):
        with open(self.path(name), "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def build(self, *argv, source=MAIN, name="source.c", libraries=()):
        """The path of a program that argv makes of a source."""
        self.write(name, source)
        done = subprocess.run([*argv, "-o", self.path("program"), name,
                               *libraries], cwd=self.folder, text=True,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        return self.path("program")

    def check(self, means, reason, program, path=None):
        """What is said of a program; it may not be there to be started."""
        env = fixture.environment()
        if path:
            env["PATH"] = path
        first, *_ = command("run", "--debug", program,
                            env=env).stderr.split("\n")
        self.assertRegex(first, rf"^proxyproto: run: {means}: [^ ]*"
                         rf"{os.path.basename(program)}(?=[ :]).* ?{reason}")
        self.check_told(means, first, program, env)

    def check_told(self, means, line, program, env):
        """proxyproto check says the same, with a name."""
        name = next(name for text, name in NAMES.items() if text in line)
        done = command("check", "--json", "--trusted=127.0.0.1", program,
                       env=env)
        (told,) = json.loads(done.stdout)["checked"]
        ((found, text),) = [tuple(reason.values())
                            for reason in told["reasons"]]
        self.assertEqual(found, name)
        self.assertIn(text.removeprefix("it "), line)
        self.assertEqual(told["by"], {"preloaded": "preload",
                                      "supervised": "supervise"}[means])
        slips = [slip["name"] for slip in told["slips"]]
        if means == "supervised" and not may_supervise():
            self.assertEqual((done.returncode, slips),
                             (1, ["cannot-supervise"]))
        else:
            self.assertEqual((done.returncode, slips), (0, []))


class Elf(ProgramCase):
    def test_dynamic(self):
        fixture.need("cc")
        self.check("preloaded", r"is dynamically linked \(/.*ld.*\)$",
                   self.build("cc"))

    def test_static(self):
        fixture.need("cc")
        self.check("supervised", "is statically linked: there is no loader",
                   self.build("cc", "-static"))

    def test_static_position_independent(self):
        fixture.need("cc")
        self.check("supervised", r"is statically linked \(PIE\): ",
                   self.build("cc", "-static-pie"))

    def test_other_c_library(self):
        fixture.need("musl-gcc")
        self.check("supervised", "is linked with another C library "
                   r"\(/lib/ld-musl-.*\) than libproxyproto.so",
                   self.build("musl-gcc"))

    def test_go(self):
        fixture.need("go")
        cache = {"HOME": self.folder, "GOFLAGS": "-mod=mod"}
        os.environ.update(cache)
        for flags in "", "-s -w":
            self.check("supervised", "is a Go program: it makes its system ",
                       self.build("go", "build", "-ldflags", flags,
                                  source=GO, name="program.go"))
            self.check("supervised", "is a Go program linked with libc: ",
                       self.build("go", "build", "-ldflags", flags,
                                  source=CGO, name="program.go"))

    def test_go_without_sections(self):
        """Its note is there still."""
        fixture.need("go")
        os.environ["HOME"] = self.folder
        program = self.build("go", "build", source=CGO, name="program.go")
        with open(program, "r+b") as file:
            file.seek(0x28)     # e_shoff, then e_shnum and e_shstrndx
            file.write(bytes(8))
            file.seek(0x3c)
            file.write(bytes(4))
        self.check("supervised", "is a Go program linked with libc: ", program)

    def test_free_pascal(self):
        fixture.need("fpc")
        source = self.write("server.pas", "program server;\n"
                            "uses cthreads, sysutils;\n"
                            "begin\nend.\n")
        subprocess.run(["fpc", "-v0", source], cwd=self.folder, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.check("supervised", "is a Free Pascal program: it makes its",
                   self.path("server"))

    def test_liburing(self):
        fixture.need("cc")
        with open(self.path("uring.c"), "w", encoding="ascii") as file:
            file.write("int io_uring_setup_of_it(void) { return 0; }\n")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", "liburing.so.2",
                        "-Wl,-soname,liburing.so.2", "uring.c"],
                       cwd=self.folder, check=True)
        link = "-L.", "-l:liburing.so.2", "-Wl,-rpath," + self.folder
        self.check("supervised", r"accepts through liburing \(io_uring\)",
                   self.build("cc", source=URING, libraries=link))
        self.check("supervised", "is linked with liburing: what it accepts",
                   self.build("cc", source=URING.replace("listen", "accept4"),
                              libraries=link))
        self.check("preloaded", "is dynamically linked",
                   self.build("cc", source=URING.replace("listen", "dup2"),
                              libraries=link))

    def test_keeps_capabilities(self):
        """As Squid does, whose workers the loader preloads nothing into."""
        fixture.need("cc")
        self.check("supervised" if os.geteuid() == 0 else "preloaded",
                   "keeps capabilities as another effective user, and exec"
                   if os.geteuid() == 0 else "is dynamically linked",
                   self.build("cc", source=PRIVILEGED))
        for missing in "seteuid", "capset", "execv":
            self.check("preloaded", "is dynamically linked",
                       self.build("cc", source=PRIVILEGED.replace(
                           missing, "abs")))

    def test_another_machine(self):
        """The header of one tells."""
        with open("/proc/self/exe", "rb") as file:
            head = bytearray(file.read(4096))
        head[18:20] = b"\x03\0"     # EM_386
        head[4] = 1                 # 32 bits
        with open(self.path("other"), "wb") as file:
            file.write(head)
        os.chmod(self.path("other"), 0o755)
        self.check("supervised", r"is of another machine \(i386, 32 bits\)",
                   self.path("other"))

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_set_user_id(self):
        fixture.need("cc")
        program = self.build("cc")
        os.chown(program, 65534, 0)
        os.chmod(program, 0o4755)
        self.check("supervised", "is set-user-ID: its loader ignores",
                   program)
        os.chown(program, 0, 65534)
        os.chmod(program, 0o2755)
        self.check("supervised", "is set-group-ID: its loader ignores",
                   program)
        os.chown(program, 0, 0)
        os.chmod(program, 0o6755)
        self.check("preloaded", "is dynamically linked", program)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_file_capabilities(self):
        """They are nothing new to root, and much to others."""
        fixture.need("cc")
        allowed.need_another_user(PROXYPROTO)
        program = self.build("cc")
        bind_service = struct.pack("=5I", 0x02000001, 1 << 10, 0, 0, 0)
        try:
            os.setxattr(program, "security.capability", bind_service)
        except OSError as error:
            self.skipTest(f"no file capabilities: {error}")
        self.check("preloaded", "is dynamically linked", program)
        done = command("check", "--json", program, user=allowed.NOBODY,
                       group=allowed.NOBODY, extra_groups=[])
        (told,) = json.loads(done.stdout)["checked"]
        ((name, text),) = [tuple(reason.values())
                           for reason in told["reasons"]]
        self.assertEqual(
            (name, text, told["by"]),
            ("secure", "it has file capabilities: its loader ignores "
             "LD_PRELOAD", "supervise"))

    def test_damaged(self):
        """Nothing is read beyond the end of a file."""
        with open("/proc/self/exe", "rb") as file:
            whole = file.read(4096)
        for size in 4, 5, 17, 20, 63, 64, 100, 4096:
            with open(self.path("short"), "wb") as file:
                file.write(whole[:size])
            os.chmod(self.path("short"), 0o755)
            done = command("run", "--debug", self.path("short"))
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("proxyproto: run: ", done.stderr)


class Scripts(ProgramCase):
    def interpreter(self, name):
        """A folder whose program of that name is a dynamic one."""
        folder = self.path("bin")
        os.makedirs(folder, exist_ok=True)
        shutil.copy(shutil.which("true"), os.path.join(folder, name))
        return os.path.join(folder, name)

    def test_shell(self):
        for line in "#!/bin/sh", "#! /bin/bash -e", "#!/usr/bin/env bash":
            self.check("supervised", r"is a shell script \(.*\), which may",
                       self.write("script", line + "\necho started\n"))
        self.check("supervised", "is neither ELF nor has it a #! line",
                   self.write("script", "echo started\n"))

    def test_other(self):
        """Its interpreter is what counts."""
        path = self.interpreter("snake")
        self.check("preloaded", f"its interpreter {path} is dynamically",
                   self.write("script", f"#!{path} -u\n"))
        for line in "snake", "-S snake -u", "-S A=1 snake", "-Ssnake":
            self.check("preloaded", f"its interpreter {path} is dynamically",
                       self.write("script", f"#!/usr/bin/env {line}\n"),
                       path=os.path.dirname(path))

    def test_of_a_script(self):
        path = self.interpreter("snake")
        first = self.write("first", f"#!{path}\n")
        self.check("preloaded", f"its interpreter {path} is dynamically",
                   self.write("second", f"#!{first}\n"))
        shell = self.write("shell", "#!/bin/sh\n")
        self.check("supervised", f"its interpreter {shell} is a shell script",
                   self.write("second", f"#!{shell}\n"))

    def test_not_known(self):
        for line, told in (("#!/nonexistent/snake", "whose interpreter"),
                           ("#!/usr/bin/env", "names no program behind env"),
                           (f"#!{self.path('script')}", "a script of a scri")):
            done = command("run", self.write("script", line + "\n"))
            self.assertEqual(done.returncode, 125)
            self.assertRegex(done.stderr, told + ".*: --how=preload or "
                             "--how=supervise says what to do\n$")


class Commands(ProgramCase):
    def test_shell(self):
        self.check("supervised", "is a shell, which may start anything", "sh")

    def test_starter(self):
        self.check("supervised", "starts another program, whatever", "env")

    def test_is_found_as_by_execvp(self):
        """Folders, and what may not be executed, are passed over."""
        for name in "a", "b", "c":
            os.mkdir(self.path(name))
        os.mkdir(self.path("a/tool"))
        self.write("b/tool", "no")
        os.chmod(self.path("b/tool"), 0o644)
        shutil.copy(shutil.which("true"), self.path("c/tool"))
        path = ":".join(map(self.path, "abc"))
        self.check("preloaded", "is dynamically linked", "tool", path)
        done = command("run", "tool",
                       env=fixture.environment() | {"PATH": self.path("b")})
        self.assertEqual(done.returncode, 126)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_that_cannot_be_read(self):
        """By which means is not guessed."""
        fixture.need("setpriv")
        path = self.path("tool")
        shutil.copy(shutil.which("true"), path)
        os.chmod(path, 0o711)
        done = command("run", path, preexec_fn=lambda: os.setuid(65534))
        self.assertEqual(done.returncode, 125)
        self.assertIn(f"{path} cannot be read (Permission denied), so it is "
                      "not known", done.stderr)


if __name__ == "__main__":
    fixture.main()
