# SPDX-License-Identifier: ISC
"""Every way to receive a datagram, with the library as without.

The probe runs twice: bare, and clients send to it; preloaded, and a proxy
sends for them, with a header that states the clients' own addresses. What each
call returns, every length, flag and byte must be the same.
"""
import random
import re
import socket
import unittest

import fixture
from fixture import tlv, v2_local, v2_raw
from fixture.udp import Shapes, call, sender, udp

PEEK, TRUNC, DONTWAIT = (socket.MSG_PEEK, socket.MSG_TRUNC,
                         socket.MSG_DONTWAIT)
OOB = socket.MSG_OOB
WAITFORONE = 0x10000
EVERY_WAY = "recvfrom", "recv", "read", "readv", "recvmsg", "recvmmsg"
WITH_FLAGS = "recvfrom", "recv", "recvmsg", "recvmmsg"
# (what the server is bound to, where its clients and the proxy are)
FAMILIES = (("127.0.0.1", "127.0.0.1"), ("::1", "::1"),
            ("::", "127.0.0.1"), ("::", "::1"))
SOL_UDP, IP_PKTINFO, IPV6_RECVPKTINFO, SO_TIMESTAMPNS, IP_RECVTTL = (
    17, 8, 49, 35, 12)


class Bad(bytes):
    """A datagram to be dropped, which the bare probe is not sent."""


class Compared(unittest.TestCase):
    families = FAMILIES

    def compare(self, *steps, tlvs=(b"",), **settings):
        """Steps are lines for the probe, or payloads to be sent before."""
        for host, client in self.families:
            with self.subTest(host=host, client=client):
                clients = [sender(client) for _ in range(3)]
                proxy = sender(client)
                try:
                    bare = self.run_bare(host, steps, clients)
                    self.check(bare, host, steps, clients, proxy, tlvs,
                               settings)
                finally:
                    for sock in (*clients, proxy):
                        sock.close()

    def run_bare(self, host, steps, clients):
        number, answers = 0, []
        with Shapes(host, library=None) as shapes:
            for step in steps:
                if isinstance(step, str):
                    answers.append(shapes.ask(step))
                elif not isinstance(step, Bad):
                    shapes.send(clients[number % 3], step)
                    number += 1
        return answers

    def check(self, bare, host, steps, clients, proxy, tlvs, settings):
        number, at = 0, 0
        with Shapes(host, **settings) as shapes:
            for step in steps:
                if isinstance(step, str):
                    self.assertEqual(shapes.ask(step), bare[at], step)
                    at += 1
                    continue
                if isinstance(step, Bad):
                    shapes.send(proxy, bytes(step))
                    continue
                address = clients[number % 3].getsockname()
                shapes.send(proxy, udp(*address[:2],
                                       tlvs=tlvs[number % len(tlvs)]) + step)
                number += 1


class Sizes(Compared):
    def test_payload_and_room(self):
        """Longer than the room, as long, shorter, nothing at all."""
        steps = []
        for way in EVERY_WAY:
            for payload in (b"", b"x", b"hello", b"y" * 1400):
                for size in ("0", "1", "5", "6", "1399", "2000"):
                    if size == "0" and way in ("read", "readv"):
                        continue
                    steps += [payload, call(way, size)]
        self.compare(*steps)

    def test_truncated_length(self):
        steps = []
        for way in WITH_FLAGS:
            for size in ("0", "3", "5", "9"):
                for flags in (TRUNC, TRUNC | PEEK, PEEK):
                    steps += [b"hello", call(way, size, flags=flags),
                              call(way, size, flags=DONTWAIT)]
        self.compare(*steps)

    def test_longest(self):
        """What a datagram holds with its header."""
        self.families = FAMILIES[:2]
        for way in EVERY_WAY:
            payload = random.Random(7).randbytes(65507 - 52)
            self.compare(payload, call(way, "65507"),
                         payload, call(way, "60000"),
                         payload, call(way, "3,60000,1"))

    def test_endless_room(self):
        for way in "recvfrom", "recv":
            self.compare(b"hello", call(way, "-1"))

    def test_header_lengths(self):
        """Each datagram's header may have another length."""
        payload = random.Random(8).randbytes(3000)
        tlvs = [tlv(4, bytes(n)) for n in (0, 5000, 1, 300, 20000)] + [b""]
        self.families = FAMILIES[:1]
        for way in EVERY_WAY:
            steps = []
            for size in ("3000", "2999", "3001", "10", "1,2,3,2000,1000",
                         "65536") * 2:
                steps += [payload, call(way, size)]
            self.compare(*steps, tlvs=tlvs)

    def test_read_of_nothing_leaves_it_there(self):
        self.compare(b"hello", call("read", "0"), call("readv", "0,0"),
                     "ready", call("recv"), "ready")


class Parts(Compared):
    def test_iovecs(self):
        steps = []
        for way in ("readv", "recvmsg", "recvmmsg"):
            for sizes in ("1x50", "0,3,0,0,40", "2,0", "1x1024", "0x1023,9",
                          "1x1025", "7,100,1"):
                steps += [b"hello, world", call(way, sizes), "ready",
                          call("recv", flags=DONTWAIT)]
        self.compare(*steps)

    def test_no_iovec(self):
        for way in ("recvmsg", "recvmmsg"):
            self.compare(b"hello", call(way, ""), "ready")

    def test_parts_at_no_address(self):
        """Nothing is received, but for what is ahead of that message."""
        for way in "readv", "recvmsg", "recvmmsg":
            self.compare("without parts 0", b"hello", call(way), "ready",
                         "without parts -1", call(way), "ready")
        self.compare("without parts 1", b"1", b"2",
                     call("recvmmsg", count=2, flags=DONTWAIT), "ready")


class Names(Compared):
    def test_room_for_the_name(self):
        steps = []
        for way in ("recvfrom", "recvmsg", "recvmmsg"):
            for name in (-1, 0, 1, 2, 7, 15, 16, 17, 27, 28, 29, 128, 140):
                steps += [b"hello", call(way, name=name)]
        self.compare(*steps)

    def test_ipv6_client_of_an_ipv4_socket(self):
        with Shapes() as shapes, sender() as proxy:
            shapes.send(proxy, udp("2001:db8::7", 7) + b"hello")
            self.assertIn("name=40:0a000007", shapes.ask(call("recvfrom")))


class Ancillary(Compared):
    def test_room_for_it(self):
        steps = [f"option 0 {IP_PKTINFO} 1", f"option 0 {IP_RECVTTL} 1",
                 f"option 1 {SO_TIMESTAMPNS} 1",
                 f"option 41 {IPV6_RECVPKTINFO} 1"]
        for way in ("recvmsg", "recvmmsg"):
            for control in (0, 8, 16, 24, 28, 32, 40, 60, 200):
                steps += [b"hello", call(way, control=control)]
        self.compare(*steps)

    def test_with_one_that_is_dropped(self):
        """What came with it is not told."""
        self.compare(f"option 0 {IP_PKTINFO} 1",
                     f"option 41 {IPV6_RECVPKTINFO} 1", "nonblocking 1",
                     *[step for way in ("recvmsg", "recvmmsg")
                       for step in (Bad(fixture.V2_SIGNATURE), b"hello",
                                    call(way, control=200, count=2),
                                    Bad(fixture.V2_SIGNATURE),
                                    call(way, control=200))])


    def test_no_address_for_what_came_behind_one(self):
        self.compare(f"option 0 {IP_PKTINFO} 1",
                     f"option 41 {IPV6_RECVPKTINFO} 1", "without control 0",
                     Bad(fixture.V2_SIGNATURE), b"hello",
                     call("recvmmsg", control=200, flags=DONTWAIT, count=2))


class Many(Compared):
    def test_counts(self):
        steps = []
        for count in (1, 2, 3, 63, 64, 65, 129):
            for sent in (1, 2, 64, 66, 130):
                steps += [b"hello %d" % n for n in range(sent)]
                steps += [call("recvmmsg", count=count, flags=flags)
                          for flags in (DONTWAIT, WAITFORONE | DONTWAIT)]
                steps += [call("recvmmsg", flags=DONTWAIT, count=180)]
        self.families = FAMILIES[:2]
        self.compare(*steps)

    def test_by_number(self):
        """By syscall(2), as libuv does."""
        bad = Bad(v2_raw(protocol=0x11, block=bytes(12)))
        self.compare(b"a", b"22", call("recvmmsg-raw", count=1),
                     call("recvmmsg-raw", flags=WAITFORONE, count=9),
                     bad, b"", b"333", bad, b"4444",
                     call("recvmmsg-raw", "2", flags=DONTWAIT | TRUNC, count=9),
                     call("recvmmsg-raw", flags=DONTWAIT, count=9))

    def test_waiting_for_one(self):
        self.compare(b"a", b"b", call("recvmmsg", flags=WAITFORONE, count=9))

    def test_time(self):
        """It ends after the datagram that comes when the time is up."""
        self.compare(b"a", b"b",
                     call("recvmmsg", count=9, milliseconds=0))

    def test_bad_time(self):
        self.compare(b"a", call("recvmmsg", count=9, milliseconds=-5000),
                     b"b", call("recvmmsg", count=2, flags=DONTWAIT))

    def test_shown(self):
        self.compare(b"a", b"b", call("recvmmsg", flags=PEEK, count=3),
                     call("recvmmsg", flags=DONTWAIT, count=3))

    def test_a_message_that_cannot_be(self):
        """Those before it are received."""
        self.compare(b"a", call("recvmmsg", "1x1025", count=2,
                                flags=DONTWAIT),
                     call("recvmmsg", count=2, flags=DONTWAIT))

    def test_dropped_among_others(self):
        bad = Bad(v2_raw(protocol=0x11, block=bytes(12)))
        self.compare("nonblocking 1", bad, b"1", bad, bad, b"22", b"", b"333",
                     bad, call("recvmmsg", count=10),
                     bad, bad, bad, call("recvmmsg", count=2), b"4",
                     call("recvmmsg", count=2))

    def test_as_many_as_there_is_room_for(self):
        """Less would say that nothing is left: nobody is woken again."""
        bad = Bad(fixture.V2_SIGNATURE)
        for flags in 0, WAITFORONE:
            self.compare("nonblocking 1", bad, b"1", b"2", bad, b"3", b"4",
                         call("recvmmsg", count=3, flags=flags), "ready",
                         call("recv"), "ready",
                         *[b"%d" % n for n in range(40)], bad, bad,
                         *[b"%d" % n for n in range(40)],
                         call("recvmmsg", count=80, flags=flags), "ready")

    def test_dropped_behind_others(self):
        """Who has been given some is not given one that is empty."""
        self.families = FAMILIES[:2]
        self.compare(*[b"%d" % n for n in range(64)],
                     Bad(fixture.V2_SIGNATURE),
                     call("recvmmsg", count=70, flags=WAITFORONE), "ready")


class Waiting(Compared):
    def test_nothing_there(self):
        """By a flag, by the descriptor's, and when the time is up."""
        steps = [call(way, flags=DONTWAIT) for way in WITH_FLAGS]
        steps += ["nonblocking 1", *map(call, EVERY_WAY), "nonblocking 0"]
        self.compare(*steps)

    def test_timeout_of_the_socket(self):
        with sender() as client:
            answers = []
            for library in None, fixture.UDP_LIBRARY:
                with Shapes(library=library) as shapes:
                    shapes.ask("timeout 20")
                    answers.append([shapes.ask(call(way))
                                    for way in EVERY_WAY])
            self.assertEqual(*answers)
            del client

    def test_dropped_then_nothing(self):
        self.compare("nonblocking 1",
                     *[step for way in EVERY_WAY
                       for step in (Bad(fixture.V2_SIGNATURE), call(way),
                                    "ready")])

    def test_dropped_then_another(self):
        self.compare(*[step for way in EVERY_WAY
                       for step in (Bad(fixture.V2_SIGNATURE),
                                    Bad(fixture.V2_SIGNATURE + b"!"),
                                    b"hello", call(way))])

    def test_shown_then_dropped(self):
        self.compare("nonblocking 1",
                     *[step for way in WITH_FLAGS
                       for step in (Bad(fixture.V2_SIGNATURE),
                                    call(way, flags=PEEK), "ready",
                                    Bad(fixture.V2_SIGNATURE), b"hello",
                                    call(way, flags=PEEK), call(way))])

    def test_shown_many_times(self):
        """Only what is to be dropped is."""
        self.compare("nonblocking 1", Bad(fixture.V2_SIGNATURE), b"1", b"2",
                     call("recvmmsg", flags=PEEK, count=3), call("recv"),
                     call("recv"), "ready")

    def test_urgent(self):
        """A flag that means nothing for UDP, and is the library's own."""
        self.compare(*[step for way in WITH_FLAGS
                       for step in (b"hello", call(way, flags=OOB))])


class Emptied(unittest.TestCase):
    """A call that would wait is given what was dropped, without its bytes."""

    def test_each_way(self):
        for way in EVERY_WAY:
            with self.subTest(way), Shapes() as shapes, sender() as proxy:
                for header in (v2_raw(protocol=0x11, block=bytes(12)),
                               fixture.V2_SIGNATURE):
                    shapes.send(proxy, header + b"hello")
                    line = shapes.ask(call(way))
                    expected = 1 if way == "recvmmsg" else 0
                    self.assertIn(f"result={expected} errno=4242", line)
                    self.assertTrue(line.endswith("bytes=0:"), line)
                    if way in ("recvfrom", "recvmsg", "recvmmsg"):
                        port = "%04x" % proxy.getsockname()[1]
                        self.assertIn(f"name=40:0200{port}7f000001", line)

    def test_shown(self):
        """Who is shown one can take it without waiting."""
        for way in WITH_FLAGS:
            with self.subTest(way), Shapes() as shapes, sender() as proxy:
                shapes.ask("timeout 20")
                expected = f"result={int(way == 'recvmmsg')} errno=4242"
                for rest in (), (udp() + b"hello",):
                    shapes.send(proxy, fixture.V2_SIGNATURE)
                    for _ in range(2):
                        line = shapes.ask(call(way, flags=PEEK))
                        self.assertIn(expected, line)
                        self.assertTrue(line.endswith("bytes=0:"), line)
                    for datagram in rest:
                        shapes.send(proxy, datagram)
                    line = shapes.ask(call(way))
                    self.assertIn(expected, line)
                    self.assertTrue(line.endswith("bytes=0:"), line)
                    for _ in rest:
                        self.assertTrue(shapes.ask(call(way)).endswith(
                            "bytes=5:68656c6c6f"))
                    self.assertIn("ready: 0", shapes.ask("ready"))

    def test_shown_and_taken_in_another_way(self):
        """What is behind the one that it was shown stays there."""
        for show in WITH_FLAGS:
            for take in EVERY_WAY:
                with self.subTest(show=show, take=take), \
                        Shapes() as shapes, sender() as proxy:
                    for bad in (fixture.V2_SIGNATURE,
                                fixture.V2_SIGNATURE + b"!"):
                        shapes.send(proxy, bad)
                        shapes.ask(call(show, flags=PEEK))
                        shapes.send(proxy, udp() + b"hello")
                        self.assertTrue(shapes.ask(call(take)).endswith(
                            "bytes=0:"))
                        self.assertTrue(shapes.ask(call(take)).endswith(
                            "bytes=5:68656c6c6f"))

    def test_shown_many_taken(self):
        """The first emptied, of those behind it the good as they are."""
        bad, one = fixture.V2_SIGNATURE, udp() + b"1"
        for behind in (one, one), (bad, one, bad, one):
            with Shapes() as shapes, sender() as proxy:
                shapes.send(proxy, bad)
                shapes.ask(call("recvfrom", flags=PEEK))
                for datagram in behind:
                    shapes.send(proxy, datagram)
                line = shapes.ask(call("recvmmsg", count=3))
                self.assertIn("result=3", line)
                self.assertEqual(re.findall(" len=([0-9]+)", line),
                                 ["0", "1", "1"])

    def test_many_in_a_row(self):
        """A flood does not hold the program up, nor is it told of nothing."""
        for way in EVERY_WAY:
            with self.subTest(way), Shapes() as shapes, sender() as proxy:
                shapes.ask("nonblocking 1")
                for _ in range(100):
                    shapes.send(proxy, fixture.V2_SIGNATURE)
                expected = 1 if way == "recvmmsg" else 0
                self.assertIn(f"result={expected} errno=4242",
                              shapes.ask(call(way)))
                self.assertIn("errno=11", shapes.ask(call(way)))


class Sources(unittest.TestCase):
    """Whom the kernel names, and every byte behind the header."""

    def check(self, header, payload=b"hello", **settings):
        with sender() as proxy:
            port = "%04x" % proxy.getsockname()[1]
            with Shapes(**settings) as shapes:
                for way in "recvfrom", "recvmsg", "recvmmsg":
                    shapes.send(proxy, header + payload)
                    line = shapes.ask(call(way))
                    self.assertIn(f"name=40:0200{port}7f000001", line)
                    self.assertTrue(line.endswith(
                        f"bytes={len(payload)}:{payload.hex()}"), line)

    def test_local(self):
        self.check(v2_local())
        self.check(v2_local(bytes(12), 0x11))
        self.check(v2_local(bytes(70), 0x22))

    def test_unspecified(self):
        for protocol in 0x00, 0x02, 0x01, 0x10, 0x20:
            self.check(v2_raw(protocol=protocol, block=bytes(40)))

    def test_unix(self):
        self.check(v2_raw(protocol=0x32, block=bytes(216)))

    def test_none(self):
        self.check(b"", b"\r\n\r\n")
        self.check(b"", b"hello")
        self.check(b"", fixture.v1() + b"hello")

    def test_of_who_is_not_trusted(self):
        self.check(b"", udp() + b"hello", TRUSTED="192.0.2.1")

    def test_switched_off(self):
        for version in 0, 1:
            self.check(b"", udp() + b"hello", VERSION=version)

    def test_other_port(self):
        self.check(b"", udp() + b"hello", PORTS=1)


if __name__ == "__main__":
    fixture.main()
