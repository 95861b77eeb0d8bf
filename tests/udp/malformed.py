# SPDX-License-Identifier: ISC
"""Every prefix of a header, and every byte of it changed, by each way.

What becomes of each is judged here once more, from the specification alone.
"""
import unittest

import fixture
from fixture import crc32c, tlv
from fixture.udp import Shapes, call, sender, udp

SIGNATURE = fixture.V2_SIGNATURE
SIZES = {1: 12, 2: 36, 3: 216}


def with_checksum(header):
    """The same with a CRC32c, the last vector."""
    header = (header[:14] + (len(header) - 16 + 7).to_bytes(2, "big")
              + header[16:] + b"\x03\0\4" + bytes(4))
    return header[:-4] + crc32c(header).to_bytes(4, "big")


HEADERS = (udp(), udp("2001:db8::1", 7), udp(tlvs=tlv(2, b"name") + tlv(4, b"")),
           with_checksum(udp(tlvs=tlv(1, b"h2"))))


def vectors_are_good(header, begin):
    at, seen = begin, 0
    while at < len(header):
        if at + 3 > len(header):
            return False
        end = at + 3 + int.from_bytes(header[at + 1:at + 3], "big")
        if end > len(header):
            return False
        if header[at] == 3:
            seen += 1
            zero = header[:at + 3] + bytes(4) + header[at + 7:]
            if end - at != 7 or seen > 1 or \
                    crc32c(zero) != int.from_bytes(header[at + 3:end], "big"):
                return False
        at = end
    return True


def judge(datagram):
    """(client's address as the probe writes it or None, payload); or None."""
    if not datagram.startswith(SIGNATURE):
        return None, datagram
    if len(datagram) < 16:
        return None
    command, protocol = datagram[12], datagram[13]
    end = 16 + int.from_bytes(datagram[14:16], "big")
    if command not in (0x20, 0x21) or end > len(datagram):
        return None
    family, transport = protocol >> 4, protocol & 15
    if command == 0x20:
        return None, datagram[end:]
    if family > 3 or transport > 2:
        return None
    if family == 0 or transport == 0:
        return None, datagram[end:]
    begin = 16 + SIZES[family]
    if begin > end or not vectors_are_good(datagram[:end], begin):
        return None
    if transport == 1:
        return None
    if family == 3:
        return None, datagram[end:]
    if family == 1:
        return "0200" + (datagram[24:26] + datagram[16:20]).hex(), \
            datagram[end:]
    return "0a00" + datagram[48:50].hex() + "0" * 8 + datagram[16:32].hex(), \
        datagram[end:]


def changed(header):
    for n in range(len(header) + 1):
        yield header[:n]
        yield header[:n] + b"hello"
    for n, byte in enumerate(header):
        for value in {byte ^ 1 << bit for bit in range(8)} | {0, 255}:
            yield header[:n] + bytes([value]) + header[n + 1:] + b"hello"


class Malformed(unittest.TestCase):
    def test_each(self):
        with sender() as proxy, Shapes() as shapes:
            shapes.ask("nonblocking 1")
            own = "0200%04x7f000001" % proxy.getsockname()[1]
            ways = "recvfrom", "recvmsg", "recvmmsg"
            for header in HEADERS:
                for n, datagram in enumerate(changed(header)):
                    shapes.send(proxy, datagram)
                    line = shapes.ask(call(ways[n % 3], "900"))
                    expected = judge(datagram)
                    told = datagram.hex() + ": " + line
                    if expected is None:
                        self.assertIn("result=-1 errno=11", line, told)
                        continue
                    client, payload = expected
                    self.assertIn(f"name=40:{client or own}", line, told)
                    self.assertTrue(line.endswith(
                        f"bytes={len(payload)}:{payload.hex()}"), told)
            shapes.send(proxy, udp() + b"hello")
            self.assertIn("bytes=5:", shapes.ask(call("recvfrom")))


if __name__ == "__main__":
    fixture.main()
