# SPDX-License-Identifier: ISC
"""Servers that the library cannot reach: nothing else may break for them.

They see what they would see without it: the header, and the proxy.
"""
import subprocess
import unittest

import fixture
from fixture import matrix
from fixture.haproxy import Front, HAProxy
from fixture.servers import V4

# Answers with the peer's port and all that it got up to a line feed's end.
SOURCE = r"""
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef URING
#include <liburing.h>
#endif

static int accept_one(int listener)
{
#if defined(URING)
	static struct io_uring ring;
	static int started;
	struct io_uring_cqe *done;
	int fd;

	if (!started++ && io_uring_queue_init(8, &ring, 0) != 0)
		exit(3);
	io_uring_prep_accept(io_uring_get_sqe(&ring), listener, NULL, NULL, 0);
	io_uring_submit(&ring);
	if (io_uring_wait_cqe(&ring, &done) != 0)
		exit(4);
	fd = done->res;
	io_uring_cqe_seen(&ring, done);
	return fd;
#elif defined(RAW)
	return (int)syscall(SYS_accept4, listener, NULL, NULL, 0);
#else
	return accept(listener, NULL, NULL);
#endif
}

int main(int argc, char **argv)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	name.sin_port = htons(atoi(argv[argc - 1]));
	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&name, sizeof(name)) != 0 ||
	    listen(listener, 16) != 0)
		return 1;
	puts("listening");
	fflush(stdout);
	for (;;) {
		struct sockaddr_in peer;
		socklen_t length = sizeof(peer);
		int fd = accept_one(listener);
		char data[4096];
		ssize_t size;

		if (fd < 0)
			return 2;
		getpeername(fd, (struct sockaddr *)&peer, &length);
		dprintf(fd, "%s\n", inet_ntoa(peer.sin_addr));
		while ((size = read(fd, data, sizeof(data))) > 0)
			if (write(fd, data, (size_t)size) != size)
				break;
		close(fd);
	}
}
"""


class Unreachable(matrix.Row):
    """Mixed into one case a way."""

    tells = "getpeername"
    options = ()

    @classmethod
    def setUpClass(cls):
        folder = fixture.folder(cls.addClassCleanup)
        source = folder + "/server.c"
        cls.server = folder + "/server"
        with open(source, "w", encoding="ascii") as file:
            file.write(SOURCE)
        subprocess.run(["gcc", "-o", cls.server, source, *cls.options],
                       check=True)

    def exchange(self, library):
        """What the server answers to a header and data of HAProxy's, with
        and without a library."""
        port = fixture.free_port()
        program = fixture.Program(
            [self.server, str(port)],
            fixture.environment(library, TIMEOUT=600))
        self.addCleanup(program.stop)
        program.wait_line("^listening$")
        answers = []
        for options in ("send-proxy", "send-proxy-v2"):
            front = Front(V4, options, (V4, port))
            with HAProxy(front):
                with front.connect(b"data") as client:
                    here, there = client.getsockname()
                    client.shutdown(1)
                    answers.append(fixture.read_all(client))
            header = (fixture.v1 if options == "send-proxy" else fixture.v2)(
                here, V4, there, front.port)
            self.assertEqual(answers[-1], b"127.0.0.1\n" + header + b"data")
        self.assertIsNone(program.process.poll(), program.output())
        return program

    def test_as_without_the_library(self):
        self.exchange(None)
        program = self.exchange(fixture.SERVER_LIBRARY)
        with open(f"/proc/{program.process.pid}/maps",
                  encoding="ascii") as file:
            self.assertEqual("libproxyproto" in file.read(), self.loaded)


class Static(Unreachable, unittest.TestCase):
    program = "a static C program"
    packages = ("gcc", "libc6-dev")
    options = ("-static",)
    fails = "the loader has no part in it, and preloads nothing"
    loaded = False


class Raw(Unreachable, unittest.TestCase):
    program = "a program that accepts by syscall(2), as Go's do"
    packages = ("gcc", "libc6-dev")
    options = ("-DRAW",)
    fails = "it does not call the C library's accept"
    loaded = True


class Uring(Unreachable, unittest.TestCase):
    program = "a program that accepts by io_uring"
    packages = ("liburing-dev", "gcc", "libc6-dev")
    options = ("-DURING", "-luring")
    fails = "it does not call the C library's accept"
    loaded = True


if __name__ == "__main__":
    fixture.main()
