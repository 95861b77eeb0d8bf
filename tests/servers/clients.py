# SPDX-License-Identifier: ISC
"""Real clients, most of which connect in the background, under the client
library.

The receiver is python and notes the bytes as they come. Each client is tried
with a receiver that answers at once, and with one whose backlog is full, so
that it is in its event loop when the connection comes to stand.
"""
import re
import shutil
import socket
import threading
import unittest

import fixture
from fixture import CLIENT_LIBRARY, SERVER_LIBRARY, nginx
from fixture.haproxy import sbin_path

BACKLOG = 15
ANSWER = (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
          b"hello")
# States of sockets in /proc/net/tcp.
SYN_SENT, LISTEN = "02", "0A"

HAPROXY = """
defaults
    mode tcp
    timeout connect 60s
    timeout client 60s
    timeout server 60s
listen front
    bind 127.0.0.1:{listen}
    server back 127.0.0.1:{port}
"""
NODE = """
const http = require("http"), port = process.argv[1];
for (let i = 0; i < process.argv[2]; i++)
    http.get({host: "127.0.0.1", port, path: "/" + i, agent: false}, reply =>
        reply.on("data", data => console.log("got " + data)));
"""
ASYNCIO = """
import asyncio, sys

async def get(number):
    reader, writer = await asyncio.open_connection("127.0.0.1", sys.argv[1])
    writer.write(b"GET /%d HTTP/1.0\\r\\n\\r\\n" % number)
    data = await reader.read()
    print("got", data.partition(b"\\r\\n\\r\\n")[2].decode(), flush=True)

async def main():
    await asyncio.gather(*map(get, range(int(sys.argv[2]))))

asyncio.run(main())
"""


def sockets():
    """The words of /proc/net/tcp about each."""
    with open("/proc/net/tcp", encoding="ascii") as file:
        return [line.split() for line in file][1:]


def wait_listening(port):
    """Waits for a program that says nothing, without a connect to it."""
    fixture.wait_for(
        lambda: any(words[1] == f"0100007F:{port:04X}" and words[3] == LISTEN
                    for words in sockets()), "it to listen")


class Receiver:
    """Notes what each connection begins with, up to the end of a request."""

    def __init__(self, full):
        self.received = []
        self._server = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        self._server.settimeout(fixture.PATIENCE)
        self.port = self._server.getsockname()[1]
        self._fill = [fixture.connect(self.port)
                      for _ in range(BACKLOG + 1)] if full else []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        if not full:
            self._thread.start()

    def connecting(self):
        """How many connects to it are under way."""
        return sum(words[2] == f"0100007F:{self.port:04X}"
                   and words[3] == SYN_SENT for words in sockets())

    def answer_now(self):
        """Makes room in the backlog."""
        for client in self._fill:
            self._server.accept()[0].close()
            client.close()
        self._thread.start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(fixture.PATIENCE)
                data = b""
                while not data.endswith(b"\r\n\r\n") or data.count(
                        b"\r\n\r\n") < 2:
                    chunk = connection.recv(4096)
                    if not chunk:
                        break
                    data += chunk
                self.received.append(data)
                connection.sendall(ANSWER)

    def close(self):
        self._server.close()


class Clients(unittest.TestCase):
    number = 6

    def environment(self, **settings):
        return fixture.environment(CLIENT_LIBRARY, **{
            "ADDR": "198.51.100.0/24", "PORT": 4711} | settings)

    def receiver(self, full):
        receiver = Receiver(full)
        self.addCleanup(receiver.close)
        return receiver

    def run_program(self, *argv, **settings):
        program = fixture.Program(argv, self.environment(**settings))
        self.addCleanup(program.stop)
        return program

    def check(self, start, processes=1):
        """
        start(port) makes the client ask, and returns what waits until it has
        its answers.
        """
        for full in (False, True):
            with self.subTest(full=full):
                receiver = self.receiver(full)
                ended = start(receiver.port)
                if full:
                    fixture.wait_for(
                        lambda: receiver.connecting() == self.number,
                        "the connects to begin")
                    receiver.answer_now()
                ended()
                self.check_received(receiver, processes)

    def check_received(self, receiver, processes):
        """
        A header each, from consecutive addresses, and then the request. Each
        process has a sequence of its own.
        """
        self.assertEqual(len(receiver.received), self.number)
        places = set()
        for data in receiver.received:
            place = data[19]
            places.add(place)
            self.assertEqual(data[:28], fixture.v2(
                f"198.51.100.{place}", "127.0.0.1", 4711, receiver.port))
            self.assertRegex(data[28:], rb"\AGET /\d* HTTP")
        if processes == 1:
            self.assertEqual(len(places), self.number)
            self.assertIn(self.number - 1, [
                (last - first) % 254 for first in places for last in places])

    def test_curl_parallel(self):
        fixture.need("curl")

        def start(port):
            program = self.run_program(
                "curl", "-sZ", "--parallel-immediate",
                f"http://127.0.0.1:{port}/[1-{self.number}]")

            def ended():
                self.assertEqual(program.wait(), 0)
                self.assertEqual(program.output().count("hello"),
                                 self.number)
            return ended
        self.check(start)

    def ended(self, program):
        def wait():
            self.assertEqual(program.wait(), 0, program.output())
            self.assertEqual(program.lines, ["got hello"] * self.number)
        return wait

    def test_node(self):
        fixture.need("node")
        self.check(lambda port: self.ended(self.run_program(
            "node", "-e", NODE, str(port), str(self.number))))

    def test_asyncio(self):
        self.check(lambda port: self.ended(self.run_program(
            "python3", "-c", ASYNCIO, str(port), str(self.number))))

    def ask(self, port):
        """Clients of a proxy, and what waits for their answers."""
        clients = []
        for number in range(self.number):
            client = fixture.connect(
                port, b"GET /%d HTTP/1.0\r\n\r\n" % number)
            self.addCleanup(client.close)
            clients.append(client)

        def ended():
            for client in clients:
                self.assertTrue(fixture.read_all(client).endswith(b"hello"))
        return ended

    def folder(self):
        return fixture.folder(self.addCleanup)

    def test_nginx_as_a_proxy(self):
        fixture.need("nginx")

        def start(port):
            listen = fixture.free_port()
            program = self.run_program(*nginx.command(self.folder(), f"""
        listen 127.0.0.1:{listen};
        location / {{ proxy_pass http://127.0.0.1:{port}; }}
"""))
            nginx.wait_ready(program)
            return self.ask(listen)
        self.check(start, processes=2)

    def test_haproxy(self):
        fixture.need("haproxy")
        haproxy = shutil.which("haproxy", path=sbin_path())

        def start(port):
            folder, listen = self.folder(), fixture.free_port()
            with open(folder + "/haproxy.cfg", "w", encoding="ascii") as file:
                file.write(HAPROXY.format(listen=listen, port=port))
            self.run_program(haproxy, "-db", "-f", folder + "/haproxy.cfg")

            wait_listening(listen)
            return self.ask(listen)
        self.check(start)

    def test_what_they_begin_with(self):
        """The header, and then something of their own."""
        for argv, begin in (
                (["wget", "-qO-", "-t1", "http://127.0.0.1:{}/"], b"GET /"),
                (["git", "ls-remote", "git://127.0.0.1:{}/x"], b"00"),
                (["ssh", "-p{}", "-F/dev/null", "127.0.0.1"], b"SSH-2.0-"),
                (["psql", "-hlocalhost", "-p{}", "-d",
                  "hostaddr=127.0.0.1 sslmode=disable"], b"\0\0"),
                (["redis-cli", "-p", "{}", "ping"], b"*"),
                (["ab", "-n1", "http://127.0.0.1:{}/"], b"GET /")):
            with self.subTest(argv[0]):
                if not shutil.which(argv[0]):
                    self.skipTest(argv[0] + " is missing")
                with socket.create_server(("127.0.0.1", 0)) as server:
                    server.settimeout(fixture.PATIENCE)
                    port = server.getsockname()[1]
                    program = self.run_program(
                        *[word.format(port) for word in argv],
                        ADDR="192.0.2.7")
                    connection = server.accept()[0]
                with connection:
                    connection.settimeout(fixture.PATIENCE)
                    header = fixture.v2("192.0.2.7", "127.0.0.1", 4711, port)
                    data = b""
                    while len(data) < len(header + begin):
                        chunk = connection.recv(len(header + begin)
                                                - len(data))
                        self.assertTrue(chunk, program.output())
                        data += chunk
                self.assertEqual(data, header + begin)
                program.stop()

    def test_round_trip(self):
        """Many clients in one, as a server under the other library sees."""
        fixture.need("curl")
        port = fixture.free_port()
        server = fixture.Program(
            ["python3", "-um", "http.server", "-b", "127.0.0.1", str(port)],
            fixture.environment(SERVER_LIBRARY,
                                MUST_USE_PROTOCOL_HEADER=1), cwd="/")
        self.addCleanup(server.stop)
        server.wait_line("^Serving HTTP")
        client = self.run_program(
            "curl", "-sZ", "-o", "/dev/null", "--parallel-immediate",
            "--parallel-max", "4", f"http://127.0.0.1:{port}/?[1-40]",
            TLV="alpn=h2", CRC32C="yes")
        self.assertEqual(client.wait(), 0)

        def seen():
            return re.findall(r"^(198\.51\.100\.\d+) - - .* 200 -$",
                              server.output(), re.M)
        # what it has written may not have been read yet
        fixture.wait_for(lambda: len(seen()) >= 40, "40 clients to be seen")
        self.assertEqual(len(seen()), 40)
        self.assertEqual(len(set(seen())), 40)


if __name__ == "__main__":
    fixture.main()
