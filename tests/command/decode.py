# SPDX-License-Identifier: ISC
"""proxyproto decode tells every field, and what is wrong at which byte."""
import os
import subprocess
import unittest

import fixture
from fixture import tlv, v1, v2, v2_local, v2_raw, with_crc
from fixture.command import PROXYPROTO, command


def decode(data, *options):
    """(status, [line, ...]) of what is read from a pipe."""
    done = subprocess.run([PROXYPROTO, "decode", *options], input=data,
                          env=fixture.environment(), capture_output=True,
                          check=False, timeout=fixture.PATIENCE)
    assert done.stderr == b"", done.stderr
    return done.returncode, done.stdout.decode("ascii").splitlines()


class Fields(unittest.TestCase):
    def check(self, data, *lines, status=0):
        found = decode(data)
        self.assertEqual(found, (status, [*lines]))

    def test_version_1(self):
        self.check(v1("2001:db8::1", "2001:db8::2"),
                   "header       version 1, 46 bytes",
                   'line         "PROXY TCP6 2001:db8::1 2001:db8::2 1111 '
                   '2222\\r\\n"',
                   "transport    TCP over IPv6",
                   "source       [2001:db8::1]:1111",
                   "destination  [2001:db8::2]:2222", "valid")
        self.check(b"PROXY UNKNOWN what\x07ever\r\n",
                   "header       version 1, 25 bytes",
                   'line         "PROXY UNKNOWN what\\x07ever\\r\\n"',
                   "transport    UNKNOWN", "valid")

    def test_version_2(self):
        self.check(v2(), "header       version 2, 28 bytes",
                   "command      PROXY",
                   "transport    TCP over IPv4 (0x11)",
                   "source       192.0.2.1:1111",
                   "destination  192.0.2.2:2222", "valid")
        self.check(v2_raw(protocol=0x22, block=fixture.addresses(
            "2001:db8::1", "2001:db8::2", 1, 2)),
                   "header       version 2, 52 bytes",
                   "command      PROXY",
                   "transport    UDP over IPv6 (0x22)",
                   "source       [2001:db8::1]:1",
                   "destination  [2001:db8::2]:2", "valid")

    def test_unix(self):
        block = b"/run/a".ljust(108, b"\0") + b"\0abstract".ljust(108, b"\0")
        self.check(v2_raw(protocol=0x31, block=block),
                   "header       version 2, 232 bytes",
                   "command      PROXY", "transport    Unix stream (0x31)",
                   'source       "/run/a"', 'destination  ""', "valid")

    def test_local(self):
        self.check(v2_local(), "header       version 2, 16 bytes",
                   "command      LOCAL", "transport    unspecified (0x00)",
                   "valid")
        self.check(v2_local(b"12345", 0x11),
                   "header       version 2, 21 bytes", "command      LOCAL",
                   "transport    TCP over IPv4 (0x11)",
                   "block        5 bytes, which do not count", "valid")

    def test_what_follows(self):
        _, lines = decode(v1() + b"GET / HTTP/1.0\r\n")
        self.assertEqual(lines[-2:], [
            r'data         16 bytes: "GET / HTTP/1.0\r\n"', "valid"])
        _, lines = decode(v2() + bytes(100000))
        self.assertEqual(lines[-2], "data         100000 bytes: 0x"
                         + "00" * 64 + "...")


class Vectors(unittest.TestCase):
    def lines(self, tlvs, status=0):
        found, lines = decode(v2(tlvs=tlvs))
        self.assertEqual(found, status)
        return [line for line in lines if "TLV at" in line]

    def test_names_and_values(self):
        self.assertEqual(
            self.lines(tlv(1, b"h2") + tlv(2, b"example.org")
                       + tlv(4, b"\0\0\0\0") + tlv(5, b"\1\2\3\4\5")
                       + tlv(0x30, b"blue") + tlv(0xea, b"\1vpce-08d2")
                       + tlv(0xe4, b'"\\') + tlv(0xf1, b"") + tlv(0x99, b"x")),
            ['TLV at 28    alpn (0x01), 2 bytes: "h2"',
             'TLV at 33    authority (0x02), 11 bytes: "example.org"',
             "TLV at 47    noop (0x04), 4 bytes: 0x00000000",
             "TLV at 54    unique-id (0x05), 5 bytes: 0x0102030405",
             'TLV at 62    netns (0x30), 4 bytes: "blue"',
             'TLV at 69    aws (0xEA), 10 bytes: "\\x01vpce-08d2"',
             'TLV at 82    of an application (0xE4), 2 bytes: "\\"\\\\"',
             'TLV at 87    of an experiment (0xF1), 0 bytes: ""',
             'TLV at 90    unknown (0x99), 1 byte: "x"'])

    def test_ssl(self):
        inner = (b"\7\0\0\0\0" + tlv(0x21, b"TLSv1.3") + tlv(0x22, b"Alice"))
        self.assertEqual(
            self.lines(tlv(0x20, inner)),
            ["TLV at 28    ssl (0x20), 23 bytes: client 0x07 (TLS, "
             "certificate in this connection, certificate in this session), "
             "verify 0 (certificate valid)",
             '  TLV at 36  ssl-version (0x21), 7 bytes: "TLSv1.3"',
             '  TLV at 46  ssl-cn (0x22), 5 bytes: "Alice"'])
        self.assertEqual(
            self.lines(tlv(0x20, b"\1\0\0\0\1" + b"\x21\0\x09T")),
            ["TLV at 28    ssl (0x20), 9 bytes: client 0x01 (TLS), verify 1",
             "  TLV at 36  reaches past the end of ssl"])

    def test_checksum(self):
        right = with_crc()
        self.assertIn(f"TLV at 28    crc32c (0x03), 4 bytes: "
                      f"0x{right[-4:].hex()}, matches", decode(right)[1])
        wrong = with_crc(wrong=True)
        status, lines = decode(wrong)
        self.assertEqual(status, 1)
        self.assertIn(f"TLV at 28    crc32c (0x03), 4 bytes: "
                      f"0x{wrong[-4:].hex()}, does not match: "
                      f"0x{right[-4:].hex()} would", lines)
        self.assertEqual(lines[-1],
                         "malformed at byte 31: CRC32c does not match")

    def test_longer_than_allowed(self):
        self.assertRegex(self.lines(tlv(5, b"x" * 129))[0],
                         r"longer than the 128 bytes allowed\)$")


class Faults(unittest.TestCase):
    def check(self, data, told):
        status, lines = decode(data)
        self.assertEqual((status, lines[-1]), (1, told))

    def test_version_1(self):
        for line, byte, reason in (
                (b"PROXY TCP5", 9, "protocol is not TCP4, TCP6, UNKNOWN"),
                (b"PROXY TCP4 1.2.3.x", 17, "bad source address"),
                (b"PROXY TCP4 1.2.3.4 5.6.7 ", 24, "bad destination address"),
                (b"PROXY TCP4 1.2.3.4 5.6.7.8 70000 1", 31,
                 "bad source port"),
                (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", 30, "LF without CR"),
                (b"PROXY UNKNOWN" + b" " * 100, 106,
                 "no CRLF in 107 bytes")):
            self.check(line, f"malformed at byte {byte}: {reason}")

    def test_version_2(self):
        good = v2()
        for at, value, reason in ((12, 0x31, "version is not 2"),
                                  (12, 0x22, "unknown command"),
                                  (13, 0x41, "unknown family"),
                                  (13, 0x13, "unknown transport"),
                                  (15, 11, "block shorter than its family "
                                   "needs")):
            data = good[:at] + bytes([value]) + good[at + 1:]
            self.check(data, f"malformed at byte {at}: {reason}")

    def test_vectors(self):
        first = tlv(1, b"h2")
        for data, byte, reason in (
                (first + b"\2\0", 33, "TLV past the end"),
                (first + b"\2\0\1", 33, "TLV past the end"),
                (first + tlv(3, b"x"), 33,
                 "CRC32c is not one field of 4 bytes"),
                (tlv(3, bytes(4)) + first + tlv(3, bytes(4)), 40,
                 "CRC32c is not one field of 4 bytes")):
            self.check(v2(tlvs=data), f"malformed at byte {byte}: {reason}")

    def test_cut(self):
        """Wherever it is."""
        for data in v1(), v2(tlvs=tlv(1, b"h2")):
            for size in range(len(data)):
                status, lines = decode(data[:size])
                self.assertEqual(status, 1)
                self.assertRegex(lines[-1], f"^cut at byte {size}: a header ")

    def test_none(self):
        for data, byte in ((b"GET / HTTP/1.0\r\n", 0), (b"PROXIMA", 4),
                           (v2()[:11] + b"?", 11)):
            self.check(data, f"no header: byte {byte} is not as in \"PROXY \" "
                       "or the signature of version 2")

    def test_each_byte_changed(self):
        """It ends well, whatever is in it."""
        good = with_crc(tlv(0x20, b"\1\0\0\0\1" + tlv(0x21, b"TLS")))
        for at in range(12, len(good)):
            for value in 0, 0xff:
                data = good[:at] + bytes([value]) + good[at + 1:]
                status, lines = decode(data)
                self.assertIn(status, (0, 1))
                self.assertEqual(status == 0, lines[-1] == "valid")


class Input(unittest.TestCase):
    def test_file(self):
        path = os.path.join(fixture.folder(self.addCleanup), "capture")
        with open(path, "wb") as file:
            file.write(v1())
        self.assertEqual(command("decode", path).stdout.splitlines(),
                         decode(v1())[1])
        done = command("decode", path + "s")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (
            125, "", f"proxyproto: decode: {path}s: No such file or "
            "directory\n"))

    def test_hexadecimal(self):
        expected = decode(v2())
        digits = v2().hex()
        pairs = [digits[i:i + 2] for i in range(0, len(digits), 2)]
        for text in (digits, digits.upper(), ":".join(pairs),
                     "0x" + ", 0x".join(pairs), "\\x" + "\\x".join(pairs)):
            done = command("decode", "--hex=" + text)
            self.assertEqual((done.returncode, done.stdout.splitlines()),
                             expected)
            self.assertEqual(decode(text.encode() + b"\n", "-x"), expected)

    def test_digits_that_are_none(self):
        for digits, told in (("0d0z", '"0z", character 3, is not valid: it '
                              "takes pairs of hexadecimal digits"),
                             ("0d0", "the last digit stands alone")):
            done = command("decode", "--hex=" + digits)
            self.assertEqual((done.returncode, done.stdout), (125, ""))
            self.assertIn(f"proxyproto: decode: --hex: {told}", done.stderr)

    def test_bytes_that_are_no_text(self):
        """A terminal is not given what it would obey."""
        for text, told in ((b"0d\x1b[2J\x9b", '"?[2J?", character 3,'),
                           (b"0d0a\0 0d", "character 5 is a NUL byte")):
            done = subprocess.run([PROXYPROTO, "decode", "--hex"], input=text,
                                  env=fixture.environment(),
                                  capture_output=True, check=False)
            self.assertEqual((done.returncode, done.stdout), (125, b""))
            self.assertIn(told.encode(), done.stderr)

    def test_fields_are_told_while_it_goes_on(self):
        with fixture.Program([PROXYPROTO, "decode"], fixture.environment(),
                             stdin=subprocess.PIPE) as program:
            program.process.stdin.write(v1().decode())
            program.process.stdin.flush()
            program.wait_line("^source +192.0.2.1:1111$")
            self.assertIsNone(program.process.poll())
            program.process.stdin.close()
            program.wait_line("^valid$")
            self.assertEqual(program.wait(), 0)


if __name__ == "__main__":
    fixture.main()
