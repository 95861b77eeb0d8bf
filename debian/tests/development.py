# SPDX-License-Identifier: ISC
"""What libproxyproto-dev gives to those who build programs."""
import os
import shutil
import subprocess
import tempfile
import unittest

import fixture

# Says who its client is, as accept and getpeername name it.
SERVER = r"""
#include <arpa/inet.h>
#include <netinet/in.h>
#include <proxyproto.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static void say(const char *what, const struct sockaddr_in *address)
{
	printf("%s %s %d\n", what, inet_ntoa(address->sin_addr),
	       ntohs(address->sin_port));
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int client;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("version %s\n", proxyproto_version());
	address.sin_port = htons(argc > 1 ? atoi(argv[1]) : 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&address, length) != 0 ||
	    listen(listener, 1) != 0)
		return 1;
	puts("listening");
	client = accept(listener, (struct sockaddr *)&address, &length);
	if (client < 0)
		return 1;
	say("accept", &address);
	length = sizeof(address);
	if (getpeername(client, (struct sockaddr *)&address, &length) != 0)
		return 1;
	say("getpeername", &address);
	return 0;
}
"""


EXAMPLES = "/usr/share/doc/libproxyproto-dev/examples"


def pkg_config(*arguments, package="libproxyproto"):
    return subprocess.check_output(
        ["pkg-config", *arguments, package], text=True).strip()


class PkgConfig(unittest.TestCase):
    def setUp(self):
        fixture.need("pkg-config")

    def test_links_the_library(self):
        self.assertIn("-lproxyproto",
                      pkg_config("--libs", "--cflags").split())

    def test_links_the_codec(self):
        self.assertIn("-lproxyproto_codec",
                      pkg_config("--libs", "--cflags",
                                 package="libproxyproto-codec").split())

    def check_preload(self, variable, name):
        path = pkg_config("--variable=" + variable)
        self.assertTrue(os.path.isabs(path), path)
        self.assertEqual(os.path.basename(path), name)
        loaded = subprocess.run(
            ["cat", "/proc/self/maps"], env=fixture.environment(path),
            capture_output=True, text=True, check=True)
        self.assertEqual(loaded.stderr, "")
        self.assertIn(os.path.realpath(path), loaded.stdout)

    def test_preload_variable(self):
        self.check_preload("preload", "libproxyproto.so")

    def test_preload_connect_variable(self):
        self.check_preload("preload_connect", "libproxyproto_connect.so")

    def test_preload_udp_variable(self):
        self.check_preload("preload_udp", "libproxyproto_udp.so")


class LinkedProgram(unittest.TestCase):
    def setUp(self):
        fixture.need("cc", "pkg-config")

    def build(self, directory):
        """The program, built as the dependent of a package would."""
        source = os.path.join(directory, "server.c")
        with open(source, "w", encoding="utf-8") as file:
            file.write(SERVER)
        subprocess.run(
            "cc -Wall -Werror -o server server.c "
            "$(pkg-config --cflags --libs libproxyproto)",
            shell=True, cwd=directory, check=True)
        return os.path.join(directory, "server")

    def test_linked_program_intercepts_without_preload(self):
        with tempfile.TemporaryDirectory() as directory:
            port = fixture.free_port()
            program = self.build(directory)
            with fixture.Program([program, str(port)],
                                 fixture.environment()) as server:
                server.wait_line("^listening$")
                with fixture.connect(port, fixture.v1()) as client:
                    fixture.read_all(client)
                self.assertEqual(server.wait(), 0)
                self.assertEqual(server.lines, [
                    "version " + pkg_config("--modversion"),
                    "listening",
                    "accept 192.0.2.1 1111",
                    "getpeername 192.0.2.1 1111",
                ])


class Examples(unittest.TestCase):
    """Built as they are installed, by their own Makefile, and run."""

    def setUp(self):
        fixture.need("cc", "make", "pkg-config")
        if not os.path.isdir(EXAMPLES):
            self.skipTest("dpkg leaves out documentation (path-exclude)")
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = directory.name + "/examples"
        shutil.copytree(EXAMPLES, self.path)
        done = subprocess.run(
            ["make", "CFLAGS=-O2 -Wall -Wextra -Werror"], cwd=self.path,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            check=False)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_health_check_of_the_other_example(self):
        port = str(fixture.free_port())
        environment = fixture.environment(MUST_USE_PROTOCOL_HEADER=1)
        with fixture.Program([self.path + "/common_name", "127.0.0.1", port],
                             environment) as server:
            server.wait_line("^listening$")
            said = subprocess.run(
                [self.path + "/health_check", "127.0.0.1", port, "", "Sorry"],
                env=fixture.environment(), stdout=subprocess.PIPE, text=True,
                check=True).stdout
            self.assertEqual(said, "up\n")
            server.wait_line(r"^127\.0\.0\.1 \d+: no TLS$")


if __name__ == "__main__":
    fixture.main()
