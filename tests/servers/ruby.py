# SPDX-License-Identifier: ISC
"""Ruby's TCPServer, a thread a client."""
import unittest

import fixture
from fixture.servers import LineCase

SCRIPT = """
require "socket"
server = TCPServer.new(ARGV[0], ARGV[1])
server.listen(1024)
puts "listening"
STDOUT.flush
loop do
  Thread.new(server.accept) do |client|
    remote, local = client.remote_address, client.local_address
    client.puts [client.gets.chomp, remote.ip_address, remote.ip_port,
                 local.ip_address, local.ip_port].join(" ")
    client.close
  end
end
"""


class Ruby(LineCase, unittest.TestCase):
    program = "Ruby TCPServer"
    packages = ("ruby",)
    tells = "remote_address, local_address"

    def start(self, host, port):
        program = self.launch(["ruby", "-e", SCRIPT, host, str(port)])
        program.wait_line("^listening$")
        return program


if __name__ == "__main__":
    fixture.main()
