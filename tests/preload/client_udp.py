# SPDX-License-Identifier: ISC
"""libproxyproto_connect.so with LIBPROXYPROTO_UDP: datagrams with a header."""
import errno
import shutil
import socket
import subprocess
import unittest

import fixture
from fixture import CLIENT_LIBRARY, addresses, need, need_ipv6, tlv, v2_raw
from fixture.udp import Shapes, call, sender

ADDR, PORT = "192.0.2.7", 4711
# The socket is s, to whom it sends is to; "connected" says whether it is.
BEGIN = """
import ctypes, errno, os, socket, sys
host, port, connected = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "1"
family = socket.AF_INET6 if ":" in host else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
to = (host, port)
if connected:
    s.connect(to)
libc = ctypes.CDLL(None, use_errno=True)
class iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_char_p), ("size", ctypes.c_size_t)]
class msghdr(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("namelen", ctypes.c_uint),
                ("iov", ctypes.POINTER(iovec)), ("iovlen", ctypes.c_size_t),
                ("control", ctypes.c_void_p),
                ("controllen", ctypes.c_size_t), ("flags", ctypes.c_int)]
class mmsghdr(ctypes.Structure):
    _fields_ = [("hdr", msghdr), ("len", ctypes.c_uint)]
def many(messages, parts=None):
    all = (mmsghdr * len(messages))()
    for one, data in zip(all, messages):
        part = iovec(data, parts or len(data))
        one.hdr.iov, one.hdr.iovlen = ctypes.pointer(part), 1
        one.part = part
    return libc.sendmmsg(s.fileno(), all, len(messages), 0), \\
        [one.len for one in all], ctypes.get_errno()
def error(function, *arguments):
    try:
        return function(*arguments)
    except OSError as failure:
        return errno.errorcode[failure.errno]
"""
# Each of these is a datagram.
CONNECTED = {
    "s.send(b'hello')": b"hello",
    "s.sendall(b'hello')": b"hello",
    "os.write(s.fileno(), b'hello')": b"hello",
    "os.write(s.fileno(), b'')": b"",
    "s.send(b'')": b"",
    "os.writev(s.fileno(), [b'he', b'', b'llo'])": b"hello",
    "s.sendmsg([b'h', b'ell', b'', b'o'])": b"hello",
    "s.sendmsg([])": b"",
    "s.sendmsg([b'x'] * 1023)": b"x" * 1023,
    "s.send(b'x' * 60000)": b"x" * 60000,
}
UNCONNECTED = {
    "s.sendto(b'hello', to)": b"hello",
    "s.sendto(b'', to)": b"",
    "s.sendmsg([b'hel', b'lo'], [], 0, to)": b"hello",
    "s.sendto(b'x' * 9000, to)": b"x" * 9000,
}
# Calls that fail, but for the first where it is connected.
ERRORS = """
print(error(s.send, b"x"), error(s.sendto, b"x", (host, 0)))
for call in ((libc.send, -1, b"x", 1, 0), (libc.send, s.fileno(), None, 9, 0),
             (libc.sendmsg, s.fileno(), None, 0),
             (libc.sendto, s.fileno(), b"x", 1, 0, None, 9),
             (libc.sendto, s.fileno(), b"x", 1, 0, b"x" * 16, 3),
             (libc.writev, s.fileno(), None, 2),
             (libc.write, 99, b"x", 1)):
    print(call[0](*call[1:]), ctypes.get_errno())
if connected:
    s.shutdown(socket.SHUT_WR)
print(error(os.write, s.fileno(), b"x"))
"""


def header(destination, tlvs=b""):
    """What is before a datagram to there, (host, port)."""
    v6 = ":" in destination[0]
    block = addresses("::ffff:" + ADDR if v6 else ADDR, destination[0], PORT,
                      destination[1])
    return v2_raw(protocol=0x22 if v6 else 0x12, block=block + tlvs)


class Case(unittest.TestCase):
    def receiver(self, host="127.0.0.1"):
        if ":" in host:
            need_ipv6()
        receiver = sender(host)
        self.addCleanup(receiver.close)
        return receiver

    def send(self, text, receiver, connected=True, library=CLIENT_LIBRARY,
             host=None, **settings):
        """What the program's text prints."""
        settings = {"ADDR": ADDR, "PORT": PORT, "UDP": "yes"} | settings
        name, port = receiver.getsockname()[:2]
        done = subprocess.run(
            ["python3", "-IS", "-c", BEGIN + text, host or name, str(port),
             str(int(connected))], stdout=subprocess.PIPE, text=True,
            env=fixture.environment(library, **settings if library else {}),
            timeout=fixture.PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, text)
        return done.stdout

    def expect(self, receiver, *datagrams):
        """These, and nothing else."""
        for datagram in datagrams:
            self.assertEqual(receiver.recv(65536), datagram)
        receiver.setblocking(False)
        self.assertRaises(BlockingIOError, receiver.recv, 1)
        receiver.settimeout(fixture.PATIENCE)


class OnTheWire(Case):
    def check_ways(self, receiver, ways, connected, host=None, **settings):
        text = "".join(f"print({way})\n" for way in ways)
        stated = header(receiver.getsockname()[:2])
        told = self.send(text, receiver, connected, host=host, **settings)
        self.expect(receiver, *(stated + data for data in ways.values()))
        bare = self.send(text, receiver, connected, None, host)
        self.assertEqual(told, bare)
        self.expect(receiver, *ways.values())

    def test_connected(self):
        for host in "127.0.0.1", "::1":
            self.check_ways(self.receiver(host), CONNECTED, True)

    def test_unconnected(self):
        for host in "127.0.0.1", "::1":
            self.check_ways(self.receiver(host), UNCONNECTED, False)

    def test_mapped(self):
        """By an IPv6 socket: the header is of IPv4."""
        need_ipv6()
        receiver = self.receiver()
        for connected, ways in (True, CONNECTED), (False, UNCONNECTED):
            self.check_ways(receiver, ways, connected, "::ffff:127.0.0.1")

    def test_to_another_than_connected(self):
        first, second = self.receiver(), self.receiver()
        port = second.getsockname()[1]
        self.assertEqual(self.send(
            f"print(s.sendto(b'hello', (host, {port})))", first), "5\n")
        self.expect(second, header(second.getsockname()) + b"hello")
        self.expect(first)

    def test_nobody_s_address(self):
        receiver = self.receiver()
        self.send("s.sendto(b'hello', to)", receiver, False, host="0.0.0.0")
        self.expect(receiver, header(receiver.getsockname()) + b"hello")

    def test_connect_sends_nothing(self):
        receiver = self.receiver()
        self.send("s.connect(to)", receiver)
        self.send("os.writev(s.fileno(), [b'', b''])", receiver)
        self.expect(receiver)

    def test_sendmmsg(self):
        receiver = self.receiver()
        stated = header(receiver.getsockname())
        told = self.send("print(many([b'one', b'', b'three'])[:2])", receiver)
        self.assertEqual(told, "(3, [3, 0, 5])\n")
        self.expect(receiver, stated + b"one", stated, stated + b"three")
        # the second is too long: one was sent
        text = "print(many([b'one', bytes(65500), b'three'])[:2])"
        self.assertEqual(self.send(text, receiver), "(1, [3, 0, 0])\n")
        self.expect(receiver, stated + b"one")
        self.assertEqual(self.send("print(many([bytes(65500)]))", receiver),
                         f"(-1, [0], {errno.EMSGSIZE})\n")
        self.assertEqual(self.send("print(many([]))", receiver),
                         "(0, [], 0)\n")
        self.expect(receiver)

    def test_errors(self):
        """As the kernel has them; with a header 28 bytes less find room."""
        receiver = self.receiver()
        most = 65507 - 28
        self.assertEqual(self.send(f"""
print(error(s.send, bytes({most})), error(s.send, bytes({most + 1})))
""", receiver), f"{most} EMSGSIZE\n")
        self.assertEqual(receiver.recv(65536),
                         header(receiver.getsockname()) + bytes(most))
        for connected in False, True:
            self.assertEqual(self.send(ERRORS, receiver, connected),
                             self.send(ERRORS, receiver, connected, None))
        while True:
            receiver.setblocking(False)
            try:
                receiver.recv(99)
            except BlockingIOError:
                break

    def test_settings(self):
        receiver = self.receiver()
        here = receiver.getsockname()
        v6 = v2_raw(protocol=0x22, block=addresses(
            "2001:db8::1", "::ffff:127.0.0.1", PORT, here[1]))
        other = v2_raw(protocol=0x12, block=addresses(
            ADDR, "203.0.113.8", PORT, 53))
        vectors = tlv(1, b"dot") + tlv(0xEA, b"\1" * 600)
        for settings, expected in (
                ({"ADDR": "2001:db8::1"}, v6),
                ({"DEST_ADDR": "203.0.113.8", "DEST_PORT": 53}, other),
                ({"TLV": "alpn=dot,0xEA=" + "01" * 600},
                 header(here, tlvs=vectors)),
                ({"TO": "127.0.0.0/8"}, header(here)),
                ({"TO": f"127.0.0.1:{here[1] - 1}"}, b""),
                ({"TO": "192.0.2.1"}, b""), ({"UDP": 0}, b""),
                ({"VERSION": 0}, b"")):
            with self.subTest(settings):
                self.assertEqual(self.send("print(s.send(b'hello'))", receiver,
                                           **settings), "5\n")
                self.expect(receiver, expected + b"hello")

    def test_local_and_raw(self):
        receiver = self.receiver()
        for settings, expected in (
                ({"COMMAND": "LOCAL"}, v2_raw(command=0x20, protocol=0,
                                              block=b"")),
                ({"RAW": r"raw\x00"}, b"raw\0")):
            done = subprocess.run(
                ["python3", "-IS", "-c", BEGIN + "print(s.send(b'hello'))",
                 "127.0.0.1", str(receiver.getsockname()[1]), "1"],
                stdout=subprocess.PIPE, check=True, timeout=fixture.PATIENCE,
                env=fixture.environment(CLIENT_LIBRARY, UDP=1, **settings))
            self.assertEqual(done.stdout, b"5\n")
            self.expect(receiver, expected + b"hello")

    def test_checksum(self):
        receiver = self.receiver()
        self.send("s.send(b'hello')", receiver, CRC32C=1)
        datagram = receiver.recv(99)
        whole, data = datagram[:-5], datagram[-5:]
        self.assertEqual((data, whole[13]), (b"hello", 0x12))
        self.assertEqual(fixture.crc32c(whole[:-4] + bytes(4)),
                         int.from_bytes(whole[-4:], "big"))

    def test_clients_of_a_network(self):
        receiver = self.receiver()
        self.send("for _ in range(3): s.send(b'hello')", receiver,
                  ADDR="192.0.2.4/30")
        hosts = [receiver.recv(99)[16:20] for _ in range(3)]
        self.assertEqual({bytes([192, 0, 2, 5]), bytes([192, 0, 2, 6])},
                         set(hosts))
        self.assertNotEqual(hosts[0], hosts[1])

    def test_bad_settings(self):
        receiver = self.receiver()
        for bad in ({"UDP": "maybe"}, {"PORT": "http"}, {"VERSION": 1},
                    {"VERSION": "spp", "TLV": "alpn=h2"}):
            self.assertEqual(
                self.send("print(error(s.send, b'x'), error(s.sendto, b'x', to)"
                          ", error(os.write, 1, b''))", receiver, **bad),
                "EINVAL EINVAL 0\n")
        self.expect(receiver)

    def test_others_are_left_alone(self):
        """A stream, a Unix datagram and a pipe, by the same calls."""
        receiver = self.receiver()
        self.assertEqual(self.send("""
for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
    a, b = socket.socketpair(type=kind)
    a.send(b"x"), os.write(a.fileno(), b"y"), a.sendmsg([b"z"])
    print([b.recv(1) for _ in range(3)])
r, w = os.pipe()
print(os.write(w, b"x"), os.writev(w, [b"y", b"z"]), os.read(r, 9))
""", receiver), "[b'x', b'y', b'z']\n" * 2 + "1 2 b'xyz'\n")
        self.expect(receiver)

    def test_debug(self):
        receiver = self.receiver()
        port = receiver.getsockname()[1]
        done = subprocess.run(
            ["python3", "-IS", "-c", BEGIN + "s.send(b'hello')", "127.0.0.1",
             str(port), "1"], stderr=subprocess.PIPE, text=True, check=True,
            env=fixture.environment(CLIENT_LIBRARY, UDP=1, ADDR=ADDR, DEBUG=1,
                                    PORT=PORT), timeout=fixture.PATIENCE)
        self.assertRegex(done.stderr, (
            r"^libproxyproto_connect\S*: send: fd \d+: v2 header of 28 bytes: "
            rf"client {ADDR}:{PORT}, destination 127.0.0.1:{port}: sent\n$"))

    def test_simple_proxy_protocol(self):
        receiver = self.receiver()
        port = receiver.getsockname()[1]
        mapped = socket.inet_pton(socket.AF_INET6, "::ffff:" + ADDR), \
            socket.inet_pton(socket.AF_INET6, "::ffff:127.0.0.1")
        expected = (b"\x56\xec" + b"".join(mapped) + PORT.to_bytes(2, "big")
                    + port.to_bytes(2, "big"))
        for udp in 0, 1:
            self.assertEqual(self.send("print(s.send(b'hello'))", receiver,
                                       VERSION="spp", UDP=udp), "5\n")
            self.expect(receiver, expected + b"hello")


class Served(Case):
    """By libproxyproto_udp.so, which tells the client."""

    def test_server(self):
        for version in None, "spp":
            settings = {"VERSION": version} if version else {}
            with Shapes(**settings) as shapes:
                done = subprocess.run(
                    ["python3", "-IS", "-c", BEGIN + "s.send(b'hello')",
                     "127.0.0.1", str(shapes.port), "1"], check=True,
                    env=fixture.environment(CLIENT_LIBRARY, UDP=1, ADDR=ADDR,
                                            PORT=PORT, **settings),
                    timeout=fixture.PATIENCE)
                self.assertEqual(done.returncode, 0)
                line = shapes.ask(call("recvfrom"))
                self.assertIn("name=40:02001267c0000207", line)
                self.assertIn("bytes=5:", line)

    def test_answer(self):
        with fixture.Program(["python3", "-c", """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
print("port", server.getsockname()[1], flush=True)
data, client = server.recvfrom(99)
server.sendto(b"%s %s %d" % (data, client[0].encode(), client[1]), client)
"""], fixture.environment(fixture.UDP_LIBRARY)) as program:
            port = int(program.wait_line(r"port (\d+)")[1])
            done = subprocess.run(
                ["python3", "-IS", "-c", BEGIN + "s.send(b'hello')\n"
                 "print(s.recv(99))", "127.0.0.1", str(port), "1"],
                stdout=subprocess.PIPE, check=True, timeout=fixture.PATIENCE,
                env=fixture.environment(CLIENT_LIBRARY, UDP=1, ADDR=ADDR,
                                        PORT=PORT))
            self.assertEqual(done.stdout, b"b'hello 192.0.2.7 4711'\n")
            self.assertEqual(program.wait(), 0, program.lines)

    def test_netcat(self):
        need("nc.openbsd")
        receiver = self.receiver()
        port = receiver.getsockname()[1]
        subprocess.run(
            [shutil.which("nc.openbsd"), "-u", "-q0", "127.0.0.1", str(port)],
            input=b"hello\n", timeout=fixture.PATIENCE, check=False,
            env=fixture.environment(CLIENT_LIBRARY, UDP=1, ADDR=ADDR,
                                    PORT=PORT))
        self.expect(receiver, header(receiver.getsockname()) + b"hello\n")


if __name__ == "__main__":
    fixture.main()
