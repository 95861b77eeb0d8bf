# SPDX-License-Identifier: ISC
"""Dovecot: its master listens; imap-login accepts, in a chroot jail, one
client a process, and hands it to an imap process over a Unix socket.
"""
import re
import unittest

import fixture
from fixture.haproxy import Front
from fixture.recipes import Recipe, RecipeCase
from fixture.servers import V4, ServerCase

CONFIG = "/tmp/dovecot.conf"
ANYBODY = "0.0.0.0/0,::/0"
TEXT = """
protocols = imap
listen = {host}
ssl = no
disable_plaintext_auth = no
auth_failure_delay = 0
log_path = /dev/stderr
login_log_format_elements = user=<%u> \
    from=%{{real_rip}}/%{{real_rport}} \
    to=%{{real_lip}}/%{{real_lport}}
mail_location = maildir:/tmp/mail/%u
{imports}
service imap-login {{
  service_count = {clients}
  inet_listener imap {{
    port = {port}
  }}
}}
passdb {{
  driver = static
  args = nopassword=y allow_nets={allowed}
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home=/tmp/mail/%u
}}
"""


class Dovecot(RecipeCase, ServerCase, unittest.TestCase):
    program = "Dovecot"
    packages = ("dovecot-imapd",)
    tells = "log, allow_nets"
    note = ("LD_PRELOAD and each LIBPROXYPROTO_* that is set must be named in "
            "import_environment; service_count = 0 for imap-login, or its "
            "first client ends it, and those whose header is late are lost")
    allowed = ANYBODY
    clients = 1     # the default
    recipe = "A mail server: Dovecot"
    greeting = b"* OK "
    # the line about import_environment as the recipe has it
    imports = None

    def start(self, host, port):
        imports = self.imports or " ".join(
            ["import_environment = $import_environment LD_PRELOAD",
             *("LIBPROXYPROTO_" + name for name in self.settings)])
        with open(CONFIG, "w", encoding="ascii") as file:
            file.write(TEXT.format(host=host, port=port, imports=imports,
                                   allowed=self.allowed, clients=self.clients))
        program = self.launch(["dovecot", "-F", "-c", CONFIG])
        fixture.wait_for(lambda: fixture.listening(port), "it to listen")
        fixture.wait_for(lambda: self.logs(program, host, port), "it to log")
        return program

    def logs(self, program, host, port):
        """Does it log clients yet? It listens before its log process is there,
        and what comes before that may not be told until more does."""
        header = b"" if self.trace else fixture.v2()
        with fixture.connect(port, header + b"a LOGOUT\r\n", host) as client:
            fixture.read_all(client)
        return "imap-login: " in program.output()

    def request(self, word):
        return f"a LOGIN {word} x\r\nb LOGOUT\r\n".encode()

    def check_client(self, program, listener, word, client):
        # without shutdown(): it drops whom it sees the end of before it has
        # connected to its auth process
        with client:
            name, port = client.getsockname()[:2]
            destination = client.getpeername()[:2]
            client.sendall(self.request(word))
            self.assertIn(b"a OK ", fixture.read_all(client))
        told = self.told(program, word)
        self.assertEqual(told, (self.as_told(listener, name), str(port)))
        self.did("port")
        self.check_destination(listener, destination, self.reached)

    def told(self, program, word):
        words = program.wait_line(
            rf"user=<{re.escape(word)}>, from=(\S+)/(\d+), to=(\S+)/(\d+)"
        ).groups()
        self.reached = words[2:]
        return words[:2]

    def test_late_header(self):
        self.clients = 0
        program, server = self.serve(V4)
        header = fixture.v2()
        with fixture.connect(server[1], header[:20]) as late:
            for word in "first", "second":
                self.check_client(program, V4, word,
                                  fixture.connect(server[1]))
            late.sendall(header[20:] + self.request("late"))
            self.assertIn(b"a OK ", fixture.read_all(late))
        self.assertEqual(self.told(program, "late"), ("192.0.2.1", "1111"))

    def test_recipe(self):
        recipe = Recipe(self.recipe)
        self.imports = recipe.blocks[1]
        self.environment = fixture.environment
        self.check_recipe(recipe.settings)

    def test_who_is_not_in_allow_nets(self):
        self.allowed = "127.0.0.1/32"   # the proxy
        _, server = self.serve(V4)
        front = Front(V4, "send-proxy-v2", server)
        self.proxy(front)
        with front.connect(self.request("word")) as client:
            self.assertIn(b"\r\na NO [AUTHENTICATIONFAILED]",
                          fixture.read_all(client))


if __name__ == "__main__":
    fixture.main()
