# SPDX-License-Identifier: ISC
"""Mumble's voice: by UDP, for clients that are known by TCP.

A datagram is taken for that of a client who came by TCP from the same address,
and is decrypted with the key that this one was given. So both libraries must
name the same client, and it is the only one to have the answer.
"""
import ctypes
import ssl
import struct
import unittest

import fixture
from fixture import matrix, telephony, udp_evidence
from fixture.described import Described
from fixture.haproxy import CLIENT, CLIENT6, Front, HAProxy
from fixture.servers import FRONT, V4, V6
from fixture.udp_proxy import PROXY, Forwarder, client_of
from fixture.udp_servers import bound

VERSION, AUTHENTICATE, CRYPT_SETUP = 0, 2, 15
# Of UDP: that of a client, and that of who only asks how the server is.
PING = b"\x20\x07"
ASK = struct.pack("!IQ", 0, 0x1234567890ABCDEF)


class Key:
    """AES-128 in the mode OCB2, for messages shorter than a block."""

    def __init__(self, key):
        self._crypto = ctypes.CDLL("libcrypto.so.3")
        self._key = ctypes.create_string_buffer(512)
        self._crypto.AES_set_encrypt_key(key, 128, self._key)

    def _block(self, number):
        out = ctypes.create_string_buffer(16)
        self._crypto.AES_encrypt(number.to_bytes(16, "big"), out, self._key)
        return int.from_bytes(out.raw, "big")

    @staticmethod
    def _double(number):
        return (number << 1) % (1 << 128) ^ (0x87 if number >> 127 else 0)

    def seal(self, nonce, text):
        """The first bytes of the tag, and the message encrypted."""
        offset = self._double(self._block(int.from_bytes(nonce, "big")))
        pad = self._block(offset ^ 8 * len(text)).to_bytes(16, "big")
        whole = int.from_bytes(text + pad[len(text):], "big")
        tag = self._block(offset ^ self._double(offset) ^ whole)
        return (tag.to_bytes(16, "big")[:3]
                + bytes(a ^ b for a, b in zip(text, pad)))


def after(nonce):
    """The next one: its first byte is the lowest."""
    return (int.from_bytes(nonce, "little") + 1).to_bytes(16, "little")


def field(number, value):
    """A field of Protocol Buffers: bytes, or a small number."""
    if isinstance(value, int):
        return bytes([number << 3]) + varint(value)
    return bytes([number << 3 | 2]) + varint(len(value)) + value


def varint(value):
    low, value = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + varint(value) if value else bytes([low])


class Session:
    """A client that has come by TCP."""

    def __init__(self, sock, name):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self._tls = context.wrap_socket(sock)
        self._file = self._tls.makefile("rb")
        self._send(VERSION, field(1, 0x10304))
        self._send(AUTHENTICATE, field(1, name.encode()) + field(5, 1))
        setup = self._receive(CRYPT_SETUP)
        # a field is its number, its length 16, and itself
        self.key = Key(setup[2:18])
        self.own, self.servers = setup[20:36], setup[38:54]

    def _send(self, kind, message):
        self._tls.sendall(struct.pack("!HI", kind, len(message)) + message)

    def _receive(self, wanted):
        while True:
            kind, size = struct.unpack("!HI", self._file.read(6))
            message = self._file.read(size)
            if kind == wanted:
                return message

    def ping(self):
        self.own = after(self.own)
        return self.own[:1] + self.key.seal(self.own, PING)

    def answer(self):
        self.servers = after(self.servers)
        return self.servers[:1] + self.key.seal(self.servers, PING)

    def close(self):
        self._file.close()
        self._tls.close()


class Mumble(telephony.Mumble, Described, unittest.TestCase):
    program = "Mumble server, voice"
    udp = True
    tells = "it decrypts with the key of a client of the same address by TCP"
    note = ("with both libraries, behind HAProxy, too, and with "
            "LIBPROXYPROTO_DESTINATION=socket; IPv6 clients on an IPv6 "
            "listener")
    # both; names with no space in them, as everywhere
    library = f"{fixture.SERVER_LIBRARY} {fixture.UDP_LIBRARY}"
    # it answers from the local address of the client's TCP connection
    settings = {"TRUSTED": ",".join(PROXY.values()), "TIMEOUT": 600,
                "DESTINATION": "socket"}
    listening = staticmethod(lambda port: bound(port)
                             and fixture.listening(port))

    def fronts(self, server, *hosts):
        """{host: (HAProxy's, what connects to the one for UDP)}"""
        fronts = [Front(host, "send-proxy-v2", server) for host in hosts]
        proxy = HAProxy(*fronts)
        self.addCleanup(proxy.stop)
        return {front.host: (front, Forwarder(self, front.host,
                                              server).connect)
                for front in fronts}

    def session(self, connected, name):
        session = Session(connected, name)
        self.addCleanup(session.close)
        return session

    def check_voice(self, session, client, *others):
        """It answers this client, and none of the others."""
        for other in others:
            other.send(session.ping())
            other.send(ASK)
            self.assertEqual(len(other.recv(99)), 24)
            other.close()
        client.send(session.ping())
        self.assertEqual(client.recv(99), session.answer())

    def check_behind_proxy(self, listener):
        fixture.need_ipv6()
        _, server = self.serve(listener)
        # to an IPv6 client on an IPv4 socket it sends nothing
        fronts = self.fronts(server, FRONT, *([V6] if listener == V6 else []))
        for host, (front, connect) in fronts.items():
            source, name = ((CLIENT6, "six") if host == V6 else
                            (CLIENT, "four"))
            with self.subTest(host=host), connect(source) as client:
                client.send(ASK)
                self.assertEqual(client.recv(99)[4:12], ASK[4:])
                session = self.session(front.connect(source=source), name)
                self.check_voice(
                    session, client,
                    connect("::1" if host == V6 else "127.11.22.99"))
                self.did("IPv6" if host == V6 else "IPv4", "answer", "forged")
        return server

    def check_direct(self, server):
        source = "127.44.55.66"
        session = self.session(
            fixture.connect(server[1], source=source), "direct")
        with client_of(server, source) as client:
            self.check_voice(session, client,
                             client_of(server, "127.44.55.67"))
        self.did("direct")

    def test_on_ipv4(self):
        server = self.check_behind_proxy(V4)
        self.check_direct(server)

    def test_on_ipv6(self):
        self.check_behind_proxy(V6)

    if matrix.ROWS:
        def test_how_it_receives_and_answers(self):
            """By itself, without the library's own calls."""
            self.trace = udp_evidence.Trace(self)
            _, server = self.serve(V4)
            self.trace.begin()
            with client_of(server, "127.44.55.66") as client:
                for _ in range(4):
                    client.send(ASK)
                    client.recv(99)
            self.saw(self.trace.tell(server[1]))


if __name__ == "__main__":
    fixture.main()
