# SPDX-License-Identifier: ISC
"""What servers start in the tests: tells who is behind a descriptor.

Argument: the descriptor. Reads a line, and writes it with the names of both
ends as getpeername and getsockname have them.
"""
import os
import socket
import sys


def main():
    fd = int(sys.argv[1])
    with socket.socket(fileno=fd) as connection:
        word = connection.makefile().readline().strip()
        peer, name = connection.getpeername(), connection.getsockname()
        told = " ".join(map(str, (word, *peer[:2], *name[:2],
                                  os.environ.get("SOCAT_PEERADDR", "-"))))
        connection.sendall(told.encode() + b"\n")


if __name__ == "__main__":
    main()
