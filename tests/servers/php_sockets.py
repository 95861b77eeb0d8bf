# SPDX-License-Identifier: ISC
"""PHP's extensions, shared objects that it loads with RTLD_DEEPBIND."""
import socket
import unittest

import fixture
from fixture import CLIENT_LIBRARY, v2
from fixture.servers import LineCase

SCRIPT = r"""
[, $host, $port] = $argv;
extension_loaded('sockets') or die("no ext-sockets\n");
$server = socket_create(str_contains($host, ':') ? AF_INET6 : AF_INET,
                        SOCK_STREAM, SOL_TCP);
socket_bind($server, $host, $port) and socket_listen($server, 1024) or die;
echo "listening\n";
while ($client = @socket_accept($server)) {
    $word = @socket_read($client, 1024, PHP_NORMAL_READ);
    if ($word === false || !@socket_getpeername($client, $peer, $peer_port))
        continue;
    socket_getsockname($client, $name, $name_port);
    socket_write($client, implode(' ', [trim($word), $peer, $peer_port,
                                        $name, $name_port]));
    socket_close($client);
}
die("accept failed\n");
"""

ASK = """
extension_loaded('curl') or die("no ext-curl\n");
$request = curl_init("http://127.0.0.1:$argv[1]/");
curl_setopt($request, CURLOPT_RETURNTRANSFER, true);
echo curl_exec($request), "\n";
"""


class PhpSockets(LineCase, unittest.TestCase):
    program = "PHP, ext-sockets"
    packages = ("php8.2-cli", "php8.2-curl")
    tells = "socket_getpeername, socket_getsockname"

    def start(self, host, port):
        program = self.launch(["php", "-r", SCRIPT, "--", host, str(port)])
        program.wait_line("^listening$")
        return program


class PhpSocketsRun(PhpSockets):
    program = "PHP, ext-sockets, by proxyproto run"
    means = "preloaded"


class PhpCurl(unittest.TestCase):
    """ext-curl: a client."""

    def test_sends_the_header(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(fixture.PATIENCE)
            port = server.getsockname()[1]
            program = fixture.Program(
                ["php", "-r", ASK, "--", str(port)],
                fixture.environment(CLIENT_LIBRARY, ADDR="198.51.100.7",
                                    PORT=4711))
            self.addCleanup(program.stop)
            connection = server.accept()[0]
            with connection:
                connection.settimeout(fixture.PATIENCE)
                data = b""
                while not data.endswith(b"\r\n\r\n"):
                    chunk = connection.recv(4096)
                    self.assertTrue(chunk, data)
                    data += chunk
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nanswer")
            program.wait_line("^answer$")
            header = v2("198.51.100.7", "127.0.0.1", 4711, port)
            self.assertEqual(data[:len(header)], header)
            self.assertEqual(data[len(header):][:6], b"GET / ")


if __name__ == "__main__":
    fixture.main()
