# SPDX-License-Identifier: ISC
"""Application servers of Ruby and Perl, and what Lua and Tcl come with."""
import unittest

import fixture
from fixture.described import (HTTP, HTTP_ANSWER, HTTP_TELLS, DescribedCase,
                               OnlyIPv4Case)

RACK = """
run lambda { |env|
  [200, {"Content-Type" => "text/plain"},
   ["#{env["PATH_INFO"]} #{env["REMOTE_ADDR"]}\\n"]]
}
"""
PSGI = """
sub {
    my $env = shift;
    [200, ["Content-Type", "text/plain"],
     ["$env->{PATH_INFO} $env->{REMOTE_ADDR} $env->{REMOTE_PORT}\\n"]];
}
"""
LINE = "@word@ @client@ @client_port@ @reached@ @reached_port@\r?\n"


class RackCase(DescribedCase):
    files = {"config.ru": RACK}
    request = HTTP
    answer = "/@word@ @client@\n"
    tells = "the application's REMOTE_ADDR"


class Puma(RackCase, unittest.TestCase):
    program = "Puma"
    packages = ("puma",)
    command = "puma --threads 1:2 --bind tcp://@address@ config.ru"


class Unicorn(RackCase, unittest.TestCase):
    program = "Unicorn"
    packages = ("unicorn",)
    command = "unicorn --no-default-middleware --listen @address@ config.ru"


class Webrick(DescribedCase, unittest.TestCase):
    program = "WEBrick"
    packages = ("ruby-webrick",)
    request = HTTP
    answer = "/" + LINE
    tells = "the application's peeraddr, addr"
    command = "ruby serve.rb"
    files = {"serve.rb": """
require "webrick"
server = WEBrick::HTTPServer.new(BindAddress: "@host@", Port: @port@)
server.mount_proc("/") { |request, response|
  peer, own = request.peeraddr, request.addr
  response.body = "#{request.path} #{peer[3]} #{peer[1]} #{own[3]} #{own[1]}\\n"
}
server.start
"""}


class Starman(OnlyIPv4Case, unittest.TestCase):
    program = "Starman, Net::Server::PreFork"
    packages = ("starman",)
    files = {"app.psgi": PSGI}
    request = HTTP
    answer = HTTP_ANSWER
    tells = HTTP_TELLS
    command = "starman --workers 2 --listen @address@ app.psgi"
    note = "its --listen takes no IPv6 address; " + OnlyIPv4Case.note
    test_behind_haproxy_on_ipv6 = None


class Mojolicious(DescribedCase, unittest.TestCase):
    program = "Mojolicious"
    packages = ("libmojolicious-perl",)
    request = HTTP
    answer = "/" + LINE
    tells = "the application's remote_address, local_address"
    command = "perl app.pl daemon --listen http://@address@"
    files = {"app.pl": """
use Mojolicious::Lite;
get "/*any" => sub {
    my $c = shift;
    my $tx = $c->tx;
    $c->render(text => join(" ", $c->req->url->path, $tx->remote_address,
        $tx->remote_port, $tx->local_address, $tx->local_port) . "\\n");
};
app->start;
"""}


class HTTPDaemon(DescribedCase, unittest.TestCase):
    program = "Perl HTTP::Daemon"
    packages = ("libhttp-daemon-perl",)
    request = HTTP
    answer = "/" + LINE
    tells = "the application's peerhost, sockhost"
    command = "perl serve.pl"
    files = {"serve.pl": """
use HTTP::Daemon;
use HTTP::Response;
my $daemon = HTTP::Daemon->new(LocalAddr => "@host@", LocalPort => @port@)
    or die $!;
while (my $client = $daemon->accept) {
    my $request = $client->get_request or next;
    $client->send_response(HTTP::Response->new(200, "OK", [],
        join(" ", $request->uri->path, $client->peerhost, $client->peerport,
            $client->sockhost, $client->sockport) . "\\n"));
    $client->close;
}
"""}


class Lua(DescribedCase, unittest.TestCase):
    program = "LuaSocket"
    packages = ("lua-socket", "lua5.3")
    request = "@word@\n"
    answer = LINE
    tells = "the program's getpeername, getsockname"
    command = "lua5.3 serve.lua"
    files = {"serve.lua": """
local socket = require("socket")
local server = assert(socket.bind("@host@", @port@))
while true do
    socket.select({ server })
    local client = server:accept()
    local word = client and client:receive()
    if word then
        local peer, port = client:getpeername()
        local own, own_port = client:getsockname()
        client:send(table.concat({ word, peer, port, own, own_port }, " ")
            .. "\\n")
    end
    if client then client:close() end
end
"""}


class Tcl(DescribedCase, unittest.TestCase):
    program = "Tcl socket -server"
    packages = ("tcl",)
    request = "@word@\n"
    answer = LINE
    tells = "the program's command, fconfigure -sockname"
    command = "tclsh serve.tcl"
    files = {"serve.tcl": """
proc tell {client host port} {
    if {[gets $client word] > 0} {
        lassign [fconfigure $client -sockname] own name own_port
        catch {puts $client "$word $host $port $own $own_port"}
        close $client
    } elseif {[eof $client]} {
        close $client
    }
}
proc begin {client host port} {
    fconfigure $client -blocking 0
    fileevent $client readable [list tell $client $host $port]
}
socket -server begin -myaddr @host@ @port@
vwait forever
"""}


if __name__ == "__main__":
    fixture.main()
