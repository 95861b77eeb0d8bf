# SPDX-License-Identifier: ISC
"""What servers start in the tests: tells who is behind a descriptor.

Arguments: the descriptor, and names of environment variables. Reads a line, and
writes it with the names of both ends as getpeername and getsockname have them,
and with the variables.
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
                                  *(os.environ.get(variable, "-")
                                    for variable in sys.argv[2:]))))
        connection.sendall(told.encode() + b"\n")


if __name__ == "__main__":
    main()
