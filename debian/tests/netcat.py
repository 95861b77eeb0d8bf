# SPDX-License-Identifier: ISC
"""What nc, as a server, says of its client."""
import socket

import fixture


def conversation(command, env, data, host="127.0.0.1"):
    """
    Everything that the command, a listening nc, prints while one client sends
    it the data, from the line about that client on.
    """
    if ":" in host:
        fixture.need_ipv6()
    port = fixture.free_port(host)
    with fixture.Program([*command, "-nvl", host, str(port)], env) as server:
        server.wait_line(rf"^Listening on {host} {port}$")
        with fixture.connect(port, data, host) as client:
            client.shutdown(socket.SHUT_WR)
            fixture.read_all(client)
        server.wait()
        start = server.lines.index(f"Listening on {host} {port}")
        return server.lines[start + 1:]
