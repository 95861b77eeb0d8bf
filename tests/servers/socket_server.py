# SPDX-License-Identifier: ISC
"""Python's socketserver: a thread, or a process, a client."""
import unittest

import fixture
from fixture.servers import LineCase

SCRIPT = """
import socket, socketserver, sys

class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        word = self.rfile.readline().decode().strip()
        told = (word, *self.client_address[:2],
                *self.request.getsockname()[:2])
        self.wfile.write(" ".join(map(str, told)).encode())

class Server(getattr(socketserver, sys.argv[3]), socketserver.TCPServer):
    request_queue_size = 1024
    max_children = 1000
    address_family = (socket.AF_INET6 if ":" in sys.argv[1]
                      else socket.AF_INET)

server = Server((sys.argv[1], int(sys.argv[2])), Handler)
print("listening", flush=True)
server.serve_forever()
"""


class SocketServer(LineCase):
    """Mixed into one case a way."""

    packages = ("python3",)
    tells = "client_address, getsockname"
    takes_ipv6_on_ipv4 = False

    def start(self, host, port):
        program = self.launch(["python3", "-c", SCRIPT, host, str(port),
                               self.way])
        program.wait_line("^listening$")
        return program


class Threading(SocketServer, unittest.TestCase):
    program = "Python socketserver, threads"
    way = "ThreadingMixIn"


class Forking(SocketServer, unittest.TestCase):
    program = "Python socketserver, processes"
    way = "ForkingMixIn"


if __name__ == "__main__":
    fixture.main()
