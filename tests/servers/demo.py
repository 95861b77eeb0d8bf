# SPDX-License-Identifier: ISC
"""What ./dev demo shows: a real HAProxy in front of two servers.

Clients connect to HAProxy from an address that is not the proxy's, and each
server says who it believes its client is.
"""
import socket
import sys
import tempfile

import fixture
from fixture.command import PROXYPROTO
from fixture.haproxy import CLIENT, Front, HAProxy


def say(text):
    print(text, flush=True)


def ask(front, request):
    """Sends a request from CLIENT; the client's own port, once answered."""
    with front.connect(request) as client:
        client.shutdown(socket.SHUT_WR)
        fixture.read_all(client)
        return client.getsockname()[1]


def show(name, header, believed, port):
    """Prints what a server said. True if it names the client."""
    say(f"\n{name}, header {header}")
    say(f"  the client is   {CLIENT} port {port}, the proxy 127.0.0.1")
    say(f"  the server says {believed}")
    return CLIENT in believed


def main():
    host = "127.0.0.1"
    nc_port, web_port = fixture.free_port(), fixture.free_port()
    nc_front = Front(host, "send-proxy", (host, nc_port))
    web_front = Front(host, "send-proxy-v2", (host, web_port))
    env = fixture.environment()
    netcat = ["nc.openbsd", "-v", "-n", "-k", "-l", host, str(nc_port)]
    http = [sys.executable, "-u", "-m", "http.server", "--bind", host,
            str(web_port)]
    say("proxyproto run " + " ".join(netcat))
    say("proxyproto run python3 " + " ".join(http[1:]))
    with tempfile.TemporaryDirectory() as folder, \
            fixture.Program([PROXYPROTO, "run", *netcat], env) as nc, \
            fixture.Program([PROXYPROTO, "run", *http], env,
                            cwd=folder) as web:
        nc.wait_line("Listening on")
        web.wait_line("Serving HTTP on")
        with HAProxy(nc_front, web_front):
            ports = (ask(nc_front, b"hello\n"),
                     ask(web_front, b"GET / HTTP/1.0\r\n\r\n"))
        told = (nc.wait_line("Connection received.*")[0],
                web.wait_line(".*GET / .*")[0])
    right = (show("nc -v", "v1 (send-proxy)", told[0], ports[0]),
             show("python3 -m http.server", "v2 (send-proxy-v2)", told[1],
                  ports[1]))
    return 0 if all(right) else 1


if __name__ == "__main__":
    sys.exit(main())
