# SPDX-License-Identifier: ISC
"""What ./dev demo shows: a real HAProxy in front of two preloaded servers.

Clients connect to HAProxy from an address that is not the proxy's, and each
server says who it believes its client is.
"""
import os
import signal
import socket
import subprocess
import sys
import tempfile

import fixture

CLIENT = "127.11.22.33"

HAPROXY = """
defaults
    mode tcp
    timeout connect 10s
    timeout client 10s
    timeout server 10s
listen nc
    bind 127.0.0.1:{nc_front}
    server nc 127.0.0.1:{nc} send-proxy
listen http
    bind 127.0.0.1:{http_front}
    server http 127.0.0.1:{http} send-proxy-v2
"""


def say(text):
    print(text, flush=True)


def ask(port, request):
    """Sends a request from CLIENT; the client's own port, once answered."""
    with fixture.connect(port, request, source=CLIENT) as client:
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
    names = ("nc", "http", "nc_front", "http_front")
    ports = {name: fixture.free_port() for name in names}
    env = fixture.environment(fixture.SERVER_LIBRARY)
    netcat = ["nc.openbsd", "-v", "-n", "-k", "-l", "127.0.0.1",
              str(ports["nc"])]
    http = [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1",
            str(ports["http"])]
    with tempfile.TemporaryDirectory() as folder:
        config = folder + "/haproxy.cfg"
        with open(config, "w", encoding="ascii") as file:
            file.write(HAPROXY.format(**ports))
        say("LD_PRELOAD=libproxyproto.so " + " ".join(netcat))
        say("LD_PRELOAD=libproxyproto.so python3 " + " ".join(http[1:]))
        with fixture.Program(netcat, env) as nc, \
                fixture.Program(http, env, cwd=folder) as web:
            nc.wait_line("Listening on")
            web.wait_line("Serving HTTP on")
            # the parent of the daemon returns when the ports are open
            subprocess.run(["/usr/sbin/haproxy", "-D", "-f", config, "-p",
                            folder + "/pid"], check=True)
            try:
                nc_port = ask(ports["nc_front"], b"hello\n")
                http_port = ask(ports["http_front"],
                                b"GET / HTTP/1.0\r\n\r\n")
                told = (nc.wait_line("Connection received.*")[0],
                        web.wait_line(".*GET / .*")[0])
            finally:
                with open(folder + "/pid", encoding="ascii") as file:
                    os.kill(int(file.read()), signal.SIGTERM)
    right = (show("nc -v", "v1 (send-proxy)", told[0], nc_port),
             show("python3 -m http.server", "v2 (send-proxy-v2)", told[1],
                  http_port))
    return 0 if all(right) else 1


if __name__ == "__main__":
    sys.exit(main())
