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
import subprocess
import tempfile
import unittest

import fixture
from fixture.haproxy import CLIENT, CLIENT6, Front, join
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


class Sshd(ServerCase):
    """Mixed into one case a way to start it."""

    tells = ("auth log, $SSH_CLIENT, $SSH_CONNECTION, Match Address, "
             "from= in authorized_keys, fail2ban")
    packages = ("openssh-server", "openssh-client", "netcat-openbsd",
                "fail2ban", "openbsd-inetd")
    takes_ipv6_on_ipv4 = False
    tells_mapped = False
    match = ""
    log = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.key = folder.name + "/key"
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
            file.write(f"{text}LogLevel DEBUG\n{self.match}")
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
        self.assertEqual(client, f"{host} {port} {front.port}")
        self.assertEqual(connection,
                         f"{host} {port} {front.host} {front.port}")
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
    program = "OpenSSH sshd"

    def start(self, host, port):
        self.prepare(f"ListenAddress {host}\nPort {port}\n")
        program = self.launch(["/usr/sbin/sshd", "-D"])
        self.log.wait_line(rf"sshd\[\d+\]: Server listening on {host} port "
                           rf"{port}\.")
        return program


def manual(pattern):
    """A group of the manual's example for LIBPROXYPROTO_INETD."""
    with open(os.environ["PP_SRCDIR"] + "/man/libproxyproto.7.in",
              encoding="ascii") as file:
        return re.search(pattern, file.read().replace("\\-", "-"), re.M)[1]


class Started(Sshd, unittest.TestCase):
    """The way of ssh.socket and ssh@.service."""

    program = "OpenSSH sshd -i, by systemd-socket-activate, not preloaded"
    note = UnawareCase.note

    def environment(self):
        return fixture.environment()

    def start(self, host, port):
        self.prepare("")
        variables = [*manual("^Environment=(.*)$").split(),
                     f"LIBPROXYPROTO_TIMEOUT={self.settings['TIMEOUT']}"]
        program = self.launch(
            ["systemd-socket-activate", "--accept", "--inetd", "--listen",
             join(host, port),
             *([] if self.trace else map("--setenv={}".format, variables)),
             *manual("^ExecStart=(.*)$").split()])
        program.wait_line("Listening on")
        return program

    def test_line_of_inetd_conf(self):
        self.prepare("")
        with open("/etc/inetd.conf", "w", encoding="ascii") as file:
            file.write(manual("^(22 stream .*)$") + "\n")
        program = self.launch(["inetd", "-i", "/etc/inetd.conf"])
        self.addCleanup(program.stop)
        fixture.wait_for(lambda: fixture.listening(22), "it to listen")
        front = Front(FRONT, "send-proxy-v2", (V4, 22))
        self.proxy(front)
        self.check_session(front)


if __name__ == "__main__":
    fixture.main()
