# SPDX-License-Identifier: ISC
"""Every example of README and the manual pages, with the real programs."""
import os
import re
import subprocess
import unittest

import fixture
from fixture import manual, sessions
from fixture.command import need_command, need_supervisor

SOURCE = os.environ["PP_SRCDIR"]

# Commands that README shows beside its EXAMPLES, by section. They build and
# install; CI and make distcheck run them.
OTHERS = {
    "SYNOPSIS": ["proxyproto run COMMAND [ARGUMENT ...]",
                 "proxyproto connect COMMAND [ARGUMENT ...]",
                 "LD_PRELOAD=libproxyproto.so COMMAND [ARGUMENT ...]",
                 "LD_PRELOAD=libproxyproto_udp.so COMMAND [ARGUMENT ...]",
                 "LD_PRELOAD=libproxyproto_connect.so COMMAND [ARGUMENT ...]"],
    "QUICK START": ["./dev demo", "./dev check",
                    "proxyproto run --trusted=192.0.2.10 COMMAND",
                    "proxyproto check -l PORT"],
    "BUILD": ["./autogen.sh", "./configure", "make", "make check",
              "make install",
              "pkg-config --variable=preload libproxyproto",
              "pkg-config --variable=preload_udp libproxyproto",
              "pkg-config --variable=preload_connect libproxyproto"],
    "SETTINGS FILE": ["# off, except below; only the load balancer is "
                      "believed", "version = 0", "trusted = 192.0.2.10",
                      "[sshd smtpd]", "version = 3", "[nginx]", "version = 3",
                      "must_use_protocol_header = yes"],
}


def readme_sections():
    """[(title, text), ...]"""
    with open(SOURCE + "/README", encoding="utf-8") as file:
        parts = re.split(r"^# (.*)$", file.read(), flags=re.M)
    return list(zip(parts[1::2], parts[2::2]))


def manual_examples(page):
    """The EXAMPLES of a manual page as they are shown."""
    text = subprocess.run(
        ["mandoc", "-T", "ascii", "-O", "width=200", manual.path(page)],
        stdout=subprocess.PIPE, text=True, check=True).stdout
    text = re.sub(".\b", "", text)
    return re.search(r"^EXAMPLES$(.*?)^\S", text, re.M | re.S).group(1)


class Examples(unittest.TestCase):
    def check(self, text, indent):
        """Runs the examples of a text; none may be overlooked."""
        fixture.need("bash", "curl", "haproxy", "nc.openbsd", "python3")
        fixture.need_ipv6()
        blocks = sessions.blocks(text, indent)
        prompts = len(re.findall(r"^ *\$ ", text, re.M))
        self.assertGreater(prompts, 0)
        self.assertEqual(prompts, sum(len(sessions.steps(block))
                                      for block in blocks))
        for block in blocks:
            with self.subTest(block), sessions.Session() as session:
                session.run(block)
        # nor does one change what the shell does with another
        with sessions.Session() as session:
            for block in blocks:
                session.run(block)

    def test_readme(self):
        need_command()
        self.check(dict(readme_sections())["EXAMPLES"], 4)

    def test_libproxyproto_7(self):
        fixture.need("mandoc")
        self.check(manual_examples("libproxyproto.7"), 11)

    def test_libproxyproto_connect_7(self):
        fixture.need("mandoc")
        self.check(manual_examples("libproxyproto_connect.7"), 11)

    def test_proxyproto_1(self):
        fixture.need("mandoc")
        need_supervisor()
        self.check(manual_examples("proxyproto.1"), 11)

    def test_no_command_of_readme_is_unknown(self):
        for title, text in readme_sections():
            if title == "EXAMPLES":
                continue
            shown = [line.strip() for line in text.splitlines()
                     if line.startswith("    ")]
            self.assertEqual(shown, OTHERS.get(title, []), title)


if __name__ == "__main__":
    fixture.main()
