# SPDX-License-Identifier: ISC
"""doc/deployment.md: each block of it is run, or checked by what reads it."""
import contextlib
import glob
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import unittest

import fixture
from fixture import manual, squid
from fixture.described import DescribedCase
from fixture.haproxy import Front
from fixture.recipes import PRELOAD, PROXY, SETTINGS
from fixture.servers import FRONT, V4

SOURCE = os.environ["PP_SRCDIR"]
CLIENT = "203.0.113.7"
HELLO = f"{SOURCE}/tests/servers/hello.c"
PORT = 9090

# In the order of the document: heading, and path or language.
BLOCKS = [
    ("A systemd service",
     "/etc/systemd/system/tinyproxy.service.d/proxyproto.conf"),
    ("A systemd service", "/etc/systemd/system/hello.service"),
    ("A container", "Dockerfile"),
    ("A container", "entrypoint"),
    ("Programs that the loader does not preload into", "/etc/ld.so.preload"),
    ("Programs that the loader does not preload into",
     "/etc/libproxyproto.conf"),
    ("AppArmor", "/etc/apparmor.d/local/usr.sbin.named"),
    ("SELinux", "libproxyproto.te"),
    ("SELinux", "sh"),
    ("Not without the library", "sh"),
    ("Not without the library", "sh"),
    ("AddressSanitizer", "sh"),
    ("AddressSanitizer", "sh"),
    ("fail2ban", "/etc/fail2ban/jail.d/proxyproto.conf"),
    ("fail2ban", "/etc/fail2ban/action.d/haproxy-ban.conf"),
    ("fail2ban", "/etc/haproxy/haproxy.cfg"),
]


def blocks():
    """[((heading, path or language), text)] of the document."""
    with open(SOURCE + "/doc/deployment.md", encoding="utf-8") as file:
        parts = re.split("^## (.*)\n", file.read(), flags=re.M)
    return [((heading, found[1] or found[2]), found[3])
            for heading, text in zip(parts[1::2], parts[2::2])
            for found in re.finditer(
                r"(?:`([^`\n ]+)`[^`\n]*(?:\n[^`\n]+)*\n\n)?"
                r"^```(\w+)\n(.*?)^```$", text, re.M | re.S)]


def block(heading, what, number=0):
    return [text for name, text in blocks() if name == (heading, what)][number]


def add_proxy():
    """The address of the document's proxy is this machine's."""
    subprocess.run(["ip", "address", "replace", PROXY, "dev", "lo"],
                   check=True)


@contextlib.contextmanager
def no_library():
    """The library is not installed."""
    names = [name for name in glob.glob("/usr/lib/*/libproxyproto.so*")]
    for name in names:
        os.rename(name, name + ".away")
    try:
        yield
    finally:
        for name in names:
            os.rename(name + ".away", name)


class Documents(unittest.TestCase):
    def test_all_blocks_are_known(self):
        self.assertEqual([name for name, _ in blocks()], BLOCKS)

    def setUp(self):
        self.folder = fixture.folder(self.addCleanup)
        os.chmod(self.folder, 0o755)
        add_proxy()

    def keep(self, heading, path):
        """Writes a block to where it belongs, or into the folder."""
        text = block(heading, path)
        path = os.path.join(self.folder, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return path

    def run_well(self, *argv, **kwargs):
        done = subprocess.run(argv, stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT, check=False,
                              cwd=self.folder, **kwargs)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def serve(self, argv, port, env=None):
        """A server that has begun to listen."""
        program = fixture.Program(argv, env or fixture.environment(),
                                  cwd=self.folder)
        self.addCleanup(program.stop)

        def listens():
            self.assertIsNone(program.process.poll(), program.output())
            return fixture.listening(port)
        fixture.wait_for(listens, "it to listen")
        return program

    def ask(self, port, data=b"", source=PROXY, header=fixture.v1(CLIENT)):
        """What a server says to a client behind the proxy."""
        with fixture.connect(port, header + data, source=source) as client:
            with contextlib.suppress(OSError):      # it may be reset by now
                client.shutdown(socket.SHUT_WR)
            return fixture.read_all(client).decode()

    def check_http(self, program, port):
        self.ask(port, b"GET /x HTTP/1.0\r\n\r\n")
        program.wait_line(f'^{CLIENT} .*"GET /x ')

    def environment_of(self, unit):
        """What its Environment= lines say."""
        lines = re.findall("^Environment=(.*)$", unit, re.M)
        return fixture.environment() | dict(
            word.split("=", 1) for line in lines for word in shlex.split(line))

    def test_units(self):
        heading = "A systemd service"
        drop_in, unit = (self.keep(heading, what)
                         for title, what in BLOCKS if title == heading)
        output = self.run_well("systemd-analyze", "--man=no", "verify", unit,
                               "tinyproxy.service")
        for name in "hello", "proxyproto.conf":
            self.assertNotIn(name, output)
        with open(unit, encoding="ascii") as file:
            text = file.read()
        command = shlex.split(re.search("^ExecStart=(.*)$", text, re.M)[1])
        with self.serve(command, 8080, self.environment_of(text)) as program:
            self.check_http(program, 8080)
        with open(drop_in, encoding="ascii") as file:
            env = self.environment_of(file.read())
        with self.serve(command, 8080, env) as program:
            self.assertEqual(self.ask(8080, b"GET / HTTP/1.0\r\n\r\n",
                                      header=b""), "")
            self.check_http(program, 8080)

    def test_all_calls_are_those_of_a_service(self):
        sets = dict(re.findall(r"^(@[\w-]+)\n((?:    .*\n)*)", self.run_well(
            "systemd-analyze", "--no-pager", "syscall-filter"), re.M))

        def members(name):
            for word in re.findall(r"^    ([@\w-]+)$", sets[name], re.M):
                yield from members(word) if word[0] == "@" else [word]
        allowed = set(members("@system-service"))
        text = re.search(r"^\.Ss Programs that confine(.*?)^These are",
                         manual.source("libproxyproto.7"), re.M | re.S)[1]
        called = set(re.findall(r"\.(?:Xr|It For Xr) (\w+) 2", text))
        self.assertIn("recvfrom", called)
        called -= {"sigaction", "sigprocmask", "sigpending", "sigtimedwait",
                   "getrlimit", "chroot", "seccomp"}
        self.assertEqual(called - allowed, set())

    def loads(self, *argv):
        """Does grep(1) have the library where it is run so?"""
        return subprocess.run(
            [*argv, "-q", "/libproxyproto.so", "/proc/self/maps"],
            env=fixture.environment("libproxyproto.so"),
            check=False).returncode == 0

    def test_capabilities_of_a_unit_and_of_a_file(self):
        grep = self.folder + "/grep"
        shutil.copy("/bin/grep", grep)
        self.assertTrue(self.loads(
            "setpriv", "--reuid", "nobody", "--regid", "nogroup",
            "--clear-groups", "--inh-caps=-all,+net_bind_service",
            "--ambient-caps=-all,+net_bind_service", grep))
        self.run_well("setcap", "cap_net_bind_service+ep", grep)
        self.assertFalse(self.loads(
            "setpriv", "--reuid", "nobody", "--regid", "nogroup",
            "--clear-groups", grep))

    def test_container(self):
        heading = "A container"
        lines = dict(line.split(" ", 1) for line in
                     block(heading, "Dockerfile").splitlines())
        self.assertEqual(list(lines), ["FROM", "COPY", "RUN", "ENTRYPOINT",
                                       "CMD"])
        self.assertEqual(lines["COPY"].split()[-2:],
                         ["entrypoint", *json.loads(lines["ENTRYPOINT"])])
        entrypoint = self.keep(heading, "entrypoint")
        os.chmod(entrypoint, 0o755)
        command = [entrypoint, *json.loads(lines["CMD"])]
        env = fixture.environment()
        with self.serve(command, 8080, env | {"PROXY": PROXY}) as program:
            self.check_http(program, 8080)
        with fixture.Program(command, env) as program:
            self.assertIn("PROXY must be", program.wait_line("PROXY").string)
            self.assertNotEqual(program.wait(), 0)
        with no_library(), fixture.Program(
                command, env | {"PROXY": PROXY}) as program:
            program.wait_line("is not loaded")
            self.assertEqual(program.wait(), 1)

    def test_apparmor(self):
        self.keep("AppArmor", "/etc/apparmor.d/local/usr.sbin.named")
        self.run_well("apparmor_parser", "--skip-kernel-load", "--skip-cache",
                      "/etc/apparmor.d/usr.sbin.named")

    def test_selinux(self):
        self.keep("SELinux", "libproxyproto.te")
        self.run_well("sh", "-e", "-c", block("SELinux", "sh"))
        self.assertTrue(os.path.exists(self.folder + "/libproxyproto.pp"))

    def serve_shown(self, heading, number, **variables):
        """Runs a block, whose last line is a server."""
        shutil.copy(HELLO, self.folder + "/server.c")
        return self.serve(["sh", "-e", "-c", block(heading, "sh", number)],
                          PORT, fixture.environment() | variables)

    def check_needs_library(self, name, *arguments):
        """It does not start without; it has it as AT_SECURE, too."""
        path = f"{self.folder}/{name}"
        with no_library(), fixture.Program([path, *arguments]) as program:
            program.wait_line("libproxyproto.so.0: cannot open shared object")
            self.assertNotEqual(program.wait(), 0)
        self.run_well("setcap", "cap_net_raw+ep", path)
        program = self.serve(["setpriv", "--reuid", "nobody", path,
                              *arguments], PORT)
        with open(f"/proc/{program.process.pid}/maps",
                  encoding="ascii") as file:
            self.assertIn("/libproxyproto.so", file.read())

    def test_patchelf(self):
        with self.serve_shown("Not without the library", 0) as program:
            self.ask(PORT)
            program.wait_line(f"Connection received on {CLIENT} ")
        self.check_needs_library("hello-nc", "-dlnv", "127.0.0.1", str(PORT))

    def test_linking(self):
        with self.serve_shown("Not without the library", 1):
            self.assertEqual(self.ask(PORT), CLIENT + "\n")
        self.check_needs_library("server", str(PORT))

    def test_address_sanitizer(self):
        for number in range(2):
            with self.serve_shown("AddressSanitizer", number):
                self.assertEqual(self.ask(PORT), CLIENT + "\n")
        refused = fixture.Program([self.folder + "/server", str(PORT)],
                                  fixture.environment("libproxyproto.so"))
        with refused:
            refused.wait_line("ASan runtime does not come first")

    def test_fail2ban(self):
        jail, action, config = (self.keep("fail2ban", what) for title, what
                                in BLOCKS if title == "fail2ban")
        for path in "/var/log/auth.log", "/etc/haproxy/banned":
            with open(path, "a", encoding="ascii"):
                pass
        self.run_well("fail2ban-client", "--test")
        dump = self.run_well("fail2ban-client", "--dump")
        with open(action, encoding="ascii") as file:
            actions = dict(re.findall("^(action(?:un)?ban) = (.*)$",
                                      file.read(), re.M))
        for command in actions.values():
            self.assertIn(command, dump)
        self.assertIn("'sshd', 'addignoreip', '127.0.0.0/8'", dump)
        server = socket.create_server(("127.0.0.1", 9022))
        self.addCleanup(server.close)
        server.settimeout(fixture.PATIENCE)
        self.serve(["haproxy", "-db", "-f", config], 2022)

        def run(command):
            self.run_well("sh", "-c",
                          actions[command].replace("<ip>", "127.44.55.66"))

        run("actionban")
        with contextlib.suppress(ConnectionResetError), \
                fixture.connect(2022, b"x", source="127.44.55.66") as client:
            self.assertEqual(fixture.read_all(client), b"")
        run("actionunban")
        with fixture.connect(2022, b"x", source="127.44.55.66"), \
                server.accept()[0] as connection:
            self.assertTrue(connection.recv(1000).startswith(
                fixture.V2_SIGNATURE))


class SquidWorkers(squid.Squid, DescribedCase, unittest.TestCase):
    program = "Squid, with workers"
    packages = ("squid", "apparmor", "bind9", "checkpolicy", "fail2ban", "gcc",
                "libc6-dev", "libcap2-bin", "netcat-openbsd", "patchelf",
                "pkgconf", "semodule-utils", "socat", "systemd", "tinyproxy")
    note = "needs /etc/ld.so.preload: LD_PRELOAD is lost by its workers"
    commands = ("chmod 777 @folder@", "mkdir -p /run/squid",
                "chown proxy: /run/squid")
    command = "squid --foreground -f @folder@/squid.conf"
    files = squid.files(workers=2)

    def environment(self):
        return fixture.environment()

    def start(self, host, port):
        text = "".join(f"{name} = {value}\n"
                       for name, value in self.settings.items()).lower()
        if self.bare or self.trace:
            text = "version = 0\n"
        self.preload("[squid]\n" + text)
        return super().start(host, port)

    def preload(self, settings):
        for path, text in ((SETTINGS, settings), (PRELOAD, block(
                "Programs that the loader does not preload into",
                "/etc/ld.so.preload"))):
            if os.path.exists(path):
                os.unlink(path)
            with open(path, "w", encoding="ascii") as file:
                file.write(text)
            self.addCleanup(lambda path=path: os.path.exists(path)
                            and os.unlink(path))

    def test_with_the_settings_of_the_document(self):
        add_proxy()
        port = fixture.free_port(V4)
        self.preload(block("Programs that the loader does not preload into",
                           "/etc/libproxyproto.conf"))
        program = super().start(V4, port)
        front = Front(FRONT, f"send-proxy-v2 source {PROXY}", (V4, port))
        self.proxy(front)
        self.check_client(program, V4, "word", front.connect())
        with fixture.connect(port, b"x") as direct:
            self.assertEqual(fixture.read_all(direct), b"")

    def test_its_workers_lose_ld_preload(self):
        self.environment = lambda: fixture.environment("libproxyproto.so")
        port = fixture.free_port(V4)
        program = super().start(V4, port)
        loaded = {}
        for path in glob.glob("/proc/[0-9]*"):
            with open(path + "/cmdline", encoding="ascii") as file:
                name = file.read().split("\0")[0]
            if name.startswith(("squid", "(squid")):
                with open(path + "/maps", encoding="ascii") as file:
                    loaded[name] = "/libproxyproto.so" in file.read()
        self.assertTrue(loaded.pop("squid"), program.output())
        self.assertEqual(set(loaded.values()), {False}, loaded)


if __name__ == "__main__":
    fixture.main()
