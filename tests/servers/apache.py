# SPDX-License-Identifier: ISC
"""Apache in each of its three ways of life, started as Debian does."""
import os
import subprocess
import unittest

import fixture
from fixture.haproxy import join
from fixture.servers import ANYWHERE, ServerCase

MODULES = ("mpm_event", "mpm_prefork", "mpm_worker")
LOG = "/var/log/apache2/clients.log"
CONFIG = f"""
LogFormat "%a %{{remote}}p %A %{{local}}p %U" clients
CustomLog {LOG} clients
ServerName localhost
"""


class Apache(ServerCase):
    """Mixed into one case a multi-processing module."""

    packages = ("apache2",)
    tells = "access log: %a %{remote}p %A %{local}p"
    tells_mapped = False
    # it tells the client, but 0.0.0.0 for where it had connected to
    takes_ipv6_on_ipv4 = False

    def start(self, host, port):
        for module in MODULES:
            subprocess.run(["a2dismod", "-q", "-f", module], check=True)
        subprocess.run(["a2enmod", "-q", self.module], check=True)
        for path, text in (("ports.conf", f"Listen {join(ANYWHERE[host], port)}\n"),
                           ("conf-enabled/clients.conf", CONFIG)):
            with open("/etc/apache2/" + path, "w", encoding="ascii") as file:
                file.write(text)
        if os.path.exists(LOG):
            os.unlink(LOG)
        return self.launch_daemon(["apache2ctl", "start"])

    def request(self, word):
        return f"GET /{word} HTTP/1.0\r\n\r\n".encode()

    def log(self, word):
        """The words of the line about a request."""
        with open(LOG, encoding="ascii") as file:
            for line in file:
                if line.endswith(f" /{word}\n"):
                    return line.split()
        return None

    def told(self, program, word):
        fixture.wait_for(lambda: self.log(word), f"{word} in the log")
        return self.log(word)[:2]

    def destination(self, program, word):
        return self.log(word)[2:4]


class Event(Apache, unittest.TestCase):
    program = "Apache, event"
    module = "mpm_event"


class Prefork(Apache, unittest.TestCase):
    program = "Apache, prefork"
    module = "mpm_prefork"


class Worker(Apache, unittest.TestCase):
    program = "Apache, worker"
    module = "mpm_worker"


if __name__ == "__main__":
    fixture.main()
