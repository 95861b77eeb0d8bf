# SPDX-License-Identifier: ISC
"""Servers on Unix sockets: they tell the client that HAProxy states."""
import contextlib
import os
import unittest

import fixture
from fixture import matrix, nginx
from fixture.recipes import SETTINGS, Recipe, write
from fixture.unix_servers import UnixServerCase

APPLICATION = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [("%s %s %s\\n" % (environ["PATH_INFO"], environ["REMOTE_ADDR"],
                             environ.get("REMOTE_PORT", ""))).encode()]
"""


class HTTPCase(UnixServerCase):
    recipe = "nginx and gunicorn: on a Unix socket"

    def request(self, word):
        return f"GET /{word} HTTP/1.0\r\n\r\n".encode()

    def check_recipe(self):
        """Nobody is served but by the proxy."""
        write(self, SETTINGS, Recipe(self.recipe).settings)
        self.settings = {"TIMEOUT": 60}
        program, path = self.serve()
        front = self.front(path)
        self.proxy(front)
        with self.connect(path, self.request("direct")) as client:
            self.assertEqual(fixture.read_all(client), b"")
        self.check_client(program, "127.0.0.1", "proxied", front.connect())

    if matrix.ROWS:
        def test_recipe(self):
            self.check_recipe()


class Nginx(nginx.LoggingCase, HTTPCase, unittest.TestCase):
    program = "nginx, on a Unix socket"
    note = "with LIBPROXYPROTO_UNIX=yes, tcp_nodelay off and tcp_nopush off"
    unnamed = "unix:"
    needs = Recipe(HTTPCase.recipe).blocks[3]

    def start(self, path):
        # sent as Debian's nginx.conf has it
        return self.start_nginx(f"""
        listen unix:{path};
        {self.needs}
        location = /file {{ alias nginx.conf; }}
        location / {{ return 200 "hello\\n"; }}
""", "sendfile on; tcp_nopush on;")

    def ask_twice(self):
        """What becomes of a second request on a connection that is kept."""
        program, path = self.serve()
        with self.connect(path, fixture.v1()) as client:
            for word in "first", "second":
                answer = b""
                with contextlib.suppress(ConnectionError):
                    client.sendall(f"GET /{word} HTTP/1.1\r\n"
                                   "Host: localhost\r\n\r\n".encode())
                    while b"hello" not in answer:
                        part = client.recv(4096)
                        if not part:
                            break
                        answer += part
        if answer:
            self.assertEqual(self.told(program, "second")[0], "192.0.2.1")
        return answer

    def ask_for_file(self):
        _, path = self.serve()
        with self.connect(path, fixture.v1() + self.request("file")) as client:
            return fixture.read_all(client)

    def test_a_connection_that_is_kept(self):
        self.assertIn(b"hello", self.ask_twice())

    def test_a_file(self):
        self.assertIn(b"alias", self.ask_for_file())

    def test_it_needs_what_the_manual_says(self):
        self.needs = "tcp_nopush off;"
        self.assertEqual(self.ask_twice(), b"")
        self.needs = "tcp_nodelay off;"
        self.assertNotIn(b"alias", self.ask_for_file())


class Gunicorn(HTTPCase, unittest.TestCase):
    program = "gunicorn, on a Unix socket"
    packages = ("gunicorn",)
    tells = "REMOTE_ADDR, REMOTE_PORT"
    note = "with LIBPROXYPROTO_UNIX=yes"

    def start(self, path):
        fixture.need("gunicorn")
        folder = os.path.dirname(path)
        with open(folder + "/app.py", "w", encoding="ascii") as file:
            file.write(APPLICATION)
        program = self.launch(["gunicorn", "--workers", "2", "--bind",
                               "unix:" + path, "app"], cwd=folder)
        for _ in range(2):
            program.wait_line("Booting worker with pid")
        return program

    def told(self, program, word):
        words = self.answer.decode().split("\r\n\r\n")[1].split(" ")
        self.assertEqual(words[0], f"/{word}")
        return words[1:]


if __name__ == "__main__":
    fixture.main()
