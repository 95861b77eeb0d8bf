# SPDX-License-Identifier: ISC
"""OpenSSH's sshd, as Debian starts it: it forks, and executes itself; and
started once a connection, as Debian's ssh@.service does.

What its log and its sessions say of the client, what it decides by address,
and that fail2ban finds the client in the log.
"""
import glob
import os
import pwd
import re
import signal
import subprocess
import unittest

import fixture
from fixture import manual as pages
from fixture.haproxy import CLIENT, CLIENT6, Front, join
from fixture.recipes import (DIRECT, MACHINE, SETTINGS, TIMEOUT, Recipe,
                             RecipeCase, write)
from fixture.servers import FRONT, V4, V6, ServerCase
from fixture.started import UnawareCase
from fixture.syslog import Syslog

CONFIG = "/etc/ssh/sshd_config.d/test.conf"
USER = "visitor"
NOBODY = "nobody-there"
PASSWORD = "/tmp/password"


def confined():
    """Is there a process of user sshd that filters its system calls?"""
    uid = str(pwd.getpwnam("sshd").pw_uid)
    for path in glob.glob("/proc/[0-9]*/status"):
        try:
            with open(path, encoding="utf-8") as file:
                status = dict(line.rstrip("\n").split(":\t", 1)
                              for line in file if ":\t" in line)
        except (FileNotFoundError, ProcessLookupError):
            continue    # it ended meanwhile
        if (status["Uid"].split()[0], status["Seccomp"]) == (uid, "2"):
            return True
    return False


class Sshd(RecipeCase, ServerCase):
    """Mixed into one case a way to start it."""

    tells = ("auth log, $SSH_CLIENT, $SSH_CONNECTION, Match Address, "
             "from= in authorized_keys, fail2ban")
    packages = ("openssh-server", "openssh-client", "netcat-openbsd",
                "fail2ban", "openbsd-inetd")
    takes_ipv6_on_ipv4 = False
    tells_mapped = False
    match = ""
    log = None
    greeting = b"SSH-2.0-OpenSSH_"

    def setUp(self):
        folder = fixture.folder(self.addCleanup)
        self.key = folder + "/key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
                        self.key], check=True)
        if subprocess.run(["id", USER], capture_output=True,
                          check=False).returncode:
            subprocess.run(["useradd", "-m", "-s", "/bin/bash", USER],
                           check=True)
        self.authorize("")

    def prepare(self, text):
        """Its configuration, and a log."""
        with open(CONFIG, "w", encoding="ascii") as file:
            # each one that stands in for a late client is a start, too
            file.write(f"{text}LogLevel DEBUG\nMaxStartups 1000\n"
                       f"{self.match}")
        os.makedirs("/run/sshd", exist_ok=True)
        if not self.log:
            self.log = Syslog(self)

    # clients that come no further than to say what they are

    def request(self, word):
        return f"SSH-2.0-{word}\r\n".encode()

    def told(self, program, word):
        pid = self.log.wait_line(
            rf"sshd\[(\d+)\]: .*software version {re.escape(word)}(\s|$)")[1]
        self.words = self.log.wait_line(
            rf"sshd\[{pid}\]: Connection from (\S+) port (\d+) on (\S+) port "
            rf"(\d+)").groups()
        return self.words[:2]

    def destination(self, program, word):
        return self.words[2:]

    def check_liar(self, program, client):
        with client:
            port = client.getsockname()[1]
            self.assertIn(b"Invalid SSH identification",
                          fixture.read_all(client))
        self.log.wait_line(rf"sshd\[\d+\]: banner exchange: Connection from "
                           rf"{DIRECT} port {port}: invalid format")

    # sessions, by ssh

    def authorize(self, options):
        """Lets the key in, with options."""
        home = f"/home/{USER}/.ssh"
        os.makedirs(home, exist_ok=True)
        with open(self.key + ".pub", encoding="ascii") as file:
            public = file.read()
        with open(home + "/authorized_keys", "w", encoding="ascii") as file:
            file.write(options + public)
        subprocess.run(["chown", "-R", USER, home], check=True)

    def ssh(self, front, *arguments, user=USER, batch="yes"):
        """What a session's command says; self.client is where it is from."""
        host = CLIENT6 if ":" in front.host else CLIENT
        self.client = host, fixture.free_port(host)
        return subprocess.run(
            ["ssh", "-i", self.key, "-o", "StrictHostKeyChecking=no",
             "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=" + batch,
             "-o", "LogLevel=ERROR", "-o",
             f"ProxyCommand=nc -s {host} -p {self.client[1]} {front.host} "
             f"{front.port}", f"{user}@server", *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            env=os.environ | {"SSH_ASKPASS": PASSWORD,
                              "SSH_ASKPASS_REQUIRE": "force"},
            timeout=fixture.PATIENCE, check=False)

    def fronts(self, listener, hosts=(FRONT, V6)):
        server = self.serve(listener)[1]
        fronts = [Front(host, options, server) for host in hosts
                  for options in ("send-proxy", "send-proxy-v2")]
        self.proxy(*fronts)
        return fronts

    def check_session(self, front, *options):
        done = self.ssh(front, *options,
                        'echo "$SSH_CLIENT" "|" "$SSH_CONNECTION"')
        self.assertEqual(done.returncode, 0, done.stderr)
        client, _, connection = done.stdout.strip().partition(" | ")
        host, port = self.client
        to_host, to_port = front.host, front.port
        if self.hands_on and ":" in to_host:
            # sshd executes itself: where an IPv6 client connected is lost
            to_host, to_port = front.server[:2]
        self.assertEqual(client, f"{host} {port} {to_port}")
        self.assertEqual(connection, f"{host} {port} {to_host} {to_port}")
        self.log.wait_line(rf"sshd\[\d+\]: Accepted publickey for {USER} from "
                           rf"{re.escape(host)} port {port} ssh2: ED25519 ")

    def test_session(self):
        for front in self.fronts(V6):
            with self.subTest(str(front)):
                self.check_session(front)

    def test_session_on_an_ipv4_listener(self):
        for front in self.fronts(V4, (FRONT,)):
            with self.subTest(str(front)):
                self.check_session(front)

    def test_session_with_a_terminal(self):
        for front in self.fronts(V6):
            with self.subTest(str(front)):
                self.check_session(front, "-tt")

    def test_who_who_is(self):
        """utmp and lastlog have the client."""
        front = self.fronts(V4, (FRONT,))[1]
        for path in ("/run/utmp", "/var/log/wtmp", "/var/log/lastlog"):
            with open(path, "a", encoding="ascii"):
                pass
        done = self.ssh(front, "-tt", "who -m; lastlog -u " + USER)
        self.assertIn(f"({CLIENT})", done.stdout)
        self.assertRegex(done.stdout, rf"{USER} .*{re.escape(CLIENT)}")

    def test_match_address(self):
        self.match = (f"Match Address {CLIENT}\n"
                      "ForceCommand echo matched\n")
        for front in self.fronts(V4, (FRONT,)):
            self.assertEqual(self.ssh(front, "true").stdout, "matched\n")
        self.match = ("Match Address 127.0.0.1\n"
                      "ForceCommand echo matched\n")
        for front in self.fronts(V4, (FRONT,)):
            self.assertEqual(self.ssh(front, "echo other").stdout, "other\n")

    def test_from_in_authorized_keys(self):
        front = self.fronts(V4, (FRONT,))[0]
        self.authorize(f'from="{CLIENT}" ')
        self.assertEqual(self.ssh(front, "true").returncode, 0)
        self.authorize('from="127.0.0.1" ')
        self.assertEqual(self.ssh(front, "true").returncode, 255)
        self.log.wait_line(
            "correct key but not from a permitted host "
            rf"\(host=\S+, ip={re.escape(CLIENT)}, required=127\.0\.0\.1\)")

    def fail_to_log_in(self, front):
        """By a password, which no such user has."""
        host = CLIENT6 if ":" in front.host else CLIENT
        with open(PASSWORD, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\necho wrong\n")
        os.chmod(PASSWORD, 0o700)
        done = self.ssh(front, "-o", "PreferredAuthentications=password",
                        "-o", "NumberOfPasswordPrompts=1", "true",
                        user=NOBODY, batch="no")
        self.assertEqual(done.returncode, 255, done.stdout)
        return re.escape(host), self.client[1]

    def found_by_fail2ban(self):
        """By its own filter, in lines as a syslog daemon writes them."""
        with open("/tmp/auth.log", "w", encoding="utf-8") as file:
            for line in self.log.lines:
                file.write(line.replace(" sshd[", " servers sshd[", 1) + "\n")
        return subprocess.run(
            ["fail2ban-regex", "--out", "ip", "/tmp/auth.log",
             "/etc/fail2ban/filter.d/sshd.conf"],
            capture_output=True, text=True, check=True).stdout.split()

    def test_who_is_not_let_in(self):
        """The log says so in the words that fail2ban looks for."""
        fronts = self.fronts(V6)
        for front in fronts:
            host, port = self.fail_to_log_in(front)
            for line in (
                    rf"Invalid user {NOBODY} from {host} port {port}",
                    rf"pam_unix\(sshd:auth\): authentication failure; .* "
                    rf"rhost={host} ?",
                    rf"Failed password for invalid user {NOBODY} from {host} "
                    rf"port {port} ssh2",
                    rf"Connection closed by invalid user {NOBODY} {host} port "
                    rf"{port} \[preauth\]"):
                self.log.wait_line(rf"sshd\[\d+\]: {line}$")
        found = self.found_by_fail2ban()
        self.assertEqual(set(found), {CLIENT, CLIENT6})
        self.assertGreaterEqual(len(found), len(fronts))

    def test_its_sandbox_is_on(self):
        """In the process that talks to a client who is not known yet."""
        front = self.fronts(V4, (FRONT,))[1]
        with front.connect(self.request("sandboxed")) as client:
            self.told(None, "sandboxed")
            client.settimeout(fixture.PATIENCE)
            fixture.wait_for(confined, "a process of user sshd in a sandbox")
        self.did("privilege separation, its sandbox and PAM on")


class Listening(Sshd, unittest.TestCase):
    hands_on = True
    program = "OpenSSH sshd"
    recipe = "sshd: proxied and direct clients"
    command = ["/usr/sbin/sshd", "-D"]

    def start(self, host, port):
        self.prepare(f"ListenAddress {host}\nPort {port}\n")
        program = self.launch(self.command)
        self.log.wait_line(rf"sshd\[\d+\]: Server listening on {host} port "
                           rf"{port}\.")
        return program

    def check_recipe(self, settings):
        """It holds in sessions, too, and after a reload."""
        program, front = super().check_recipe(settings)
        self.check_session(front)
        # it executes itself for each of its clients, and for that
        self.log.wait_line(r"sshd\[\d+\]: debug1: rexec start in ")
        start = len(self.log.lines)
        program.process.send_signal(signal.SIGHUP)
        self.log.wait_line(r"sshd\[\d+\]: Server listening on ", start)
        self.check_session(front)

    def test_recipe(self):
        settings, unit = Recipe(self.recipe).blocks
        with open("/lib/systemd/system/ssh.service", encoding="ascii") as file:
            unit = file.read() + unit
        # an empty one takes back those before
        commands = re.findall("^ExecStart=(.*)$", unit, re.M)
        self.command = [word for word in commands[-1].split()
                        if word != "$SSHD_OPTS"]
        self.environment = lambda: fixture.environment() | dict(
            variable.split("=") for variable
            in re.search("^Environment=(.*)$", unit, re.M)[1].split())
        self.check_recipe(settings)

    def test_recipe_of_the_machine(self):
        self.preload_everywhere()
        self.check_recipe(Recipe(MACHINE).settings)


def manual(pattern):
    """What a pattern's group is in the manual's example for
    LIBPROXYPROTO_INETD; words of all, if there are several."""
    return " ".join(re.findall(
        pattern, pages.source("libproxyproto.7").replace("\\-", "-"), re.M))


class Started(Sshd, unittest.TestCase):
    """The way of ssh.socket and ssh@.service."""

    program = "OpenSSH sshd -i, by systemd-socket-activate, not preloaded"
    note = UnawareCase.note
    # it is the environment that tells it
    test_recipe_with_ld_so_preload = None
    as_printed = False

    def environment(self):
        return fixture.environment()

    def start(self, host, port):
        self.prepare("")
        variables = [*manual("^Environment=(.*)$").split(),
                     f"LIBPROXYPROTO_TIMEOUT={self.settings['TIMEOUT']}"]
        if not self.as_printed:
            variables.append("LIBPROXYPROTO_TRUSTED=everyone")
        program = self.launch(
            ["systemd-socket-activate", "--accept", "--inetd", "--listen",
             join(host, port),
             *([] if self.trace else map("--setenv={}".format, variables)),
             *manual("^ExecStart=(.*)$").split()])
        program.wait_line("Listening on")
        return program

    def test_recipe(self):
        self.as_printed = True
        self.check_recipe("")

    def test_line_of_inetd_conf(self):
        self.prepare("")
        front = self.begin_recipe(22)
        with open("/etc/inetd.conf", "w", encoding="ascii") as file:
            file.write(manual("^(22 stream .*)$") + "\n")
        write(self, SETTINGS, TIMEOUT)
        program = self.launch(["inetd", "-i", "/etc/inetd.conf"])
        self.addCleanup(program.stop)
        fixture.wait_for(lambda: fixture.listening(22), "it to listen")
        self.check_silent(22)
        self.check_session(front)


if __name__ == "__main__":
    fixture.main()
