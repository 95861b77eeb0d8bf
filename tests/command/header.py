# SPDX-License-Identifier: ISC
"""proxyproto header writes what the client library would send."""
import shutil
import socket
import subprocess
import sys
import threading
import unittest

import fixture
from fixture.command import PROXYPROTO, command

CONNECT = """
import socket, sys
socket.create_connection(("127.0.0.1", int(sys.argv[1]))).close()
"""


def header(*options, status=0):
    done = command("header", *options, text=False)
    if done.returncode != status:
        raise AssertionError(done.stderr)
    return done.stdout


def sent(*options):
    """What a client sends that is run with these options, and to where."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        got = []

        def receive():
            connection, _ = listener.accept()
            with connection:
                got.append(fixture.read_all(connection))

        receiver = threading.Thread(target=receive)
        receiver.start()
        done = command("connect", "--how=preload", *options, sys.executable,
                       "-c", CONNECT, port)
        receiver.join(fixture.PATIENCE)
    assert done.returncode == 0, done.stderr
    return got[0], port


class Header(unittest.TestCase):
    def test_as_the_client_library(self):
        for options in ((), ("--version=1",), ("--addr=192.0.2.9",),
                        ("--addr=2001:db8::5", "--port=5"),
                        ("--command=LOCAL",),
                        ("--crc32c",), ("--raw=PROXY\\x20\\r\\n",),
                        ("--tlv=alpn=h2,unique-id=x,0xEA=01ff", "--crc32c"),
                        ("--dest-addr=192.0.2.2", "--version=1")):
            with self.subTest(options):
                expected, port = sent(*options)
                if "--raw" not in str(options) and "LOCAL" not in str(options):
                    options += ("--dest-port=" + port,)
                    if "--dest-addr" not in str(options):
                        options += ("--dest-addr=127.0.0.1",)
                self.assertEqual(header(*options), expected)

    def test_actual(self):
        self.assertEqual(header(), fixture.v2("127.0.0.1", "127.0.0.1", 8080,
                                              80))
        self.assertEqual(header("--addr=192.0.2.0/24", "--port=1"),
                         fixture.v2("192.0.2.1", "127.0.0.1", 1, 80))
        self.assertEqual(header("--addr=::2"),
                         fixture.v2("::2", "::1", 8080, 80))

    def test_datagram(self):
        for tlvs, options in (
                (b"", ()), (fixture.tlv(1, b"h2"), ("--tlv=alpn=h2",)),
                # stated, so it is left as it is
                (fixture.tlv(3, b"\1\2\3\4"), ("--tlv=0x03=01020304",))):
            block = fixture.addresses("192.0.2.1", "127.0.0.1", 8080, 80)
            self.assertEqual(
                header("--udp", "--addr=192.0.2.1", *options),
                fixture.v2_raw(protocol=0x12, block=block + tlvs))
        whole = header("--udp", "--addr=2001:db8::1", "--crc32c",
                       "--tlv=alpn=h2")
        self.assertEqual(whole[13], 0x22)
        self.assertEqual(fixture.crc32c(whole[:-4] + bytes(4)),
                         int.from_bytes(whole[-4:], "big"))

    def test_simple_proxy_protocol(self):
        v4, here = (socket.inet_pton(socket.AF_INET6, "::ffff:" + address)
                    for address in ("192.0.2.1", "127.0.0.1"))
        for udp in (), ("--udp",):
            self.assertEqual(
                header("--version=spp", "--addr=192.0.2.1", *udp),
                b"\x56\xec" + v4 + here + b"\x1f\x90\0\x50")

    def test_hexadecimal(self):
        self.assertEqual(header("--hex", "--crc32c"),
                         header("--crc32c").hex().encode() + b"\n")

    def test_environment(self):
        env = fixture.environment(ADDR="192.0.2.7", PORT=7)
        done = command("header", "--version=1", "--port=8", env=env,
                       text=False)
        self.assertEqual(done.stdout,
                         b"PROXY TCP4 192.0.2.7 127.0.0.1 8 80\r\n")

    def test_mistakes(self):
        for told, *options in (
                ('--tlv="alpn=h2" is not valid with --version="1": version 1 '
                 "has no vectors", "--version=1", "--tlv=alpn=h2"),
                ('--addr="nowhere" is not valid: it takes', "--addr=nowhere"),
                ("--version=0: there is no such header: it takes 1, 2 or spp",
                 "--version=0"),
                ("--udp: version 1 is of TCP alone: it takes version 2",
                 "--udp", "--version=1"),
                ("--udp: LOCAL states no transport", "--udp",
                 "--command=LOCAL"),
                ("--udp: a raw header is taken", "--udp", "--raw=x"),
                ('"more": one argument too many', "more"),
                ("--split=1: no such option", "--split=1")):
            done = command("header", *options)
            self.assertEqual((done.returncode, done.stdout), (125, ""))
            self.assertIn(f"proxyproto: header: {told}", done.stderr)

    def test_in_front_of_a_stream(self):
        """(proxyproto header ...; cat) | nc host port"""
        fixture.need("nc.openbsd")
        port = str(fixture.free_port())
        with fixture.Program(
                [PROXYPROTO, "run", shutil.which("nc.openbsd"), "-dlnv",
                 "127.0.0.1", port], fixture.environment()) as server:
            server.wait_line("^Listening on 127.0.0.1")
            done = subprocess.run(
                ["sh", "-c", '("$0" header --addr=192.0.2.55 --port=55; cat) '
                 f"| nc.openbsd -N 127.0.0.1 {port}", PROXYPROTO],
                env=fixture.environment(), input=b"hello\n", check=False,
                timeout=fixture.PATIENCE)
            self.assertEqual(done.returncode, 0)
            server.wait_line("^Connection received on 192.0.2.55 55$")
            server.wait_line("^hello$")
            self.assertEqual(server.wait(), 0)


if __name__ == "__main__":
    fixture.main()
