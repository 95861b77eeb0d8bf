# SPDX-License-Identifier: ISC
"""OpenSSH's sshd, as Debian starts it: it forks, and executes itself.

What its log and its sessions say of the client, what it decides by address,
and that fail2ban would find the client in the log.
"""
import os
import re
import subprocess
import tempfile
import unittest

import fixture
from fixture.haproxy import CLIENT, CLIENT6, Front
from fixture.servers import FRONT, V4, V6, ServerCase
from fixture.syslog import Syslog

CONFIG = "/etc/ssh/sshd_config.d/test.conf"
USER = "visitor"


class Sshd(ServerCase, unittest.TestCase):
    program = "OpenSSH sshd"
    tells = ("auth log, $SSH_CLIENT, $SSH_CONNECTION, Match Address, "
             "from= in authorized_keys")
    note = "privilege separation and its sandbox on"
    packages = ("openssh-server", "openssh-client", "netcat-openbsd")
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

    def start(self, host, port):
        with open(CONFIG, "w", encoding="ascii") as file:
            file.write(f"ListenAddress {host}\nPort {port}\n"
                       f"LogLevel DEBUG\n{self.match}")
        os.makedirs("/run/sshd", exist_ok=True)
        if not self.log:
            self.log = Syslog(self)
        program = self.launch(["/usr/sbin/sshd", "-D"])
        self.log.wait_line(rf"sshd\[\d+\]: Server listening on {host} port "
                           rf"{port}\.")
        return program

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

    def ssh(self, front, *arguments, user=USER):
        """What a session's command says; self.client is where it is from."""
        host = CLIENT6 if ":" in front.host else CLIENT
        self.client = host, fixture.free_port(host)
        return subprocess.run(
            ["ssh", "-i", self.key, "-o", "StrictHostKeyChecking=no",
             "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes",
             "-o", "LogLevel=ERROR", "-o",
             f"ProxyCommand=nc -s {host} -p {self.client[1]} {front.host} "
             f"{front.port}", f"{user}@server", *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
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

    def test_log_lines_that_fail2ban_looks_for(self):
        for front in self.fronts(V6):
            self.assertEqual(
                self.ssh(front, "true", user="nobody-there").returncode, 255)
            host, port = self.client
            self.log.wait_line(r"sshd\[\d+\]: Invalid user nobody-there from "
                               rf"{re.escape(host)} port {port}$")
            self.log.wait_line(
                r"sshd\[\d+\]: Connection closed by invalid user nobody-there "
                rf"{re.escape(host)} port {port} \[preauth\]$")


if __name__ == "__main__":
    fixture.main()
