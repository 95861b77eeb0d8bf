# SPDX-License-Identifier: ISC
"""Postfix: its master listens; smtpd accepts, in a chroot jail; postscreen
accepts and hands the connection to an smtpd over a Unix socket.
"""
import re
import subprocess
import unittest

import fixture
from fixture.haproxy import join
from fixture.recipes import MACHINE, Recipe, RecipeCase
from fixture.servers import ServerCase
from fixture.syslog import Syslog

MAIN = {
    "smtpd_client_port_logging": "yes",
    "smtpd_peername_lookup": "no",
    "smtpd_relay_restrictions": "reject",
    "smtpd_tls_security_level": "none",
    # postscreen has no questions to these
    "mynetworks": "0.0.0.0/0 [::]/0",
}


class Postfix(RecipeCase, ServerCase):
    """Mixed into one case a service."""

    packages = ("postfix",)
    tells = "mail log"
    note = ("LD_PRELOAD and each LIBPROXYPROTO_* that is set must be named in "
            "import_environment")
    takes_ipv6_on_ipv4 = False
    # it takes ::ffff:192.0.2.1 for 192.0.2.1
    tells_mapped = False
    log = None
    recipe = "A mail server: Postfix"
    greeting = b"220 "
    # the command that sets import_environment as the recipe has it
    imports = None
    # of the client, before a line that names the word
    line = (r"postfix/smtpd\[\d+\]: NOQUEUE: reject: RCPT from "
            r"unknown\[(\S+)\]:(\d+): .* helo=<{}>$")

    def services(self, address):
        """Lines of master.cf, by name."""
        raise NotImplementedError

    def import_environment(self):
        if self.imports:
            subprocess.run(self.imports, shell=True, check=True)
            return
        imported = subprocess.run(
            ["postconf", "-d", "-h", "import_environment"], check=True,
            stdout=subprocess.PIPE, text=True).stdout.split()
        imported += ["LD_PRELOAD", *("LIBPROXYPROTO_" + name
                                     for name in self.settings)]
        subprocess.run(["postconf", "-e", "import_environment = "
                        + " ".join(imported)], check=True)

    def configure(self, address):
        self.import_environment()
        subprocess.run(
            ["postconf", "-e", *map("{0[0]} = {0[1]}".format,
                                    MAIN.items())], check=True)
        subprocess.run(["postconf", "-M", "-X", "smtp/inet"], check=True)
        subprocess.run(["postconf", "-M", "-e", *self.services(address)],
                       check=True)

    def start(self, host, port):
        self.configure(join(host, port))
        if not self.log:
            self.log = Syslog(self)
        start = len(self.log.lines)
        program = self.launch_daemon(["postfix", "start"])
        self.log.wait_line(r"postfix/master\[\d+\]: daemon started", start)
        return program

    def request(self, word):
        return (f"HELO {word}\r\nMAIL FROM:<>\r\n"
                "RCPT TO:<somebody@example.com>\r\nQUIT\r\n").encode()

    def told(self, program, word):
        return self.log.wait_line(self.line.format(re.escape(word))).groups()

    def test_recipe(self):
        recipe = Recipe(self.recipe)
        self.imports = recipe.blocks[1]
        self.environment = fixture.environment
        self.check_recipe(recipe.settings)


class Smtpd(Postfix, unittest.TestCase):
    program = "Postfix smtpd"

    def services(self, address):
        return [f"{address}/inet={address} inet n - y - - smtpd"]

    def test_recipe_of_the_machine(self):
        self.preload_everywhere()
        self.check_recipe(Recipe(MACHINE).settings)


class Postscreen(Postfix, unittest.TestCase):
    program = "Postfix postscreen"
    tells = "mail log, also of the smtpd that gets the connection"

    def services(self, address):
        return [f"{address}/inet={address} inet n - y - 1 postscreen",
                "smtpd/pass=smtpd pass - - y - - smtpd"]

    def told(self, program, word):
        client = super().told(program, word)
        name = r"\[{}\]:{}".format(*map(re.escape, client))
        self.connected = self.log.wait_line(
            rf"postfix/postscreen\[\d+\]: CONNECT from {name} to "
            r"\[(\S+)\]:(\d+)$").groups()
        self.log.wait_line(rf"postfix/postscreen\[\d+\]: ALLOWLISTED {name}$")
        return client

    def destination(self, program, word):
        return self.connected


if __name__ == "__main__":
    fixture.main()
