# SPDX-License-Identifier: ISC
"""A server that may have no more memory believes nobody for want of it."""
import errno
import unittest

import fixture

# It listens and accepts once its memory must not grow, and again when it may.
SERVER = """
import os, resource, socket

def serve():
    try:
        with listener.accept()[0] as client:
            client.sendall(b" ".join((client.getpeername()[0].encode(),
                                      client.recv(100))))
    except OSError as error:
        os.write(1, f"errno {error.errno}\\n".encode())

# by now the settings are read
other = socket.create_server(("127.0.0.1", 0))
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
print("port", listener.getsockname()[1], flush=True)
with open("/proc/self/statm", encoding="ascii") as file:
    pages = int(file.read().split()[0])
_, most = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize(), most))
listener.listen()
serve()
resource.setrlimit(resource.RLIMIT_AS, (most, most))
serve()
"""


class NoMemory(unittest.TestCase):
    def test_accept_says_so(self):
        program = fixture.Program(["python3", "-c", SERVER],
                                  fixture.environment(fixture.SERVER_LIBRARY))
        self.addCleanup(program.stop)
        port = int(program.wait_line(r"^port (\d+)$")[1])
        fixture.wait_for(lambda: fixture.listening(port), "a listener")
        program.wait_line(f"errno {errno.ENOMEM}")
        with fixture.connect(port, fixture.v1() + b"data") as client:
            self.assertEqual(fixture.read_all(client), b"192.0.2.1 data")
        self.assertEqual(program.wait(), 0, program.output())


fixture.main()
