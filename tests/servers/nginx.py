# SPDX-License-Identifier: ISC
"""nginx, with several workers, logs its clients as it sees them."""
import concurrent.futures
import os
import signal
import unittest

import fixture
from fixture import matrix, nginx
from fixture.haproxy import Front, join
from fixture.recipes import (DIRECT, MACHINE, SETTINGS, Recipe, RecipeCase,
                             descriptors, write)
from fixture.servers import V4, ServerCase


def masters(port):
    """The process ids of nginx's masters that have the listener of a port."""
    for pid, _ in descriptors(fixture.listening(port)):
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            if file.read().startswith(b"nginx: master"):
                yield pid


class Nginx(nginx.LoggingCase, RecipeCase, ServerCase, unittest.TestCase):
    program = "nginx"
    recipe = "nginx: everything comes from the proxy"
    takes_ipv6_on_ipv4 = False

    def start(self, host, port):
        fixture.need("nginx")
        return self.start_nginx(f"""
        listen {join(host, port)} reuseport;
        location / {{ return 200 "hello\\n"; }}
""")

    def request(self, word):
        return f"GET /{word} HTTP/1.0\r\n\r\n".encode()

    def test_many_clients_of_several_workers(self):
        program, server = self.serve(V4)
        fronts = [Front(V4, options, server)
                  for options in ("send-proxy", "send-proxy-v2")]
        self.proxy(*fronts)
        words = [f"client{number}." for number in range(100)]

        def ask(number):
            client = fronts[number % 2].connect(
                source=f"127.77.0.{1 + number}")
            self.check_client(program, V4, words[number], client)

        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            list(pool.map(ask, range(len(words))))
        # SO_REUSEPORT spreads connections by their ports
        self.assertEqual(len({self.log(word)[3] for word in words}), 2)

    def check_recipe(self, settings):
        front = self.begin_recipe(80)
        write(self, SETTINGS, settings)
        program = self.start(V4, 80)
        self.addCleanup(program.stop)
        self.check_client(program, V4, "proxied", front.connect())
        for header in b"", fixture.v1():
            with fixture.connect(80, source=DIRECT) as client:
                client.sendall(header + self.request("direct"))
                self.assertEqual(fixture.read_all(client), b"")
        return program, front

    if matrix.ROWS:
        def test_recipe(self):
            """Also when it is upgraded without a stop."""
            settings, self.main = Recipe(self.recipe).blocks
            self.environment = lambda: fixture.environment("libproxyproto.so")
            self.launch = self.launch_daemon
            program, front = self.check_recipe(settings)
            old, = masters(80)
            os.kill(old, signal.SIGUSR2)
            fixture.wait_for(lambda: len(list(masters(80))) == 2, "a new one")
            os.kill(old, signal.SIGQUIT)
            fixture.wait_for(lambda: not os.path.exists(f"/proc/{old}"),
                             "the old one's end")
            self.check_client(program, V4, "upgraded", front.connect())

        def test_recipe_on_another_port(self):
            """It does not apply there."""
            self.environment = lambda: fixture.environment("libproxyproto.so")
            write(self, SETTINGS, Recipe(self.recipe).settings)
            program, server = self.serve(V4)
            self.check_client(program, V4, "direct",
                              fixture.connect(server[1], source=DIRECT))

        def test_recipe_of_the_machine(self):
            self.preload_everywhere()
            self.check_recipe(Recipe(MACHINE).settings)


if __name__ == "__main__":
    fixture.main()
