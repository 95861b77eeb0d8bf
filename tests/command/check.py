# SPDX-License-Identifier: ISC
"""proxyproto check: each reason and each slip, by its name."""
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import unittest

import fixture
from fixture import allowed
from fixture.calls import Calls
from fixture.command import PROXYPROTO, command, need_supervisor

SAFE = {"TRUSTED": "127.0.0.1"}

# Answers "ready" and its port, and then does as it is told.
SERVER = """
import socket, sys
listener = socket.create_server(("127.0.0.1", 0))
exec(sys.argv[1])
print("ready", listener.getsockname()[1], flush=True)
sys.stdin.read()
"""

# As a daemon does that writes its title over what it began with.
OVERWRITE = """
with open("/proc/self/stat") as file:
    start, end = map(int, file.read().rsplit(")", 1)[1].split()[47:49])
with open("/proc/self/mem", "r+b", buffering=0) as file:
    file.seek(start)
    file.write(bytes(end - start))
"""

# All calls are allowed, but perhaps one, which fails with EPERM.
FILTER = """
import ctypes, struct
libc = ctypes.CDLL(None, use_errno=True)
steps = struct.pack("=HBBIHBBIHBBIHBBI", 0x20, 0, 0, 0, 0x15, 0, 1, {number},
                    0x06, 0, 0, 0x00050001, 0x06, 0, 0, 0x7fff0000)
steps = ctypes.create_string_buffer(steps, len(steps))
program = struct.pack("@HP", 4, ctypes.addressof(steps))
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.create_string_buffer(program), 0, 0) == 0
"""

# What no system call has.
NO_CALL = 0xFFFFFF

RING = """
import ctypes
ring = ctypes.CDLL(None, use_errno=True).syscall(
    425, 2, ctypes.create_string_buffer(120))
print("ring" if ring >= 0 else "none", flush=True)
"""


def checked(*arguments, **kwargs):
    """The status, and what was told of the only one, as JSON."""
    done = command("check", "--json", *arguments, **kwargs)
    # the loader's own, where the command has such an LD_PRELOAD itself
    assert all(line.startswith("ERROR: ld.so: ")
               for line in done.stderr.splitlines()), done.stderr
    told = json.loads(done.stdout)
    assert told["status"] == done.returncode, (told, done.returncode)
    (only,) = told["checked"]
    assert only["status"] == done.returncode, told
    return done.returncode, only


def names(told, what="slips"):
    return [each["name"] for each in told[what]]


class Case(unittest.TestCase):
    def program(self, library=fixture.SERVER_LIBRARY, listens=True, argv=None,
                **settings):
        calls = Calls(library, argv, **settings)
        self.addCleanup(calls.stop)
        # once it answers, it has loaded all that it will
        calls.socket(socket.AF_UNIX)
        if listens:
            self.listener = calls.listener()
        return calls

    def python(self, does="pass", library=fixture.SERVER_LIBRARY, **settings):
        program = fixture.Program(
            [sys.executable, "-c", SERVER, does],
            fixture.environment(library, **(settings or SAFE)),
            stdin=subprocess.PIPE)
        self.addCleanup(program.stop)
        return program

    def check(self, program, status, *slips):
        """What is told of a process: that status, these slips and no other."""
        got, told = checked("-p", str(program.process.pid))
        self.assertEqual((got, sorted(names(told))), (status, sorted(slips)),
                         told["slips"])
        self.assertEqual(told["served"], status != 1)
        for slip in told["slips"]:
            self.assertRegex(slip["text"], r"\A[^\n]+\Z")
            self.assertRegex(slip["advice"], r"\A[A-Z][^\n]+\.\Z")
        return told

    def folder(self):
        return fixture.folder(self.addCleanup)

    def write(self, text):
        path = os.path.join(self.folder(), "settings.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.utime(path, (0, 0))
        return path

    def slip(self, told, name):
        (found,) = (each["text"] for each in told["slips"]
                    if each["name"] == name)
        return found


class Served(Case):
    def test_served_and_safe(self):
        calls = self.program(**SAFE)
        told = self.check(calls, 0)
        self.assertEqual(told["name"], "calls")
        self.assertEqual(told["pid"], calls.pid)
        self.assertEqual(told["by"], "preload")
        self.assertEqual(told["program"], os.path.realpath(
            fixture.probe("calls")))
        self.assertEqual([library["path"] for library in told["libraries"]],
                         [os.path.realpath(fixture.SERVER_LIBRARY)])
        self.assertEqual(told["listeners"], [
            {"protocol": "tcp", "address": f"127.0.0.1:{self.listener.port}",
             "port": self.listener.port, "in_ports": True}])
        self.assertTrue(told["takes_notes"])
        self.assertIsNone(told["supervisor"])
        self.assertFalse(told["trusts_everyone"])

    def test_does_not_listen_yet(self):
        told = self.check(self.program(listens=False, **SAFE), 0)
        self.assertEqual(told["listeners"], [])

    def test_settings_and_where_they_come_from(self):
        path = self.write("timeout = 9\ndebug = on\n[call?]\nports = all\n")
        calls = self.program(CONFIG=path, DEBUG="0", **SAFE)
        told = self.check(calls, 0)
        settings = {setting["name"]: (setting["value"], setting["from"],
                                      setting["section"])
                    for setting in told["settings"]}
        self.assertEqual(settings["TIMEOUT"], ("9", "file", None))
        self.assertEqual(settings["DEBUG"], ("0", "environment", None))
        self.assertEqual(settings["PORTS"], ("all", "file", "call?"))
        self.assertEqual(settings["VERSION"], ("3", "default", None))
        self.assertEqual(told["settings_file"], path)
        self.assertTrue(told["settings_file_there"])

    def test_long_value_is_told_whole(self):
        many = ",".join(f"192.0.2.{i}" for i in range(100))
        told = self.check(self.program(TRUSTED=many), 0)
        self.assertIn(many, [setting["value"] for setting in told["settings"]])

    def test_name_of_a_link(self):
        """It is told as it is, whatever bytes it has, and however long."""
        for name, shown in (
                (b"a server with a long name", "a server with a long name"),
                (b'se"r\\v\xc3\xa9\xffr\n', 'se"r\\v\u00e9\ufffdr\n')):
            path = os.path.join(os.fsencode(self.folder()), name)
            os.symlink(os.path.realpath(fixture.probe("calls")), path)
            told = self.check(self.program(argv=[path], **SAFE), 0)
            self.assertEqual(told["name"], shown)

    def test_port(self):
        calls = self.program(**SAFE)
        status, told = checked("-l", str(self.listener.port))
        self.assertEqual((status, told["pid"]), (0, calls.pid))

    def test_port_of_two_processes(self):
        """The worst counts."""
        server = self.python(f"""
import os
if os.fork() == 0:
    os.environ["LD_PRELOAD"] = {fixture.SERVER_LIBRARY!r}
    os.environ["LIBPROXYPROTO_TRUSTED"] = "127.0.0.1"
    os.set_inheritable(listener.fileno(), True)
    os.execv(sys.executable, [sys.executable, "-c",
             "print('child', flush=True); import sys; sys.stdin.read()"])
""", library=None)
        port = server.wait_line(r"ready (\d+)")[1]
        server.wait_line("child")
        done = command("check", "--json", "-l", port)
        told = json.loads(done.stdout)
        self.assertEqual(done.returncode, 1)
        self.assertEqual([each["status"] for each in told["checked"]], [1, 0])

    def test_for_people(self):
        calls = self.program()
        done = command("check", "-p", str(calls.pid))
        self.assertEqual((done.returncode, done.stderr), (2, ""))
        self.assertRegex(done.stdout, rf"\Acalls \(PID {calls.pid}\): served, "
                         "by the preloaded library\n")
        self.assertIn("\ntrusts-everyone: everyone can claim to be anybody",
                      done.stdout)
        self.assertRegex(done.stdout, "(?m)^  trusted +everyone can claim")
        self.assertNotIn("\033", done.stdout)

    def test_what_a_terminal_would_obey(self):
        """Whose process it is chooses many of the texts."""
        path = os.path.join(os.fsencode(self.folder()), b"a\x1b[2J\xc2\x9bb")
        os.symlink(os.path.realpath(fixture.probe("calls")), path)
        calls = self.program(argv=[path], listens=False,
                             CONFIG="/none\x1b]0;x\x07")
        done = command("check", "-p", str(calls.pid))
        self.assertIn("a?[2J?b (PID", done.stdout)
        self.assertIn("/none?]0;x?", done.stdout)
        told = command("check", "--json", "-p", str(calls.pid)).stdout
        self.assertEqual(json.loads(told)["checked"][0]["name"],
                         "a\x1b[2J\x9bb")
        self.assertNotRegex(done.stdout + told, "[\0-\x09\x0b-\x1f\x7f-\x9f]")

    def on_terminal(self, **variables):
        fixture.need("script")
        calls = self.program(**SAFE)
        env = fixture.environment() | {"TERM": "xterm"} | variables
        done = subprocess.run(
            ["script", "-qec", f"{PROXYPROTO} check -p {calls.pid}",
             "/dev/null"], env=env, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0)
        return done.stdout

    def test_colours_on_a_terminal(self):
        self.assertIn("\033[1;32mcalls", self.on_terminal())

    def test_no_colours_where_they_are_not_wanted(self):
        self.assertNotIn("\033", self.on_terminal(NO_COLOR="1"))
        self.assertNotIn("\033", self.on_terminal(TERM="dumb"))


class Supervised(Case):
    """proxyproto run --how=supervise serves it from outside."""

    def supervised(self, *options, **settings):
        program = fixture.Program(
            [PROXYPROTO, "run", "--how=supervise", *options, sys.executable,
             "-c", SERVER, "pass"], fixture.environment(**settings),
            stdin=subprocess.PIPE)
        self.addCleanup(program.stop)
        return program.wait_line(r"ready (\d+)")[1]

    def test_served_and_safe(self):
        status, told = checked(
            "-l", self.supervised("--trusted=127.0.0.1", "--timeout=7"))
        self.assertEqual((status, names(told), told["by"]),
                         (0, [], "supervise"))
        self.assertEqual(told["libraries"], [])
        with open(f"/proc/{told['supervisor']}/comm", encoding="ascii") as name:
            self.assertEqual(name.read(), "proxyproto\n")
        self.assertNotIn("seccomp", names(told, "reasons"))
        self.assertIn({"name": "TIMEOUT", "value": "7", "from": "environment",
                       "section": None}, told["settings"])

    def test_settings_that_the_process_has_lost(self):
        """The supervisor's count."""
        port = self.supervised("env", "-i", TRUSTED="127.0.0.1")
        status, told = checked("-l", port)
        self.assertEqual((status, names(told)), (0, []))

    def test_settings_of_both(self):
        """The process's own count."""
        port = self.supervised("env", "LIBPROXYPROTO_TIMEOUT=5", TIMEOUT="7",
                               TRUSTED="127.0.0.1")
        _, told = checked("-l", port)
        self.assertIn({"name": "TIMEOUT", "value": "5", "from": "environment",
                       "section": None}, told["settings"])

    @unittest.skipUnless(os.geteuid() == 0, "only root can be somebody else")
    def test_settings_of_a_process_with_privileges(self):
        """The supervisor's alone count."""
        port = self.supervised(
            sys.executable, "-c", "import os, sys\n"
            "os.environ['LIBPROXYPROTO_TIMEOUT'] = '5'\n"
            f"os.setresgid(0, {allowed.NOBODY}, 0)\n"
            "os.execv(sys.argv[1], sys.argv[1:])",
            TIMEOUT="7", TRUSTED="127.0.0.1")
        _, told = checked("-l", port)
        self.assertIn("secure", names(told, "reasons"))
        self.assertIn({"name": "TIMEOUT", "value": "7", "from": "environment",
                       "section": None}, told["settings"])

    def test_trusts_everyone(self):
        status, told = checked("-l", self.supervised())
        self.assertEqual((status, names(told)), (2, ["trusts-everyone"]))


# Binds a UDP socket, and, where it is told to, a listener of TCP to its port;
# another one asks somebody, as of a resolver.
DATAGRAMS = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server, \\
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client, \\
        socket.socket() as other:
    server.bind(("127.0.0.1", int(sys.argv[2])))
    client.connect(server.getsockname())
    if sys.argv[1] == "both":
        other.bind(server.getsockname())
        other.listen()
    if sys.argv[1] == "other":
        other.bind(("127.0.0.1", 0))
        other.listen()
    print("ready", server.getsockname()[1], flush=True)
    sys.stdin.read()
"""

BOTH_LIBRARIES = f"{fixture.UDP_LIBRARY}:{fixture.SERVER_LIBRARY}"


class Datagrams(Case):
    def datagrams(self, library, status, *slips, does="alone", **settings):
        """What is told of a server of datagrams."""
        program = fixture.Program(
            [sys.executable, "-c", DATAGRAMS, does, str(fixture.free_port())],
            fixture.environment(library, **(settings or SAFE)),
            stdin=subprocess.PIPE)
        self.addCleanup(program.stop)
        self.port = int(program.wait_line(r"ready (\d+)")[1])
        return self.check(program, status, *slips)

    def test_served_and_safe(self):
        for library in BOTH_LIBRARIES, fixture.UDP_LIBRARY:
            told = self.datagrams(library, 0)
            self.assertEqual(told["by"], "preload")
            self.assertEqual(told["listeners"], [
                {"protocol": "udp", "address": f"127.0.0.1:{self.port}",
                 "port": self.port, "in_ports": True}])
            self.assertIn([os.path.realpath(fixture.UDP_LIBRARY), True], [
                [library["path"], library["for_datagrams"]]
                for library in told["libraries"]])

    def test_port(self):
        """Of UDP, too; and for people."""
        self.datagrams(BOTH_LIBRARIES, 0)
        done = command("check", "-l", str(self.port))
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout,
                         rf"(?m)^  listens +127.0.0.1:{self.port}, UDP$")
        self.assertRegex(done.stdout, "(?m)^  library .*, for datagrams$")
        self.assertRegex(done.stdout, "(?m)^  trusted +127.0.0.1$")

    def test_trusts_everyone(self):
        self.datagrams(BOTH_LIBRARIES, 2, "trusts-everyone", VERSION=3)

    def test_not_loaded(self):
        told = self.datagrams(None, 1, "not-loaded")
        self.assertEqual(len(told["listeners"]), 1)

    def test_datagrams_not_served(self):
        for does in "alone", "both":
            told = self.datagrams(fixture.SERVER_LIBRARY, 2,
                                  "datagrams-not-served", does=does)
            self.assertIn(f"127.0.0.1:{self.port} (UDP)",
                          self.slip(told, "datagrams-not-served"))
        self.datagrams(BOTH_LIBRARIES, 2, "datagrams-not-served", VERSION=1,
                       **SAFE)

    def test_a_socket_that_may_be_a_client_s(self):
        """Beside a listener of another port."""
        self.datagrams(fixture.SERVER_LIBRARY, 0, does="other")

    def test_connections_not_served(self):
        for library, version in ((fixture.UDP_LIBRARY, 3),
                                 (BOTH_LIBRARIES, "spp")):
            told = self.datagrams(library, 2, "connections-not-served",
                                  does="both", VERSION=version, **SAFE)
            self.assertRegex(self.slip(told, "connections-not-served"),
                             f"127.0.0.1:{self.port}$")
        self.datagrams(BOTH_LIBRARIES, 0, does="both")
        self.datagrams(BOTH_LIBRARIES, 0, VERSION="spp", **SAFE)

    def test_ports_not_covered(self):
        told = self.datagrams(BOTH_LIBRARIES, 1, "ports-not-covered", PORTS=1,
                              **SAFE)
        self.assertFalse(told["listeners"][0]["in_ports"])

    def test_two_copies(self):
        path = os.path.join(self.folder(), "libproxyproto_udp.so")
        shutil.copy(os.path.realpath(fixture.UDP_LIBRARY), path)
        self.datagrams(f"{BOTH_LIBRARIES}:{path}", 2, "two-copies")

    def test_preload_not_found(self):
        told = self.datagrams(
            "/nonexistent/libproxyproto_udp.so:" + fixture.SERVER_LIBRARY, 2,
            "datagrams-not-served", "preload-not-found")
        self.assertIn("No such file", self.slip(told, "preload-not-found"))


class Settings(Case):
    def test_trusts_everyone(self):
        told = self.check(self.program(), 2, "trusts-everyone")
        self.assertIn("everyone can claim to be anybody",
                      self.slip(told, "trusts-everyone"))
        self.assertTrue(told["trusts_everyone"])

    def test_must_use_without_trusted(self):
        self.check(self.program(MUST_USE_PROTOCOL_HEADER=1), 2,
                   "trusts-everyone", "must-use-without-trusted")

    def test_unknown_setting(self):
        told = self.check(self.program(listens=False, TRUSTD="127.0.0.1"), 1,
                          "unknown-setting")
        self.assertIn("the nearest one is LIBPROXYPROTO_TRUSTED",
                      self.slip(told, "unknown-setting"))
        self.assertIsNone(told["settings"])
        self.assertIsNone(told["trusts_everyone"])

    def test_each_bad_value(self):
        told = self.check(self.program(listens=False, PORTS="x", TIMEOUT="y",
                                       TRUSTED="10.0.0.1/8"),
                          1, "bad-value", "bad-value", "bad-value")
        for value in '"x"', '"y"', '"10.0.0.1/8"':
            self.assertIn(value, " ".join(slip["text"]
                                          for slip in told["slips"]))

    def test_settings_of_the_other_library(self):
        self.check(self.program(ADDR="192.0.2.1", **SAFE), 0)

    def test_bad_file(self):
        path = self.write("trusted = 127.0.0.1\nnonsense\n")
        told = self.check(self.program(listens=False, CONFIG=path), 1,
                          "bad-file")
        self.assertIn(f"{path}:2: ", self.slip(told, "bad-file"))

    def test_file_that_is_not_there(self):
        self.check(self.program(listens=False, CONFIG="/nonexistent"), 1,
                   "bad-file")

    def test_file_that_does_not_end(self):
        """Nor does what a program's own root directory has."""
        fifo = os.path.join(self.folder(), "settings.conf")
        os.mkfifo(fifo)
        for path, *slips in (fifo,), ("/dev/zero", "file-writable"):
            self.check(self.program(listens=False, CONFIG=path), 1,
                       "bad-file", *slips)

    def test_version_0(self):
        self.check(self.program(VERSION=0, **SAFE), 1, "version-0")

    def test_section_without_program(self):
        path = self.write("trusted = 127.0.0.1\n[calls sh nonexistentd]\n")
        told = self.check(self.program(CONFIG=path), 2,
                          "section-without-program")
        self.assertIn("[nonexistentd]",
                      self.slip(told, "section-without-program"))

    def test_no_section(self):
        path = self.write("version = 0\n[sh]\nversion = 3\n")
        told = self.check(self.program(CONFIG=path), 1, "no-section",
                          "version-0")
        self.assertIn("[calls]", self.slip(told, "no-section"))

    def test_file_writable(self):
        path = self.write("trusted = 127.0.0.1\n")
        os.chmod(path, 0o666)
        self.check(self.program(CONFIG=path), 2, "file-writable")

    def test_file_changed(self):
        path = self.write("trusted = 127.0.0.1\n")
        calls = self.program(CONFIG=path)
        now = os.stat(f"/proc/{calls.pid}").st_mtime
        os.utime(path, (now + 60, now + 60))
        self.check(calls, 2, "file-changed")

    def test_ports_not_covered(self):
        calls = self.program(listens=False, PORTS="1-1023,1025-9999", **SAFE)
        one = calls.listener()
        told = self.check(calls, 1, "ports-not-covered")
        self.assertIn(f"127.0.0.1:{one.port}",
                      self.slip(told, "ports-not-covered"))
        self.assertFalse(told["listeners"][0]["in_ports"])

    def test_some_ports_not_covered(self):
        with socket.create_server(("127.0.0.1", 0)) as covered:
            port = covered.getsockname()[1]
        calls = self.program(listens=False, PORTS=port, **SAFE)
        for number in port, 0:
            calls.ok("listen", calls.bound(port=number), 1)
        told = self.check(calls, 2, "ports-not-covered")
        self.assertCountEqual([each["in_ports"] for each in told["listeners"]],
                              [True, False])

    def test_environment_overwritten(self):
        program = self.python(OVERWRITE)
        program.wait_line("ready")
        self.check(program, 2, "environment-overwritten", "trusts-everyone")

    def test_environment_without_an_end(self):
        """The last variable was overwritten together with what ends it."""
        for count in range(2, 12):
            program = self.python(OVERWRITE.replace(
                "bytes(end - start)",
                f'b"\\0".join(b"%d=" % n for n in range({count}))'
                '.ljust(end - start, b"x")'))
            program.wait_line("ready")
            self.check(program, 2, "trusts-everyone")


class Loading(Case):
    def test_not_loaded(self):
        told = self.check(self.program(library=None), 1, "not-loaded")
        self.assertIsNone(told["by"])
        self.assertEqual(told["libraries"], [])

    def test_preload_not_found_by_its_name(self):
        calls = self.program("libproxyproto.so.nowhere", **SAFE)
        self.check(calls, 1, "not-loaded", "preload-not-found")

    def test_preload_not_found_by_its_path(self):
        calls = self.program("/nonexistent/libproxyproto.so", **SAFE)
        told = self.check(calls, 1, "not-loaded", "preload-not-found")
        self.assertIn("No such file", self.slip(told, "preload-not-found"))

    def test_client_library(self):
        calls = self.program(fixture.CLIENT_LIBRARY, **SAFE)
        told = self.check(calls, 1, "not-loaded", "client-library")
        self.assertTrue(told["libraries"][0]["for_clients"])

    def test_client_library_that_is_not_named(self):
        """Any more: it is loaded still."""
        program = self.python(OVERWRITE, fixture.CLIENT_LIBRARY)
        program.wait_line("ready")
        told = self.check(program, 1, "not-loaded", "client-library")
        self.assertIn("it listens", self.slip(told, "client-library"))

    def test_client_library_system_wide(self):
        """It is told once."""
        calls = self.in_mounts(fixture.CLIENT_LIBRARY + "\n",
                               fixture.probe("calls"))
        self.check(calls, 1, "not-loaded", "client-library")

    def copy_of(self, library):
        path = os.path.join(self.folder(), "libproxyproto.so")
        shutil.copy(os.path.realpath(library), path)
        return path

    def test_library_replaced(self):
        path = self.copy_of(fixture.SERVER_LIBRARY)
        calls = self.program(path, **SAFE)
        self.check(calls, 0)
        os.unlink(path)
        shutil.copy(os.path.realpath(fixture.SERVER_LIBRARY), path)
        told = self.check(calls, 2, "library-replaced")
        self.assertIn(path, self.slip(told, "library-replaced"))
        self.assertTrue(told["libraries"][0]["replaced"])

    def test_two_copies(self):
        path = self.copy_of(fixture.SERVER_LIBRARY)
        self.check(self.program(f"{fixture.SERVER_LIBRARY}:{path}", **SAFE), 2,
                   "two-copies")

    def secure(self):
        """A program that is set-user-ID."""
        path = os.path.join(self.folder(), "calls")
        shutil.copy(fixture.probe("calls"), path)
        os.chmod(os.path.dirname(path), 0o755)
        try:
            os.chown(path, allowed.NOBODY, allowed.NOBODY)
        except PermissionError:
            self.skipTest("only root can give a file to another user")
        os.chmod(path, 0o4755)
        if os.statvfs(path).f_flag & os.ST_NOSUID:
            self.skipTest("no set-user-ID programs in the folder for "
                          "temporary files")
        return path

    def test_secure_execution(self):
        path = self.secure()
        calls = self.program(argv=[path], **SAFE)
        told = self.check(calls, 1, "not-loaded", "secure-execution")
        self.assertEqual(names(told, "reasons"), ["secure"])

    def in_mounts(self, text, *argv):
        """A program whose /etc/ld.so.preload is this one."""
        fixture.need("unshare", "mount")
        etc = self.folder()
        with open(f"{etc}/ld.so.preload", "w", encoding="utf-8") as file:
            file.write(text)
        wrapper = ("unshare", "-m", "sh", "-c",
                   f"mount --bind {etc} /etc && exec \"$@\"", "sh")
        if subprocess.run([*wrapper, "true"], capture_output=True,
                          check=False).returncode != 0:
            self.skipTest("no mount namespaces are allowed here")
        return self.program(None, argv=[*wrapper, *argv], **SAFE)

    def test_preload_bare_name(self):
        calls = self.in_mounts("libproxyproto.so\n", fixture.probe("calls"))
        self.check(calls, 1, "not-loaded", "preload-bare-name")

    def test_system_wide(self):
        calls = self.in_mounts(fixture.SERVER_LIBRARY + "\n",
                               fixture.probe("calls"))
        self.check(calls, 0)


class Reasons(Case):
    """Of processes; program.py has those of programs."""

    def test_static(self):
        fixture.need("cc")
        path = os.path.join(self.folder(), "sleeping")
        subprocess.run(["cc", "-static", "-x", "c", "-", "-o", path],
                       input=b"#include <stdio.h>\n#include <unistd.h>\n"
                       b'int main(void) { puts("ready"); fflush(stdout); '
                       b"return pause(); }", check=True)
        program = fixture.Program([path], fixture.environment(
            fixture.SERVER_LIBRARY))
        self.addCleanup(program.stop)
        # before that its environment may not be there to be read
        program.wait_line("ready")
        told = self.check(program, 1, "not-loaded", "preload-not-found")
        self.assertEqual(names(told, "reasons"), ["static"])

    def test_seccomp(self):
        program = self.python(FILTER.format(number=NO_CALL))
        program.wait_line("ready")
        told = self.check(program, 0)
        self.assertEqual(names(told, "reasons"), ["dynamic", "seccomp"])

    def test_io_uring(self):
        program = self.python(RING)
        if program.wait_line("ring|none")[0] == "none":
            self.skipTest("no io_uring here")
        program.wait_line("ready")
        told = self.check(program, 2, "io-uring")
        self.assertEqual(names(told, "reasons"), ["dynamic", "io-uring"])

    def test_no_notes(self):
        calls = self.program(**SAFE)
        number = {"x86_64": 54}.get(os.uname().machine, 208)
        done = subprocess.run(
            [sys.executable, "-c", FILTER.format(number=number)
             + "import os, sys; os.execv(sys.argv[1], sys.argv[1:])",
             PROXYPROTO, "check", "--json", "-p", str(calls.pid)],
            capture_output=True, text=True, check=False)
        (told,) = json.loads(done.stdout)["checked"]
        self.assertEqual((done.returncode, names(told)), (2, ["no-notes"]))
        self.assertFalse(told["takes_notes"])


class Commands(Case):
    """What is not running yet; program.py has each kind of program."""

    def check(self, status, slips, *arguments, env=None):
        got, told = checked(*arguments, env=env)
        self.assertEqual((got, sorted(names(told))), (status, sorted(slips)))
        return told

    def test_served_and_safe(self):
        told = self.check(0, [], "--trusted=127.0.0.1", "--ports", "80", "--",
                          fixture.probe("calls"))
        self.assertEqual(told["name"], "calls")
        self.assertEqual((told["pid"], told["served"], told["by"]),
                         (None, True, "preload"))
        self.assertEqual(names(told, "reasons"), ["dynamic"])
        self.assertIn({"name": "PORTS", "value": "80", "from": "environment",
                       "section": None}, told["settings"])

    def test_means(self):
        need_supervisor()
        told = self.check(0, [], "--trusted=127.0.0.1", "--how=supervise",
                          fixture.probe("calls"))
        self.assertEqual(told["by"], "supervise")

    def static(self):
        fixture.need("cc")
        program = os.path.join(self.folder(), "program")
        subprocess.run(["cc", "-static", "-x", "c", "-", "-o", program],
                       input=b"int main(void) { return 0; }", check=True)
        return program

    def test_not_preloadable(self):
        told = self.check(1, ["not-preloadable"], "--how=preload",
                          self.static())
        self.assertEqual(names(told, "reasons"), ["static"])

    def compile(self, source, *libraries):
        fixture.need("cc")
        program = os.path.join(self.folder(), "program")
        subprocess.run(["cc", "-x", "c", "-", "-x", "none", *libraries, "-o",
                        program], input=source, text=True, check=True)
        return program

    def test_io_uring(self):
        """Where it is linked with liburing, and is to be preloaded."""
        ring = os.path.join(self.folder(), "liburing.so.2")
        self.compile_library(ring)
        program = self.compile(
            "int accept(), queue(); int main(int argc, char **argv) "
            "{ return argc == 0 ? accept(0) + queue() : 0; }", ring)
        told = self.check(2, ["io-uring"], "--trusted=127.0.0.1",
                          "--how=preload", program)
        self.assertEqual(names(told, "reasons"), ["io-uring"])
        need_supervisor()
        self.check(0, [], "--trusted=127.0.0.1", program)

    def compile_library(self, path):
        fixture.need("cc")
        subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", path,
                        "-Wl,-soname,liburing.so.2"], text=True, check=True,
                       input="int queue(void) { return 0; }")

    @unittest.skipUnless(os.geteuid() == 0, "only root can be somebody else")
    def test_privileged(self):
        """Its workers may have AT_SECURE, as Squid's have."""
        program = self.compile(
            "int seteuid(), capset(), fexecve(); int main(int argc, char **v) "
            "{ return argc == 0 ? seteuid() + capset() + fexecve() : 0; }")
        told = self.check(2, ["privileged"], "--trusted=127.0.0.1",
                          "--how=preload", program)
        self.assertEqual(names(told, "reasons"), ["privileged"])
        need_supervisor()
        self.check(0, [], "--trusted=127.0.0.1", program)

    def test_cannot_supervise(self):
        """That is tried: here a supervisor is there already."""
        need_supervisor()
        done = command("run", "--how=supervise", PROXYPROTO, "check",
                       "--json", "--trusted=127.0.0.1", "sh")
        told = json.loads(done.stdout)["checked"][0]
        self.assertEqual((done.returncode, names(told), told["served"]),
                         (1, ["cannot-supervise"], False))
        self.assertRegex(self.slip(told, "cannot-supervise"),
                         "^cannot supervise: something else, such as")
        self.assertIn("--how=preload", told["slips"][0]["advice"])

    def test_not_supervisable(self):
        told = self.check(1, ["not-supervisable"], "--unix",
                          "--trusted=127.0.0.1", "sh")
        self.assertIn("--how=preload", told["slips"][0]["advice"])
        self.check(0, [], "--unix", "--trusted=127.0.0.1", "--how=preload",
                   "sh")
        told = self.check(1, ["not-supervisable"], "--inetd",
                          "--trusted=127.0.0.1", self.static())
        self.assertIn("Leave it out", told["slips"][0]["advice"])

    def test_version_spp(self):
        told = self.check(1, ["version-spp"], "--version=spp",
                          "--trusted=127.0.0.1", "true")
        self.assertIn("for datagrams", self.slip(told, "version-spp"))
        self.check(0, [], "--version=spp", "--udp", "--trusted=127.0.0.1",
                   "true")

    def test_datagrams(self):
        """Of what would be supervised they cannot be had."""
        self.check(0, [], "--udp", "--trusted=127.0.0.1", "true")
        told = self.check(1, ["not-supervisable"], "--udp",
                          "--trusted=127.0.0.1", "sh")
        self.assertIn("--udp: ", self.slip(told, "not-supervisable"))

    def test_unknown_program(self):
        script = os.path.join(self.folder(), "script")
        with open(script, "w", encoding="ascii") as file:
            file.write("#!/nonexistent/interpreter\n")
        os.chmod(script, 0o755)
        self.check(1, ["unknown-program"], "--trusted=127.0.0.1", script)
        told = self.check(0, [], "--how=preload", "--trusted=127.0.0.1",
                          script)
        self.assertEqual(names(told, "reasons"), ["unknown"])

    def test_bad_value_of_an_option(self):
        self.check(1, ["bad-value"], "--timeout=never", "true")

    def test_environment(self):
        self.check(1, ["unknown-setting"], "true",
                   env=fixture.environment(TRUSTD="127.0.0.1"))
        self.check(1, ["version-0"], "true",
                   env=fixture.environment(VERSION=0))

    def test_section_of_a_script(self):
        """It goes by its own name, not by that of its interpreter."""
        script = os.path.join(self.folder(), "proxied.py")
        with open(script, "w", encoding="ascii") as file:
            file.write(f"#!{sys.executable}\n")
        os.chmod(script, 0o755)
        path = self.write("[proxied.py]\ntrusted = 127.0.0.1\n")
        self.check(0, [], "--config", path, script)
        self.check(2, ["trusts-everyone", "section-without-program"],
                   "--config", path, sys.executable)

    def test_preload_not_found(self):
        for library in "libproxyproto.so.nowhere", "/nowhere/libproxyproto.so":
            self.check(2, ["preload-not-found"], "--trusted=127.0.0.1",
                       fixture.probe("calls"),
                       env=fixture.environment(library))
        self.check(0, [], "--trusted=127.0.0.1", fixture.probe("calls"),
                   env=fixture.environment(fixture.SERVER_LIBRARY))

    def test_preload_not_found_by_its_bare_name(self):
        """It is where the loader is told to look."""
        env = fixture.environment("libproxyproto.so")
        env["LD_LIBRARY_PATH"] = fixture.LIBDIR
        self.check(0, [], "--trusted=127.0.0.1", fixture.probe("calls"),
                   env=env)

    def test_client_library(self):
        self.check(2, ["client-library"], "--trusted=127.0.0.1", "true",
                   env=fixture.environment(fixture.CLIENT_LIBRARY))

    def test_is_not_started(self):
        path = os.path.join(self.folder(), "started")
        self.check(0, [], "--trusted=127.0.0.1", "touch", path)
        self.assertFalse(os.path.exists(path))

    def test_loader_of_its_own_is_not_started(self):
        """It is named as if it were the machine's."""
        folder = self.folder()
        program = os.path.join(folder, "program")
        with open(os.path.realpath(fixture.probe("calls")), "rb") as file:
            elf = bytearray(file.read())
        if elf[4:6] != b"\x02\x01":
            self.skipTest("a program of 64 bits, little-endian")
        at, count = (struct.unpack_from("<Q", elf, 32)[0],
                     struct.unpack_from("<H", elf, 56)[0])
        place = next(at + 56 * n for n in range(count)
                     if struct.unpack_from("<I", elf, at + 56 * n)[0] == 3)
        old, size = (struct.unpack_from("<Q", elf, place + 8)[0],
                     struct.unpack_from("<Q", elf, place + 32)[0])
        loader = os.path.join(folder, os.path.basename(
            elf[old:old + size - 1].decode()))
        new = f"/lib/../..{loader}\0".encode()
        struct.pack_into("<Q", elf, place + 8, len(elf))
        struct.pack_into("<Q", elf, place + 32, len(new))
        for path, content in ((program, elf + new),
                              (loader, f"#!/bin/sh\n>{folder}/started\n"
                               .encode())):
            with open(path, "wb") as file:
                file.write(content)
            os.chmod(path, 0o755)
        self.check(0, [], "--trusted=127.0.0.1", program,
                   env=fixture.environment("libproxyproto.so.nowhere"))
        self.assertFalse(os.path.exists(f"{folder}/started"))


class Permission(Case):
    def as_nobody(self, *argv):
        allowed.need_another_user(PROXYPROTO)
        return subprocess.run(
            argv, user=allowed.NOBODY, group=allowed.NOBODY, extra_groups=[],
            env=fixture.environment(), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False)

    def test_ones_own(self):
        allowed.need_another_user(PROXYPROTO)
        calls = self.program(
            argv=["setpriv", f"--reuid={allowed.NOBODY}",
                  f"--regid={allowed.NOBODY}", "--clear-groups",
                  fixture.probe("calls")], **SAFE)
        done = self.as_nobody(PROXYPROTO, "check", "--json", "-p",
                              str(calls.pid))
        (told,) = json.loads(done.stdout)["checked"]
        self.assertEqual((done.returncode, names(told)), (0, []))
        self.assertEqual(told["listeners"][0]["port"], self.listener.port)
        done = self.as_nobody(PROXYPROTO, "check", "-l",
                              str(self.listener.port))
        self.assertEqual(done.returncode, 0)

    def anothers(self):
        """What is told of another user's process."""
        calls = self.program(**SAFE)
        done = self.as_nobody(PROXYPROTO, "check", "--json", "-p",
                              str(calls.pid))
        (told,) = json.loads(done.stdout)["checked"]
        self.assertEqual((done.returncode, told["served"], len(told["slips"])),
                         (1, False, 2))
        return told

    def test_process_hidden(self):
        told = self.anothers()
        self.assertIn("may not be read", self.slip(told, "process-hidden"))
        self.assertIsNone(told["by"])

    def test_environment_hidden(self):
        self.assertRegex(self.slip(self.anothers(), "environment-hidden"),
                         "environment may not be read: settings in it")

    def test_port_of_anothers(self):
        self.program(**SAFE)
        done = self.as_nobody(PROXYPROTO, "check", "-l",
                              str(self.listener.port))
        self.assertEqual(done.returncode, 125)
        self.assertIn("be root", done.stderr)


def source(path):
    with open(os.path.join(os.environ["PP_SRCDIR"], path),
              encoding="utf-8") as file:
        return file.read()


class Names(unittest.TestCase):
    """Of each reason and each slip that there is in the source."""

    def setUp(self):
        self.source = "".join(
            source(f"src/command/check_{part}.c") for part in
            ("gather", "loading", "ports", "settings", "slips"))
        self.reasons = set(re.findall(
            r'\[PP_PROGRAM_\w+\] = "([\w-]+)"|'
            r'pp_check_reason\(check, "([\w-]+)"', self.source))
        self.reasons = {a or b for a, b in self.reasons}
        self.slips = set(re.findall(
            r'pp_check_slip\([^"]*"([\w-]+)"', self.source))

    def test_all_are_found(self):
        self.assertEqual(self.source.count("pp_check_slip(check"),
                         len(re.findall(r'pp_check_slip\([^"]*"', self.source)))
        self.assertIn("seccomp", self.reasons)
        self.assertGreater(len(self.slips), 30)

    def test_manual_has_each(self):
        """And no other."""
        text = source("man/proxyproto.1").partition("Each reason has a name")
        reasons, _, slips = text[2].partition("What is wrong has one, too")
        slips = slips.partition(".Ss ")[0]
        for names_, manual in (self.reasons, reasons), (self.slips, slips):
            told = re.findall(r"^\.It Cm (.*)", manual, re.M)
            self.assertEqual(sorted(" , ".join(told).split(" , ")),
                             sorted(names_))

    def test_each_has_a_test(self):
        tests = (source("tests/command/check.py")
                 + source("tests/command/program.py"))
        for name in self.reasons | self.slips:
            self.assertIn(f'"{name}"', tests)


class Mistakes(unittest.TestCase):
    def refused(self, told, *arguments):
        done = command("check", *arguments)
        self.assertEqual((done.returncode, done.stdout), (125, ""))
        self.assertRegex(done.stderr, rf"\Aproxyproto: check: {told}.*\n\Z")

    def test_what_is_asked(self):
        self.refused("it takes COMMAND, .* or one of")
        self.refused("it takes COMMAND, .* or one of", "-p", "1", "-l", "1")
        self.refused("it takes COMMAND, .* or one of", "-p", "1", "true")
        self.refused("it takes COMMAND, .* or one of", "-p", "1", "--debug")
        self.refused("it takes COMMAND, .* or one of", "-p", "1", "--udp")
        self.refused('--how="x" is not valid', "--how=x", "true")
        self.refused("nosuchcommand: No such file", "nosuchcommand")
        self.refused('--pid="x" is not valid', "-p", "x")
        self.refused('--port="65536" is not valid', "-l", "65536")

    def test_what_is_not_there(self):
        ended = subprocess.Popen(["true"])
        ended.wait()
        self.refused(f"{ended.pid}: no such process", "-p", str(ended.pid))
        # a port that nobody else gets meanwhile
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            self.refused(".*listens on port", "-l",
                         str(bound.getsockname()[1]))


if __name__ == "__main__":
    fixture.main()
