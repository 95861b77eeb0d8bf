# SPDX-License-Identifier: ISC
"""TRUSTED: whose header is believed. Nobody else's counts, in any mode."""
import contextlib
import socket

import fixture
from fixture import namespaces, tlv, v1, v2, v2_local, v2_raw, with_crc
from fixture.calls import CallsCase
from fixture.trace import Trace

HERE = contextlib.nullcontext()
CLIENT = "192.0.2.1", 1111

# What somebody who is not trusted may send: a word for it, and the bytes.
ATTEMPTS = {
    "v1": v1(),
    "v1 TCP6": v1("2001:db8::1", "2001:db8::2"),
    "v1 UNKNOWN": b"PROXY UNKNOWN\r\n",
    "v2": v2(),
    "v2 TCP6": v2("2001:db8::1", "2001:db8::2"),
    "v2 with TLVs": v2(tlvs=tlv(0xE0, b"x" * 100)),
    "v2 with a CRC32c": with_crc(),
    "longer than is peeked": v2(tlvs=tlv(0xE0, b"x" * 3000)),
    "LOCAL": v2_local(),
    "two headers": v1() + v2(),
    "bad v1": b"PROXY TCP4 1.2.3\r\n",
    "bad v2": v2_raw(command=0x31),
    "wrong CRC32c": with_crc(wrong=True),
    "half a v1": v1()[:20],
    "half a v2": v2()[:20],
    "no header": b"GET / HTTP/1.0\r\n\r\n",
}


def shown(client, host):
    """A client's own name as a listener on host has it."""
    name, port = client.getsockname()[:2]
    name = name.split("%")[0]
    if ":" in host and ":" not in name:
        name = "::ffff:" + name
    return name, port


class Case(CallsCase):
    def dial(self, address, port, source, data=b"", where=HERE):
        with where:
            client = fixture.connect(port, data, address, source)
        self.addCleanup(client.close)
        return client

    def accepted(self, calls, listener):
        """A reply to accept, of which getpeername says the same."""
        reply = calls.accept(listener.fd)
        self.assertGreaterEqual(reply.result, 0, reply)
        self.assertEqual(calls.getpeername(reply.result).address,
                         reply.address)
        return reply

    def assert_untouched(self, calls, listener, host, client, sent):
        """The next connection is the client's, with all it sent."""
        reply = self.accepted(calls, listener)
        self.assertEqual(reply.address, shown(client, host))
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(calls.receive_all(reply.result), sent)
        calls.ok("close", reply.result)

    def assert_believed(self, calls, listener, host, client, sent=b"x"):
        """The next connection is the one that CLIENT is stated of."""
        reply = self.accepted(calls, listener)
        name, port = CLIENT
        self.assertEqual(reply.address,
                         ("::ffff:" + name if ":" in host else name, port))
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(calls.receive_all(reply.result), sent)
        calls.ok("close", reply.result)


class Spoofing(Case):
    """Valid headers, and everything else, from where nobody is trusted."""

    def check(self, trusted, host, good, bad, server=HERE, client=HERE):
        """
        With the list trusted, on a listener of host, good is believed and bad
        is not; each is the address dialled and the client's own. No header is
        ever waited for from bad: the timeout would let the test fail.
        """
        for must_use in 0, 1:
            with server:
                calls = self.start(TRUSTED=trusted, TIMEOUT=3600,
                                   MUST_USE_PROTOCOL_HEADER=must_use)
            listener = calls.listener(host)
            before = calls.descriptors()
            for what, attempt in ATTEMPTS.items():
                with self.subTest(what, host=host, bad=bad, must_use=must_use):
                    sent = attempt + b"data"
                    other = self.dial(bad[0], listener.port, bad[1], sent,
                                      client)
                    if not must_use:
                        self.assert_untouched(calls, listener, host, other,
                                              sent)
                    friend = self.dial(good[0], listener.port, good[1],
                                       v1() + b"x", client)
                    self.assert_believed(calls, listener, host, friend)
                    if must_use:
                        self.assertEqual(fixture.read_all(other), b"")
                self.assertEqual(calls.descriptors(), before)

    def test_ipv4(self):
        for trusted in "127.0.0.1", "10.0.0.0/8 127.0.0.0/31", "127.0.0.1/32":
            self.check(trusted, "127.0.0.1", ("127.0.0.1", "127.0.0.1"),
                       ("127.0.0.1", "127.0.0.2"))

    def test_mapped_ipv4(self):
        for trusted in "127.0.0.1", "::ffff:127.0.0.1", \
                "::/0 ::ffff:127.0.0.0/127":
            self.check(trusted, "::", ("127.0.0.1", "127.0.0.1"),
                       ("127.0.0.1", "127.0.0.2"))

    def test_all_of_ipv6_is_not_ipv4(self):
        for trusted in "::/0", "::/1", "::/80", "::1":
            self.check(trusted, "::", ("::1", "::1"),
                       ("127.0.0.1", "127.0.0.1"))

    def test_all_of_ipv4_is_not_ipv6(self):
        for trusted in "0.0.0.0/0", "::ffff:0:0/96", "127.0.0.1":
            self.check(trusted, "::", ("127.0.0.1", "127.0.0.1"),
                       ("::1", "::1"))


class SpoofingOverAWire(Spoofing):
    """The same between network namespaces."""

    def setUp(self):
        fixture.need("ip")
        self.pair = namespaces.Pair(self)

    def wire(self, trusted, host, good, bad):
        self.check(trusted, host, good, bad, self.pair.server,
                   self.pair.client)

    def test_ipv4(self):
        for trusted in "10.77.0.2", "10.77.0.2/32 fd77::/16":
            self.wire(trusted, "0.0.0.0", ("10.77.0.1", "10.77.0.2"),
                      ("10.77.0.1", "10.77.0.3"))

    def test_ipv6(self):
        for trusted in "fd77::2", "fd77::2/128,10.77.0.0/24":
            self.wire(trusted, "::", ("fd77::1", "fd77::2"),
                      ("fd77::1", "fd77::3"))

    def test_mapped_ipv4(self):
        for trusted in "10.77.0.2", "::/0 10.77.0.2":
            self.wire(trusted, "::", ("10.77.0.1", "10.77.0.2"),
                      ("10.77.0.1", "10.77.0.3"))

    def test_all_of_ipv6_is_not_ipv4(self):
        self.wire("::/0", "::", ("fd77::1", "fd77::2"),
                  ("10.77.0.1", "10.77.0.2"))

    def test_all_of_ipv4_is_not_ipv6(self):
        self.wire("0.0.0.0/0", "::", ("10.77.0.1", "10.77.0.2"),
                  ("fd77::1", "fd77::2"))

    def test_link_local(self):
        self.wire("fe80::2", "::", ("fe80::1%client", "fe80::2%client"),
                  ("fe80::1%client", "fe80::3%client"))


class Lists(Case):
    def test_a_thousand_networks(self):
        many = ",".join(f"10.{i // 256}.{i % 256}.0/24" for i in range(999))
        calls = self.start(TRUSTED=many + ",127.0.0.2")
        listener = calls.listener()
        friend = self.dial("127.0.0.1", listener.port, "127.0.0.2",
                           v2() + b"x")
        self.assert_believed(calls, listener, "127.0.0.1", friend)
        other = self.dial("127.0.0.1", listener.port, "127.0.0.3", v2())
        self.assert_untouched(calls, listener, "127.0.0.1", other, v2())

    def test_everyone(self):
        calls = self.start(TRUSTED="Everyone")
        listener = calls.listener()
        friend = self.dial("127.0.0.1", listener.port, "127.0.0.9",
                           v2() + b"x")
        self.assert_believed(calls, listener, "127.0.0.1", friend)

    def test_version_0_is_off_for_everybody(self):
        calls = self.start(TRUSTED="127.0.0.1", VERSION=0,
                           MUST_USE_PROTOCOL_HEADER=1)
        listener = calls.listener()
        for source in "127.0.0.1", "127.0.0.2":
            client = self.dial("127.0.0.1", listener.port, source, v1())
            self.assert_untouched(calls, listener, "127.0.0.1", client, v1())


class NonBlocking(Case):
    def test_dropped_is_again(self):
        calls = self.start(TRUSTED="127.0.0.1", MUST_USE_PROTOCOL_HEADER=1)
        listener = calls.listener(nonblocking=True)
        other = self.dial("127.0.0.1", listener.port, "127.0.0.2", v1())
        self.assertEqual(calls.accept(listener.fd).outcome, (-1, "EAGAIN"))
        self.assertEqual(fixture.read_all(other), b"")

    def test_silent_is_handed_over_at_once(self):
        calls = self.start(TRUSTED="127.0.0.1", TIMEOUT=3600)
        listener = calls.listener(nonblocking=True)
        other = self.dial("127.0.0.1", listener.port, "127.0.0.2")
        reply = calls.accept4(listener.fd, socket.SOCK_NONBLOCK)
        self.assertEqual(reply.address, other.getsockname())


class Debug(Case):
    def line(self, outcome, must_use):
        calls = self.start(TRUSTED="127.0.0.1", DEBUG=1,
                           MUST_USE_PROTOCOL_HEADER=must_use)
        listener = calls.listener(nonblocking=True)
        other = self.dial("127.0.0.1", listener.port, "127.0.0.2", v1())
        calls.accept(listener.fd)
        calls.wait_line(
            rf"^libproxyproto: accept: fd \d+: {outcome}: not trusted, from "
            rf"127\.0\.0\.2:{other.getsockname()[1]}$")

    def test_handed_over(self):
        self.line("handed over", 0)

    def test_dropped(self):
        self.line("dropped", 1)


class SystemCalls(Case):
    """What strace shows of accept, beside the probe's own talk."""

    TALK = "read", "write"

    def trace(self, source, library=fixture.SERVER_LIBRARY, host="127.0.0.1",
              **settings):
        """The calls of accepting three clients that were there before."""
        calls = self.start(library, **settings)
        listener = calls.listener(host, nonblocking=True)
        for _ in range(3):
            self.dial("127.0.0.1", listener.port, source, v1() + b"x")
        with Trace(calls.pid) as trace:
            for call in ("accept", 128), ("accept4", 128, 0), \
                    ("accept", "null"):
                calls.do(call[0], listener.fd, *call[1:])
        return trace.names(*self.TALK)

    def test_untrusted_costs_nothing(self):
        for host in "127.0.0.1", "::":
            without = self.trace("127.0.0.2", library=None, host=host)
            self.assertEqual(without, ["accept", "accept4", "accept"])
            for settings in {}, {"PORTS": "1-65535"}, {"VERSION": "1"}:
                self.assertEqual(
                    self.trace("127.0.0.2", host=host, TRUSTED="127.0.0.1",
                               **settings), without)

    def test_untrusted_is_not_looked_at_to_be_dropped(self):
        names = self.trace("127.0.0.2", TRUSTED="127.0.0.1",
                           MUST_USE_PROTOCOL_HEADER=1)
        # at the end it asks, once, whether the listener blocks
        self.assertEqual(set(names), {"accept", "accept4", "close", "fcntl",
                                      "setsockopt"})
        self.assertEqual(names.count("close"), 3)

    def test_trusted_costs_as_much_as_without_a_list(self):
        self.assertEqual(self.trace("127.0.0.1", TRUSTED="127.0.0.1"),
                         self.trace("127.0.0.1"))


if __name__ == "__main__":
    fixture.main()
