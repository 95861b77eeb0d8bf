# SPDX-License-Identifier: ISC
"""PHP's ext-sockets, a shared object that PHP loads with RTLD_DEEPBIND."""
import unittest

import fixture
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


class PhpSockets(LineCase, unittest.TestCase):
    program = "PHP, ext-sockets"
    packages = ("php8.2-cli",)
    tells = "socket_getpeername, socket_getsockname"

    def start(self, host, port):
        program = self.launch(["php", "-r", SCRIPT, "--", host, str(port)])
        program.wait_line("^listening$")
        return program


if __name__ == "__main__":
    fixture.main()
