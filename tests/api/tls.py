# SPDX-License-Identifier: ISC
"""What HAProxy says of its TLS clients, in programs linked with the library."""
import os
import shutil
import signal
import socket
import ssl
import subprocess
import unittest

import fixture
from fixture import linking
from fixture.haproxy import CLIENT, Front, HAProxy

NAME = "client.example"
SERVER = "server.example"
OPTIONS = ("send-proxy-v2 proxy-v2-options "
           "ssl,cert-cn,ssl-cipher,cert-key,cert-sig,unique-id,authority,"
           "crc32c")

LISTEN = """
listen {name}
    bind {bind} ssl crt {folder}/server.pem ca-file {folder}/ca.pem verify \
optional crt-ignore-err all
    unique-id-format %ci-%cp
    server {name} {server} {options}
"""


class TLSFront(Front):
    """HAProxy ends TLS here, and asks clients for a certificate."""

    def __init__(self, folder, port):
        super().__init__("127.0.0.1", OPTIONS, ("127.0.0.1", port))
        self.folder = folder

    @property
    def config(self):
        return LISTEN.format(name=self.name, options=self.options,
                             folder=self.folder,
                             bind=f"{self.host}:{self.port}",
                             server=":".join(map(str, self.server)))

    def talk(self, certificate=None):
        """What a TLS client is told, and what it knows of the connection."""
        context = ssl.create_default_context(cafile=self.folder + "/ca.pem")
        if certificate:
            context.load_cert_chain(f"{self.folder}/{certificate}.pem")
        with self.connect() as plain, context.wrap_socket(
                plain, server_hostname=SERVER) as client:
            # HAProxy connects, and sends the header, at once
            return (client.recv(4096).decode(), client.getsockname()[1],
                    client.cipher()[0], client.version())


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_certificate(folder, file, name, issuer=None):
    """file.pem has the key and the certificate."""
    signed = (["-CA", issuer + ".pem", "-CAkey", issuer + ".pem"]
              if issuer else [])
    openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256",
            "-subj", "/CN=" + name, "-days", "3650", "-addext",
            "subjectAltName=DNS:" + name, "-addext",
            "keyUsage=keyCertSign,digitalSignature", "-keyout",
            file + ".key", "-out", file + ".crt", *signed)
    with open(f"{folder}/{file}.pem", "w", encoding="ascii") as pem:
        for part in "key", "crt":
            with open(f"{folder}/{file}.{part}", encoding="ascii") as one:
                pem.write(one.read())


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        fixture.need("cc", "haproxy", "openssl")
        cls.folder = fixture.folder(cls.addClassCleanup)
        make_certificate(cls.folder, "ca", "authority.example")
        make_certificate(cls.folder, "server", SERVER, "ca")
        make_certificate(cls.folder, "client", NAME, "ca")
        # nobody vouches for this one
        make_certificate(cls.folder, "stranger", "stranger.example")

    def start(self, source, *arguments, **settings):
        """A program outside the tree, linked with the library."""
        name = os.path.basename(source).removesuffix(".c")
        shutil.copy(os.path.join(linking.SOURCE, source), self.folder)
        program = linking.build(f"{self.folder}/{name}.c",
                                f"{self.folder}/{name}", "libproxyproto")
        server = fixture.Program([program, *map(str, arguments)],
                                 fixture.environment(**settings))
        self.addCleanup(server.stop)
        server.wait_line("^listening$")
        return server

    def front(self, port):
        front = TLSFront(self.folder, port)
        haproxy = HAProxy(front)
        self.addCleanup(haproxy.stop)
        return front


class EveryTLV(Case):
    def text(self, kind, name, value):
        return f"tlv 0x{kind:02x} {name} {value.encode().hex()}"

    def check(self, certificate, client_bits, *of_certificate):
        port = fixture.free_port()
        server = self.start("tests/api/show_header.c", port)
        front = self.front(port)
        said, client, cipher, version = front.talk(certificate)
        self.assertEqual(said, "done\n")
        self.assertEqual(server.wait(), 0)
        lines = dict(line.partition(" ")[::2] for line in server.lines[2:7])
        self.assertEqual(lines["accept"], f"{CLIENT} {client}")
        self.assertEqual(lines["getpeername"], f"{CLIENT} {client}")
        self.assertEqual(lines["getsockname"], f"127.0.0.1 {front.port}")
        self.assertRegex(lines["proxy"], r"^127\.0\.0\.1 \d+$")
        self.assertNotEqual(lines["proxy"], f"127.0.0.1 {front.port}")
        self.assertRegex(lines["header"], r"^of \d+ bytes: success$")
        crc = [line for line in server.lines if "crc32c" in line]
        self.assertRegex("".join(crc), "^tlv 0x03 crc32c [0-9a-f]{8}$")
        self.assertEqual(
            sorted(set(server.lines[7:]) - set(crc)), sorted([
                "version 2 PROXY",
                f"source {CLIENT} {client}",
                f"destination 127.0.0.1 {front.port}",
                self.text(0x02, "authority", SERVER),
                self.text(0x05, "unique-id", f"{CLIENT}-{client}"),
                f"tlv 0x20 ssl client {client_bits} verify 0",
                self.text(0x21, "ssl-version", version),
                self.text(0x23, "ssl-cipher", cipher),
                # of the certificate that HAProxy has
                self.text(0x24, "ssl-sig-alg", "RSA-SHA256"),
                self.text(0x25, "ssl-key-alg", "RSA2048"),
                *of_certificate]))

    def test_client_with_certificate(self):
        self.check("client", 7, self.text(0x22, "ssl-cn", NAME))

    def test_client_without_certificate(self):
        self.check(None, 1)


class CommonName(Case):
    """examples/common_name.c"""

    def check(self, certificate, told):
        port = fixture.free_port()
        server = self.start("examples/common_name.c", "127.0.0.1", port,
                            MUST_USE_PROTOCOL_HEADER=1, TRUSTED="127.0.0.1")
        said, client, *_ = self.front(port).talk(certificate)
        server.wait_line(f"^{CLIENT} {client}: {told}$")
        return said

    def test_certificate(self):
        self.assertEqual(self.check("client", "verified: " + NAME),
                         f"Hello, {NAME}\n")

    def test_certificate_of_nobody(self):
        self.assertEqual(self.check("stranger", "stranger.example"),
                         "Sorry, stranger.example\n")

    def test_no_certificate(self):
        self.assertEqual(self.check(None, "no certificate"),
                         "Sorry, no certificate\n")

    def test_other_headers(self):
        port = fixture.free_port()
        server = self.start("examples/common_name.c", "127.0.0.1", port)
        for header, told in ((fixture.v2(), "192.0.2.1 1111: no TLS"),
                             (fixture.v1(), "192.0.2.1 1111: no TLS"),
                             (b"hello", "no header: No data available")):
            start = len(server.lines)
            with fixture.connect(port, header) as client:
                fixture.read_all(client)
            server.wait_line(told + "$", start)

    def test_client_that_is_gone(self):
        """It has ended and then reset the connection before it is served."""
        port = fixture.free_port()
        server = self.start("examples/common_name.c", "127.0.0.1", port)
        server.process.send_signal(signal.SIGSTOP)
        gone = fixture.connect(port, fixture.v2())
        gone.shutdown(socket.SHUT_WR)
        fixture.reset(gone)
        server.process.send_signal(signal.SIGCONT)
        with fixture.connect(port, fixture.v2()) as client:
            self.assertEqual(fixture.read_all(client), b"Sorry, no TLS\n")


if __name__ == "__main__":
    fixture.main()
