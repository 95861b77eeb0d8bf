# SPDX-License-Identifier: ISC
"""Each row of what a receiver does with the first bytes, end to end.

Every row is sent in one piece and byte by byte, in the default mode and with
MUST_USE_PROTOCOL_HEADER; what follows the header must arrive whole.
"""
import socket

import fixture
from fixture import tlv, v1, v2, v2_local, v2_raw, with_crc
from fixture.calls import CallsCase

PAYLOAD = b"payload, PROXY TCP4 and \r\n\r\n\0\r\nQUIT\n in it\0"
# Longer than what is looked at in place, so taken off in pieces.
LONG = b"".join(tlv(0xE0, bytes([i]) * 250) for i in range(8))
CLIENT4, CLIENT6 = ("192.0.2.1", 1111), ("2001:db8::1", 1111)
BLOCK4 = fixture.addresses("192.0.2.1", "192.0.2.2", 1111, 2222)
BLOCK6 = fixture.addresses("2001:db8::1", "2001:db8::2", 1111, 2222)
UNIX = b"/client".ljust(108, b"\0") + b"/server".ljust(108, b"\0")

STATED = {
    "v1 TCP4": (v1(), CLIENT4),
    "v1 TCP6": (v1("2001:db8::1", "2001:db8::2"), CLIENT6),
    "v1 TCP6 of 104 bytes": (
        b"PROXY TCP6 " + b":".join([b"ffff"] * 8) + b" "
        + b":".join([b"ffff"] * 8) + b" 65535 65535\r\n",
        (":".join(["ffff"] * 8), 65535)),
    "v1 TCP4 to IPv6": (v1(destination="2001:db8::2"), CLIENT4),
    "v1 TCP6 to IPv4": (v1("2001:db8::1", "192.0.2.2"), CLIENT6),
    "v1 port 0": (v1(source_port=0, destination_port=0), ("192.0.2.1", 0)),
    "v2 TCP4": (v2(), CLIENT4),
    "v2 TCP6": (v2("2001:db8::1", "2001:db8::2"), CLIENT6),
    "v2 with TLVs": (v2(tlvs=tlv(1, b"h2") + tlv(4, b"") + tlv(2, b"host")),
                     CLIENT4),
    "v2 with a long TLV": (v2(tlvs=LONG), CLIENT4),
    "v2 with CRC32c": (with_crc(), CLIENT4),
    "v2 long with CRC32c": (with_crc(LONG), CLIENT4),
}
CONSUMED = {
    "v1 UNKNOWN": b"PROXY UNKNOWN\r\n",
    "v1 UNKNOWN with a tail": b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n",
    "v2 LOCAL": v2_local(),
    "v2 LOCAL with a block": v2_local(BLOCK4, 0x11),
    "v2 LOCAL as a load balancer's": v2_local(tlv(0xEA, b"vpce"), 0x11),
    "v2 LOCAL, any family": v2_local(b"xyz", 0xFF),
    "v2 LOCAL, long": v2_local(bytes(3000)),
    "v2 UNSPEC": v2_raw(protocol=0),
    "v2 UNSPEC with a block": v2_raw(protocol=0, block=b"whatever"),
    "v2 UNSPEC transport": v2_raw(protocol=0x10, block=BLOCK4),
    "v2 UDP4": v2_raw(protocol=0x12, block=BLOCK4),
    "v2 UDP6": v2_raw(protocol=0x22, block=BLOCK6),
    "v2 UNIX stream": v2_raw(protocol=0x31, block=UNIX),
    "v2 UNIX datagram": v2_raw(protocol=0x32, block=UNIX),
}
MALFORMED = {
    "v1 bad address": b"PROXY TCP4 192.0.2.256 192.0.2.2 1111 2222\r\n",
    "v1 bad destination": b"PROXY TCP4 192.0.2.1 nonsense 1111 2222\r\n",
    "v1 bad port": b"PROXY TCP4 192.0.2.1 192.0.2.2 65536 2222\r\n",
    "v1 extra word": b"PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222 x\r\n",
    "v1 two spaces": b"PROXY TCP4  192.0.2.1 192.0.2.2 1111 2222\r\n",
    "v1 lone LF": b"PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\n",
    "v1 lone CR": b"PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\rx",
    "v1 other protocol": b"PROXY UDP4 192.0.2.1 192.0.2.2 1111 2222\r\n",
    "v1 without CRLF": b"PROXY UNKNOWN " + b"x" * 93,
    "v1 leading zero": b"PROXY TCP4 192.0.2.01 192.0.2.2 1111 2222\r\n",
    "v2 version 1": v2_raw(command=0x11, block=BLOCK4),
    "v2 command 2": v2_raw(command=0x22, block=BLOCK4),
    "v2 family 4": v2_raw(protocol=0x41, block=BLOCK4),
    "v2 transport 3": v2_raw(protocol=0x13, block=BLOCK4),
    "v2 short block": v2_raw(block=BLOCK4[:11]),
    "v2 short IPv6 block": v2_raw(protocol=0x21, block=BLOCK4),
    "v2 short UNIX block": v2_raw(protocol=0x31, block=BLOCK4),
    "v2 TLV past the end": v2(tlvs=b"\4\0\5abcd"),
    "v2 half a TLV": v2(tlvs=b"\4\0"),
    "v2 wrong CRC32c": with_crc(wrong=True),
    "v2 long, wrong CRC32c": with_crc(LONG, wrong=True),
    "v2 long, TLV past the end": v2(tlvs=LONG + b"\4\0\5abcd"),
}
ABSENT = {
    "nothing": b"",
    "data": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "lower case": b"proxy TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n",
    "a byte ahead": b" " + v1(),
    "nearly v1": b"PROXX TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n",
    "nearly v2": v2()[:11] + b"\v" + v2()[12:],
    "CRLF": b"\r\n\r\n",
    "zeros": bytes(100),
}


class Rows(CallsCase):
    def setUp(self):
        # no header is late, however slowly the bytes of one follow each other
        self.servers = [self.start(MUST_USE_PROTOCOL_HEADER=mode, TIMEOUT=600)
                        for mode in (0, 1)]
        self.listeners = [calls.listener() for calls in self.servers]

    def send(self, calls, client, data, bytewise):
        """Bytewise: the program has seen each byte before the next goes."""
        try:
            if not bytewise:
                client.sendall(data)
            for byte in data if bytewise else b"":
                calls.wait_asleep()
                client.sendall(bytes([byte]))
            client.sendall(PAYLOAD)
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass   # malformed, and dropped before it was all there

    def serve(self, calls, listener, header, bytewise):
        """A client's turn: its address, the reply, the data that arrived."""
        client = self.client(listener)
        if not bytewise:
            self.send(calls, client, header, False)
        calls.begin("accept", listener.fd, 128)
        if bytewise:
            self.send(calls, client, header, True)
        reply = calls.finish("accept")
        again = calls.getpeername(reply.result)
        self.assertEqual(again.address, reply.address)
        data = calls.receive_all(reply.result)
        calls.ok("close", reply.result)
        return client.getsockname(), reply.address, data

    def each(self, rows, modes=(0, 1)):
        """Each row, in each mode, in one piece and byte by byte."""
        for name, what in rows.items():
            header = what[0] if isinstance(what, tuple) else what
            for mode in modes:
                for bytewise in (False, True)[:2 if len(header) < 256 else 1]:
                    yield (f"{name}, mode {mode}, bytewise {bytewise}", what,
                           (self.servers[mode], self.listeners[mode], header,
                            bytewise))

    def test_one_header_alone(self):
        """What a second proxy says behind it is data."""
        listener, calls = self.listeners[0], self.servers[0]
        for second in v1("192.0.2.9"), v2("192.0.2.9"):
            self.assertEqual(
                self.serve(calls, listener, v1() + second, False)[1:],
                (("192.0.2.1", 1111), second + PAYLOAD))

    def test_stated(self):
        for name, (_, stated), turn in self.each(STATED):
            with self.subTest(name):
                _, client, data = self.serve(*turn)
                self.assertEqual((client, data), (stated, PAYLOAD))

    def test_consumed(self):
        for name, _, turn in self.each(CONSUMED):
            with self.subTest(name):
                kernel, client, data = self.serve(*turn)
                self.assertEqual((client, data), (kernel, PAYLOAD))

    def test_absent(self):
        for name, header, turn in self.each(ABSENT, modes=(0,)):
            with self.subTest(name):
                kernel, client, data = self.serve(*turn)
                self.assertEqual((client, data), (kernel, header + PAYLOAD))

    def drop(self, calls, listener, header, bytewise):
        """Never handed over; the connection behind it is."""
        bad = self.client(listener)
        calls.begin("accept", listener.fd, 128)
        self.send(calls, bad, header, bytewise)
        self.assertEqual(fixture.read_all(bad), b"")
        good = self.client(listener, v1() + PAYLOAD)
        good.shutdown(socket.SHUT_WR)
        reply = calls.finish("accept")
        self.assertEqual(reply.address, CLIENT4)
        self.assertEqual(calls.receive_all(reply.result), PAYLOAD)
        calls.ok("close", reply.result)

    def test_malformed(self):
        for name, _, turn in self.each(MALFORMED):
            with self.subTest(name):
                self.drop(*turn)

    def test_absent_with_must_use(self):
        for name, _, turn in self.each(ABSENT, modes=(1,)):
            with self.subTest(name):
                self.drop(*turn)

    def test_64_kib(self):
        """The longest header, in segments of any size."""
        tlvs = b"".join(tlv(0xE0, bytes([i]) * 1000) for i in range(65))
        fill = 65535 - 12 - 7 - len(tlvs)
        longest = [with_crc(tlvs + tlv(4, bytes(fill - 3))),
                   v2_local(bytes(65535))]
        for header in longest:
            self.assertEqual(len(header), 16 + 65535)
            for segment in (len(header), 20000, 4099):
                client = self.client(self.listeners[0])
                self.servers[0].begin("accept", self.listeners[0].fd, 128)
                for at in range(0, len(header), segment):
                    client.sendall(header[at:at + segment])
                    self.servers[0].wait_asleep()
                client.sendall(PAYLOAD)
                client.shutdown(socket.SHUT_WR)
                reply = self.servers[0].finish("accept")
                self.assertEqual(reply.address,
                                 client.getsockname() if header is longest[1]
                                 else CLIENT4)
                self.assertEqual(self.servers[0].receive_all(reply.result),
                                 PAYLOAD)

    def test_lengths_about_what_is_looked_at_in_place(self):
        """1024 bytes are looked at; one more and they are taken off."""
        for total in range(1022, 1028):
            header = v2(tlvs=tlv(4, bytes(total - 28 - 3)))
            self.assertEqual(len(header), total)
            for bytes_first in (total, 15, 16, 17, total - 1):
                client = self.client(self.listeners[0], header[:bytes_first])
                self.servers[0].begin("accept", self.listeners[0].fd, 128)
                self.servers[0].wait_asleep()
                client.sendall(header[bytes_first:] + PAYLOAD)
                client.shutdown(socket.SHUT_WR)
                reply = self.servers[0].finish("accept")
                self.assertEqual(reply.address, CLIENT4)
                self.assertEqual(self.servers[0].receive_all(reply.result),
                                 PAYLOAD)

    def test_a_second_header_is_data(self):
        for first in (v1(), v2()):
            _, client, data = self.serve(self.servers[0], self.listeners[0],
                                         first + v2(source="192.0.2.9"), False)
            self.assertEqual(client, CLIENT4)
            self.assertEqual(data, v2(source="192.0.2.9") + PAYLOAD)


class Original(CallsCase):
    """Parsing defects of the original, each seen from outside."""

    def accept(self, data):
        calls = self.start()
        listener = calls.listener()
        client = self.client(listener, data)
        client.shutdown(socket.SHUT_WR)
        reply = calls.accept(listener.fd)
        return reply.address, calls.receive_all(reply.result)

    def refused(self, data):
        calls = self.start()
        listener = calls.listener(nonblocking=True)
        self.client(listener, data)
        calls.ok("poll", listener.fd, 1, -1)
        self.assertEqual(calls.accept(listener.fd).outcome, (-1, "EAGAIN"))

    def test_original_bad_line_leaves_a_half_spoofed_address(self):
        self.refused(b"PROXY TCP4 192.0.2.1 nonsense 1 2\r\nx")

    def test_original_v2_length_not_checked_against_the_family(self):
        self.refused(v2_raw(protocol=0x11, block=b"") + b"\1\2\3\4" * 9)

    def test_original_header_over_232_bytes_leaks(self):
        for size in (200, 201, 220, 300, 536, 1460):
            self.assertEqual(self.accept(v2(tlvs=tlv(4, bytes(size)))
                                         + PAYLOAD), (CLIENT4, PAYLOAD))

    def test_original_split_header_counts_as_absent(self):
        calls = self.start()
        listener = calls.listener()
        client = self.client(listener, v2()[:20])
        calls.begin("accept", listener.fd, 128)
        calls.wait_asleep()
        client.sendall(v2()[20:])
        self.assertEqual(calls.finish("accept").address, CLIENT4)

    def test_original_extra_words_accepted(self):
        self.refused(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 more words\r\n")

    def test_original_v1_tcp6_damages_the_text(self):
        header = v1("2001:db8:1:2:3:4:5:6", "2001:db8::2")
        self.assertEqual(self.accept(header + PAYLOAD),
                         (("2001:db8:1:2:3:4:5:6", 1111), PAYLOAD))


class Versions(CallsCase):
    """A switched-off version is no header: handed over, not waited for."""

    HEADERS = {1: v1(), 2: v2()}

    def test_original_switched_off_version_is_still_eaten(self):
        for version in range(4):
            calls = self.start(VERSION=version)
            listener = calls.listener()
            for kind, header in self.HEADERS.items():
                client = self.client(listener, header + PAYLOAD)
                client.shutdown(socket.SHUT_WR)
                reply = calls.accept(listener.fd)
                data = calls.receive_all(reply.result)
                if version & kind:
                    self.assertEqual((reply.address, data),
                                     (CLIENT4, PAYLOAD))
                else:
                    self.assertEqual((reply.address, data),
                                     (client.getsockname(), header + PAYLOAD))
                again = calls.getpeername(reply.result)
                self.assertEqual(again.address, reply.address)

    def test_not_waited_for(self):
        """Would take an hour otherwise."""
        for version, begins in ((1, v2()[:5]), (2, b"PRO"), (0, b"PRO"),
                                (0, v2()[:5]), (0, b"")):
            calls = self.start(VERSION=version, TIMEOUT=3600)
            listener = calls.listener()
            self.client(listener, begins)
            fd = calls.accept(listener.fd).result
            if begins:
                self.assertEqual(calls.receive(fd).data, begins)

    def test_malformed_of_a_version_that_is_off(self):
        for version, bad in ((2, b"PROXY nonsense\r\n"),
                             (1, v2_raw(command=0x2F))):
            calls = self.start(VERSION=version)
            listener = calls.listener()
            self.client(listener, bad)
            fd = calls.accept(listener.fd).result
            self.assertEqual(calls.receive(fd).data, bad)

    def test_must_use_with_one_version(self):
        for version, other in ((1, 2), (2, 1)):
            calls = self.start(VERSION=version, MUST_USE_PROTOCOL_HEADER=1)
            listener = calls.listener()
            bad = self.client(listener, self.HEADERS[other])
            self.client(listener, self.HEADERS[version])
            self.assertEqual(calls.accept(listener.fd).address, CLIENT4)
            self.assertEqual(fixture.read_all(bad), b"")

    def test_version_0_drops_nobody(self):
        calls = self.start(VERSION=0, MUST_USE_PROTOCOL_HEADER=1)
        listener = calls.listener()
        for data in (b"data", b"PROXY nonsense\r\n", v2()):
            self.client(listener, data)
            fd = calls.accept(listener.fd).result
            self.assertEqual(calls.receive(fd).data, data)


if __name__ == "__main__":
    fixture.main()
