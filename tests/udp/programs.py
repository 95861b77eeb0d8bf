# SPDX-License-Identifier: ISC
"""UDP of other languages, by whatever calls they make: each tells its client,
and its answer arrives by way of the proxy."""
import os
import shutil
import sys
import unittest

import fixture
from fixture import need, need_ipv6
from fixture.udp import sender, udp

NODE = """
const socket = require("dgram").createSocket(
    process.argv[1].includes(":") ? "udp6" : "udp4");
socket.on("message", (data, from) =>
    socket.send(`${data} ${from.address} ${from.port}`, from.port,
                from.address));
socket.bind(0, process.argv[1],
            () => console.log("port " + socket.address().port));
"""

ASYNCIO = """
import asyncio, sys
class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport
    def datagram_received(self, data, client):
        self.transport.sendto(b"%s %s %d" % (data, client[0].encode(),
                                             client[1]), client)
async def main():
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        Echo, local_addr=(sys.argv[1], 0))
    print("port", transport.get_extra_info("sockname")[1], flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""

PERL = """
use Socket qw(:DEFAULT :addrinfo inet_ntop);
$| = 1;
my $v6 = $ARGV[0] =~ /:/;
socket(my $s, $v6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0) or die;
bind($s, $v6 ? Socket::pack_sockaddr_in6(0, Socket::inet_pton(AF_INET6,
     $ARGV[0])) : pack_sockaddr_in(0, inet_aton($ARGV[0]))) or die;
my (undef, undef, $port) = getnameinfo(getsockname($s), NI_NUMERICSERV);
print "port $port\\n";
while (defined(my $from = recv($s, my $data, 2000, 0))) {
    my (undef, $host, $from_port) = getnameinfo(
        $from, NI_NUMERICHOST | NI_NUMERICSERV);
    send($s, "$data $host $from_port", 0, $from);
}
"""

ERLANG = """#!/usr/bin/env escript
main([Host]) ->
    {ok, Ip} = inet:parse_address(Host),
    Family = case size(Ip) of 8 -> inet6; 4 -> inet end,
    {ok, Socket} = gen_udp:open(0, [binary, Family, {ip, Ip},
                                    {active, true}]),
    {ok, Port} = inet:port(Socket),
    io:format("port ~p~n", [Port]),
    loop(Socket).
loop(Socket) ->
    receive {udp, Socket, Ip, Port, Data} ->
        ok = gen_udp:send(Socket, Ip, Port, [Data, " ", inet:ntoa(Ip), " ",
                                             integer_to_list(Port)])
    end,
    loop(Socket).
"""


class Programs(unittest.TestCase):
    def check(self, *argv):
        for host, client in (("127.0.0.1", "192.0.2.9"),
                             ("::1", "2001:db8::9")):
            if ":" in host:
                need_ipv6()
            with self.subTest(host), fixture.Program(
                    [*argv, host],
                    fixture.environment(fixture.UDP_LIBRARY)) as server, \
                    sender(host) as proxy:
                port = int(server.wait_line(r"^port (\d+)")[1])
                for number, header, name in (
                        (1, udp(client, 1234), f"{client} 1234"),
                        (2, b"", f"{host} {proxy.getsockname()[1]}"),
                        (3, udp(client, 4321), f"{client} 4321")):
                    data = b"word%d" % number
                    proxy.sendto(header + data, (host, port))
                    self.assertEqual(proxy.recv(99),
                                     data + b" " + name.encode())

    def test_node(self):
        need("node")
        self.check(shutil.which("node"), "-e", NODE)

    def test_asyncio(self):
        self.check(sys.executable, "-c", ASYNCIO)

    def test_perl(self):
        need("perl")
        self.check("perl", "-e", PERL)

    def test_erlang(self):
        need("escript")
        folder = fixture.folder(self.addCleanup)
        path = os.path.join(folder, "udp.escript")
        with open(path, "w", encoding="ascii") as file:
            file.write(ERLANG)
        self.check("escript", path)


if __name__ == "__main__":
    fixture.main()
