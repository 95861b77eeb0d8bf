# SPDX-License-Identifier: ISC
"""An Erlang echo server with several acceptors: gen_tcp, inet:peername."""
import concurrent.futures
import os
import unittest

import fixture
from fixture.haproxy import Front
from fixture.servers import V4, ServerCase


ECHO = os.path.join(os.path.dirname(__file__), "echo.escript")


class Erlang(ServerCase):
    """Mixed into one case a mode of the socket."""

    packages = ("erlang-base",)
    tells = "inet:peername, inet:sockname"

    def start(self, host, port):
        fixture.need("escript", "erl")
        home = fixture.folder(self.addCleanup)
        program = self.launch(
            ["escript", ECHO, host, str(port), self.mode],
            # Erlang does not start without a home, and dumps when it fails
            self.environment() | {"HOME": home,
                                  "ERL_CRASH_DUMP_SECONDS": "0"})
        program.wait_line("^listening$")
        return program

    def request(self, word):
        return word.encode()

    def told(self, program, word):
        line = program.wait_line(
            rf"^(\S+) (\d+) at (\S+) (\d+) said {word}$")
        self.to = line.groups()[2:]
        return line.groups()[:2]

    def destination(self, program, word):
        return self.to

    def test_many_clients_of_several_acceptors(self):
        program, server = self.serve(V4)
        front = Front(V4, "send-proxy", server)
        self.proxy(front)

        def ask(number):
            client = front.connect(source=f"127.77.0.{1 + number}")
            self.check_client(program, V4, f"client{number}", client)

        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            list(pool.map(ask, range(100)))


class Passive(Erlang, unittest.TestCase):
    program = "Erlang gen_tcp, passive"
    mode = "passive"


class Active(Erlang, unittest.TestCase):
    program = "Erlang gen_tcp, active"
    mode = "active"


if __name__ == "__main__":
    fixture.main()
