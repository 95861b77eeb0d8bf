# SPDX-License-Identifier: ISC
"""Exim, as Debian's daemon: forks for each client; its log, who may relay."""
import os
import re
import signal
import unittest

import fixture
from fixture.haproxy import Front
from fixture.recipes import Recipe, RecipeCase
from fixture.servers import V4, ServerCase

CONFIG = "/etc/exim4/exim4.conf"
LOG = "/var/log/exim4/mainlog"
TEXT = """
log_file_path = /var/log/exim4/%slog
log_selector = +smtp_connection +incoming_port +incoming_interface
primary_hostname = mail.example.org
local_interfaces = <; {host}
daemon_smtp_ports = {port}
smtp_enforce_sync = false
smtp_accept_max = 0
rfc1413_query_timeout = 0s
acl_smtp_rcpt = check_rcpt
begin acl
check_rcpt:
  accept hosts = 127.0.0.1
  deny
"""


def status(pid, name):
    """A line of what the kernel tells of a process."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return re.search(f"^{name}:\t(.*)$", file.read(), re.M)[1]


class Exim(RecipeCase, ServerCase, unittest.TestCase):
    program = "Exim"
    packages = ("exim4-daemon-light",)
    layer = "exim"      # it conflicts with Postfix
    tells = "log, ACL: hosts"
    note = ("with /etc/ld.so.preload also after SIGHUP; LD_PRELOAD is lost "
            "then, as it executes itself set-user-ID")
    recipe = "A mail server: Exim"
    greeting = b"220 "
    # it takes ::ffff:192.0.2.1 for 192.0.2.1
    tells_mapped = False

    def start(self, host, port):
        with open(CONFIG, "w", encoding="ascii") as file:
            file.write(TEXT.format(host=host, port=port))
        if os.path.exists(LOG):
            os.truncate(LOG, 0)
        program = self.launch(["exim4", "-bdf"])
        fixture.wait_for(lambda: fixture.listening(port), "it to listen")
        return program

    def request(self, word):
        return f"HELO {word.rstrip('.')}\r\nQUIT\r\n".encode()

    def told(self, program, word):
        pattern = re.compile(
            rf"connection from \({word.rstrip('.')}\) \[(.*)\]:(\d+) "
            r"I=\[(.*)\]:(\d+) .*closed by QUIT")

        def found():
            with open(LOG, encoding="utf-8") as file:
                return pattern.search(file.read())
        fixture.wait_for(found, word + " in the log")
        words = found().groups()
        self.reached = words[2:]
        return words[:2]

    def destination(self, program, word):
        return self.reached

    def test_who_may_not_relay(self):
        _, server = self.serve(V4)      # HAProxy may
        front = Front(V4, "send-proxy-v2", server)
        self.proxy(front)
        request = b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<x@y>\r\nQUIT\r\n"
        for client, answer in ((front.connect(), b"\r\n550 "),
                               (fixture.connect(server[1]), b" Accepted\r\n")):
            with client:
                client.sendall(request)
                self.assertIn(answer, fixture.read_all(client))

    def test_recipe(self):
        self.environment = lambda: fixture.environment("libproxyproto.so")
        self.check_recipe(Recipe(self.recipe).settings)

    def test_recipe_with_ld_so_preload(self):
        """Also after SIGHUP: it executes itself, set-user-ID then."""
        self.preload_everywhere()
        program, front = self.check_recipe(Recipe(self.recipe).settings)
        port = front.server[1]
        inode = fixture.listening(port)
        pid = program.process.pid
        # one that it gets on its way to poll() has to wait for a client
        fixture.wait_for(lambda: int(status(pid, "SigCgt"), 16) & 1
                         and status(pid, "State").startswith("S"),
                         "it to wait for clients")
        os.kill(pid, signal.SIGHUP)
        fixture.wait_for(
            lambda: fixture.listening(port) not in (None, inode),
            "it to listen anew")
        self.check_client(program, V4, "after", front.connect())


if __name__ == "__main__":
    fixture.main()
