# SPDX-License-Identifier: ISC
"""A server of python3's asyncio: epoll, accept4 until there is no more."""
import sys
import unittest

import fixture
from fixture.servers import ServerCase

SCRIPT = """
import asyncio, sys

async def serve(reader, writer):
    word = await reader.readline()
    print(*writer.get_extra_info("peername")[:2],
          *writer.get_extra_info("sockname")[:2], word.decode().strip(),
          flush=True)
    writer.close()

async def main():
    server = await asyncio.start_server(serve, sys.argv[1], int(sys.argv[2]))
    print("listening", flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


class Asyncio(ServerCase, unittest.TestCase):
    program = "Python asyncio"
    packages = ("python3",)
    tells = 'get_extra_info("peername"), "sockname"'
    takes_ipv6_on_ipv4 = False

    def start(self, host, port):
        program = self.launch([sys.executable, "-c", SCRIPT, host,
                               str(port)])
        program.wait_line("^listening$")
        return program

    def request(self, word):
        return word.encode() + b"\n"

    def told(self, program, word):
        self.line = program.wait_line(
            rf"^(\S+) (\d+) (\S+) (\d+) {word}$").groups()
        return self.line[:2]

    def destination(self, program, word):
        return self.line[2:]


if __name__ == "__main__":
    fixture.main()
