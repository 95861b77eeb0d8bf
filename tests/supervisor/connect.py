# SPDX-License-Identifier: ISC
"""Clients that cannot be preloaded: proxyproto connect --how=supervise."""
import os
import signal
import socket
import sys
import unittest

import fixture
from fixture import forbidding, v1, v2

SCRIPT = """
import errno, select, socket, sys
port = int(sys.argv[1])
def say(client):
    client.sendall(b"data")
    client.shutdown(socket.SHUT_WR)
    client.recv(1)
    client.close()
"""


class Connect(unittest.TestCase):
    def begin(self, script, host="127.0.0.1", prefix=(), **settings):
        """The first connection that a client makes: all that it sends."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, 0), family=family)
        self.addCleanup(listener.close)
        listener.settimeout(fixture.PATIENCE)
        self.port = listener.getsockname()[1]
        program = fixture.Program(
            [*prefix, fixture.COMMAND, "connect", "--how=supervise",
             sys.executable, "-c", SCRIPT + script, str(self.port)],
            fixture.environment(**settings))
        self.addCleanup(program.stop)
        connection, _ = listener.accept()
        connection.settimeout(fixture.PATIENCE)
        self.addCleanup(connection.close)
        data = fixture.read_all(connection)
        connection.close()
        self.assertEqual(program.wait(), 0, program.output())
        return data

    def header(self, host="127.0.0.1"):
        return v2("192.0.2.7", host, 7, self.port)

    def test_blocking(self):
        data = self.begin("""
client = socket.socket()
client.connect(("127.0.0.1", port))
say(client)
""", ADDR="192.0.2.7", PORT=7)
        self.assertEqual(data, self.header() + b"data")

    def test_nonblocking(self):
        data = self.begin("""
client = socket.socket()
client.setblocking(False)
assert client.connect_ex(("127.0.0.1", port)) == errno.EINPROGRESS
select.select([], [client], [])
assert client.connect_ex(("127.0.0.1", port)) == 0
client.setblocking(True)
say(client)
""", ADDR="192.0.2.7", PORT=7, VERSION=1)
        self.assertEqual(data, v1("192.0.2.7", "127.0.0.1", 7, self.port)
                         + b"data")

    def test_ipv6(self):
        fixture.need_ipv6()
        data = self.begin("""
client = socket.socket(socket.AF_INET6)
client.connect(("::1", port))
say(client)
""", host="::1", ADDR="2001:db8::7", PORT=7)
        self.assertEqual(data, v2("2001:db8::7", "::1", 7, self.port)
                         + b"data")

    def test_in_pieces(self):
        """What Fast Open cannot do is done in time."""
        for block in "True", "False":
            data = self.begin(f"""
client = socket.socket()
client.setblocking({block})
client.connect_ex(("127.0.0.1", port))
select.select([], [client], [])
client.setblocking(True)
say(client)
""", ADDR="192.0.2.7", PORT=7, SPLIT=5, DELAY=0.01)
            self.assertEqual(data, self.header() + b"data")

    # Signals come while the header is under way.
    INTERRUPTED = """
import ctypes, signal
signal.signal(signal.SIGALRM, lambda *_: print("signal", flush=True))
ctypes.CDLL(None).siginterrupt(signal.SIGALRM, {interrupts})
signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
client = socket.socket()
client.connect(("127.0.0.1", port))
client.sendall(b"data")
signal.setitimer(signal.ITIMER_REAL, 0)
say(client)
"""

    def test_interrupted(self):
        """No data overtakes the header, whether connect is restarted or not."""
        for interrupts in 0, 1:
            data = self.begin(self.INTERRUPTED.format(interrupts=interrupts),
                              ADDR="192.0.2.7", PORT=7, SPLIT=5, DELAY=0.05)
            self.assertEqual(data, self.header() + b"datadata")

    def test_older_kernel(self):
        """Before Linux 5.19 the filter has not all of its flags."""
        data = self.begin("""
client = socket.create_connection(("127.0.0.1", port))
say(client)
""", ADDR="192.0.2.7", PORT=7,
                          prefix=forbidding.prefix("seccomp:1:0x2c=EINVAL"))
        self.assertEqual(data, self.header() + b"data")

    def test_killed(self):
        """What kills a process does so, whatever it waits for."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            program = fixture.Program(
                [fixture.COMMAND, "connect", "--how=supervise", sys.executable,
                 "-c", SCRIPT + """
socket.create_connection(("127.0.0.1", port))
""", str(port)], fixture.environment(ADDR="192.0.2.7", SPLIT=1, DELAY=1000))
            self.addCleanup(program.stop)
            with listener.accept()[0] as client:
                self.assertEqual(client.recv(1), b"\r")
                program.process.terminate()
                self.assertEqual(program.wait(), -signal.SIGTERM)
                # nor does anything of ours go on with it
                client.settimeout(fixture.PATIENCE)
                self.assertEqual(fixture.read_all(client), b"")

    def test_refused(self):
        data = self.begin("""
with socket.create_server(("127.0.0.1", 0)) as nobody:
    address = nobody.getsockname()
for block in True, False:
    client = socket.socket()
    client.setblocking(block)
    error = client.connect_ex(address)
    if error == errno.EINPROGRESS:
        select.select([], [client], [])
        error = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    assert error == errno.ECONNREFUSED, error
assert socket.socket().connect_ex(("255.255.255.255", 1)) == errno.ENETUNREACH
client = socket.create_connection(("127.0.0.1", port))
say(client)
""", ADDR="192.0.2.7", PORT=7)
        self.assertEqual(data, self.header() + b"data")

    def test_bad_setting(self):
        """As under the library, connect fails."""
        program = fixture.Program(
            [fixture.COMMAND, "connect", "--how=supervise", sys.executable,
             "-c", """
import os, sys
os.environ["LIBPROXYPROTO_PORT"] = "many"
os.execv(sys.executable, [sys.executable, "-c",
    "import socket; print(socket.socket().connect_ex(('127.0.0.1', 1)))"])
"""], fixture.environment())
        self.addCleanup(program.stop)
        self.assertEqual(program.wait(), 0)
        self.assertEqual(program.lines[-1], "22")
        self.assertIn('LIBPROXYPROTO_PORT="many" is not valid',
                      program.lines[0])

    def test_others(self):
        """Unix and datagram sockets are the kernel's."""
        path = os.path.join(fixture.folder(self.addCleanup), "socket")
        data = self.begin(f"""
listener = socket.socket(socket.AF_UNIX)
listener.bind({path!r})
listener.listen()
client = socket.socket(socket.AF_UNIX)
client.connect({path!r})
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.connect(("127.0.0.1", port))
assert udp.getpeername() == ("127.0.0.1", port)
say(socket.create_connection(("127.0.0.1", port)))
""", ADDR="192.0.2.7", PORT=7)
        self.assertEqual(data, self.header() + b"data")


if __name__ == "__main__":
    fixture.main()
