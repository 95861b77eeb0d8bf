# SPDX-License-Identifier: ISC
"""A client with TCP_FASTOPEN_CONNECT: connect(2) returns before it connects."""
import socket
import sys
import unittest

import fixture

# Without a cookie, which the kernel has not of every server.
CLIENT = """
import socket, sys
TCP_FASTOPEN_CONNECT, TCP_FASTOPEN_NO_COOKIE = 30, 34
for number in range(20):
    with socket.socket() as client:
        client.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1)
        client.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1)
        client.connect(("127.0.0.1", int(sys.argv[1])))
        client.sendall(b"data")
"""


class FastOpen(unittest.TestCase):
    def test_each_connection_has_one_header(self):
        env = fixture.environment(fixture.CLIENT_LIBRARY, VERSION=1,
                                  ADDR="192.0.2.1", PORT=1111)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(fixture.PATIENCE)
            port = listener.getsockname()[1]
            header = fixture.v1(destination="127.0.0.1",
                                destination_port=port)
            with fixture.Program([sys.executable, "-c", CLIENT, str(port)],
                                 env) as program:
                for _ in range(20):
                    with listener.accept()[0] as server:
                        self.assertEqual(fixture.read_all(server),
                                         header + b"data")
                self.assertEqual(program.wait(), 0, program.output())


if __name__ == "__main__":
    fixture.main()
