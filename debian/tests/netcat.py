# SPDX-License-Identifier: ISC
"""What nc, as a server, says of its client."""
import socket

import fixture


def need_address(host):
    """Skips a test, by name, where the loopback has no such address."""
    try:
        fixture.free_port(host)
    except OSError as error:
        raise fixture.unittest.SkipTest(f"no {host} here: {error.strerror}")


def conversation(command, env, data, host="127.0.0.1"):
    """
    Everything that the command, a listening nc, prints while one client sends
    it the data, from the line about that client on.
    """
    need_address(host)
    port = fixture.free_port(host)
    with fixture.Program([*command, "-nvl", host, str(port)], env) as server:
        server.wait_line(rf"^Listening on {host} {port}$")
        with fixture.connect(port, data, host) as client:
            client.shutdown(socket.SHUT_WR)
            fixture.read_all(client)
        server.wait()
        start = server.lines.index(f"Listening on {host} {port}")
        return server.lines[start + 1:]
