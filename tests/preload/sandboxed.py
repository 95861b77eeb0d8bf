# SPDX-License-Identifier: ISC
"""A server in a seccomp filter is not killed, whatever its clients do.

The filter (sandboxed.c) allows the program's own calls, and those that
libproxyproto(7) lists under "Programs that confine themselves".
"""
import itertools
import os
import re
import signal
import socket
import sys
import tempfile
import time
import unittest
import unittest.mock

import fixture
from fixture import manual, tlv, v1, v2

# How it waits: the calls of its own, beside OWN.
WAYS = {
    "epoll": ("epoll_pwait", "getsockname"),
    "epoll-raw": ("epoll_pwait",),
    "poll": ("poll", "ppoll"),
    "poll-many": ("poll", "ppoll"),
    "select": ("select", "pselect6", "getpeername"),
    "blocking": (),
    "threads": (),
    "forking": ("clone", "fork", "set_robust_list", "rseq", "gettid"),
}
OWN = ("accept4", "recvmsg", "sendmsg", "writev", "exit_group",
       "rt_sigreturn", "restart_syscall")

# What a function of the page is to the kernel, if not the same.
KERNELS = {
    "epoll_wait": ("epoll_wait", "epoll_pwait"),
    "fstat": ("fstat", "newfstatat"),
    "getrlimit": ("prlimit64",),
    "sigaction": ("rt_sigaction",),
    "sigpending": ("rt_sigpending",),
    "sigprocmask": ("rt_sigprocmask",),
    "sigtimedwait": ("rt_sigtimedwait",),
}

# What the page says of whom a call is for: where that is so here.
HEADS = {
    "accept": lambda way, settings: True,
    "getpeername": lambda way, settings: way in ("epoll", "select"),
    "LIBPROXYPROTO_UNIX": lambda way, settings: "UNIX" in settings,
    "fork": lambda way, settings: way == "forking",
    "epoll": lambda way, settings: way == "epoll-raw",
    "LIBPROXYPROTO_DEBUG": lambda way, settings: "DEBUG" in settings,
}

GOOD_FROM, BAD_FROM = "127.0.0.2", "127.0.0.3"
TRUSTED = {"TRUSTED": GOOD_FROM, "PORTS": "1-65535"}
MUST_USE = {"MUST_USE_PROTOCOL_HEADER": 1}
DEBUG = {"DEBUG": 1}
SETTINGS = ({}, MUST_USE, TRUSTED, TRUSTED | MUST_USE | DEBUG)

# What a client sends, and whom the server then names: None for nobody.
LONG = v2("192.0.2.7", tlvs=tlv(0xE0, bytes(3000)))
OUTCOMES = (
    (v1("192.0.2.5"), "192.0.2.5"),
    (v2("192.0.2.6"), "192.0.2.6"),
    (LONG, "192.0.2.7"),
    (v2("192.0.2.8", tlvs=tlv(4, b"abc")), "192.0.2.8"),
    (v1("2001:db8::9", "2001:db8::2"), "2001:db8::9"),
    (v2("2001:db8::9", "2001:db8::2"), "2001:db8::9"),
    (fixture.v2_local(), GOOD_FROM),
    (b"PROXY TCP9\r\n", None),
    (fixture.v2_raw(command=0x2f), None),
)
# where they stop at first, and whom the rest names
HALVES = ((v1("192.0.2.5"), 20, "192.0.2.5"), (v2("192.0.2.6"), 20,
                                               "192.0.2.6"),
          (LONG, 700, "192.0.2.7"), (v1("192.0.2.5"), 0, "192.0.2.5"))


def listed():
    """{whom it is for: the calls} of the page, each by its function's name."""
    text = manual.source("libproxyproto.7")
    text = text[text.index(".Ss Programs that confine themselves"):]
    items = text[:text.index("\n.El")].split("\n.It ")[1:]
    return {re.search(r"(?:Xr|Ev) (\w+)", item)[1]:
            re.findall(r"^\.Xr (\w+) 2", item, re.M) for item in items}


def kernels(names):
    """What the kernel calls those functions."""
    return [call for name in names for call in KERNELS.get(name, (name,))]


def allowed(way, settings):
    """The calls of the program, and the library's by the page."""
    return [*OWN, *WAYS[way], *kernels(itertools.chain.from_iterable(
        names for head, names in listed().items()
        if HEADS[head](way, settings)))]


class Server(fixture.Program):
    """sandboxed under the library; nobody reads its stderr."""

    DEAF = ("import os, sys; os.dup2(os.pipe()[1], 2); "
            "os.execvp(sys.argv[1], sys.argv[1:])")

    def __init__(self, way, settings, host="127.0.0.1", before=()):
        super().__init__(
            [sys.executable, "-c", self.DEAF, *before, "env",
             f"LD_PRELOAD={fixture.SERVER_LIBRARY}",
             fixture.probe("sandboxed"), way, host, *allowed(way, settings)],
            fixture.environment(TIMEOUT=0.1, **settings))
        self.host = host
        self.port = int(self.wait_line(r"^port (\d+)$")[1])
        self.wait_line("^confined$|^no seccomp$")
        if "no seccomp" in self.lines:
            self.stop()
            raise unittest.SkipTest("the kernel refuses seccomp")

    def connect(self, data, source=GOOD_FROM):
        if self.host.startswith("/"):
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(fixture.PATIENCE)
            client.connect(self.host)
            client.sendall(data)
            return client
        return fixture.connect(self.port, data, self.host,
                               None if ":" in self.host else source)

    def pid(self):
        """That of the program, whose parent may be who traces it."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children",
                  encoding="ascii") as file:
            children = file.read().split()
        with open(f"/proc/{self.process.pid}/comm", encoding="ascii") as file:
            traced = file.read() == "strace\n"
        return int(children[0]) if traced else self.process.pid


def told(client):
    """What the server answers; None where the connection is reset or ends."""
    try:
        return client.recv(100).decode().removeprefix("::ffff:") or None
    except ConnectionResetError:
        return None


@unittest.skipUnless(sys.maxsize > 2**32, "other names on machines of 32 bits")
class Sandboxed(unittest.TestCase):
    def check_client(self, server, data, who, source=GOOD_FROM):
        with server.connect(data, source) as client:
            if who == GOOD_FROM and ":" in server.host:
                who = server.host
            self.assertEqual(told(client), who, (data, source))

    def check_late(self, server):
        """Those who are late, good ones in between."""
        late = []
        for data, size, who in HALVES:
            late.append((server.connect(data[:size]), data[size:], who))
            self.check_client(server, v1("192.0.2.5") + b"x", "192.0.2.5")
        for client, rest, who in late:
            with client:
                # by then its time may be up
                client.sendall(rest + b"x")
                self.assertIn(told(client), (who, GOOD_FROM, server.host,
                                             None))

    def check_overdue(self, server):
        halves = [server.connect(data[:size]) for data, size, _ in HALVES]
        time.sleep(0.2)
        # who was silent is handed over, and has the server read
        halves[-1].sendall(b"x")
        for client in halves:
            with client:
                self.assertIn(told(client), (GOOD_FROM, server.host, None))

    def check_gone(self, server):
        """Those who reset before they are accepted."""
        os.kill(server.pid(), signal.SIGSTOP)
        for data in b"", v1()[:20], v1() + b"x", b"PROXY nonsense\r\n":
            fixture.reset(server.connect(data))
        os.kill(server.pid(), signal.SIGCONT)

    def check_all(self, server, settings):
        for data, who in OUTCOMES:
            self.check_client(server, data + b"x", who)
        must_use = "MUST_USE_PROTOCOL_HEADER" in settings
        self.check_client(server, b"bare", None if must_use else GOOD_FROM)
        if "TRUSTED" in settings:
            self.check_client(server, v1() + b"x",
                              None if must_use else BAD_FROM, BAD_FROM)
        self.check_late(server)
        self.check_gone(server)
        self.check_overdue(server)
        self.check_client(server, v1("192.0.2.5") + b"x", "192.0.2.5")
        self.assertNotIn("accept failed", server.output())

    def check(self, way):
        for settings in SETTINGS:
            with self.subTest(settings=settings), \
                    Server(way, settings) as server:
                self.check_all(server, settings)

    def test_ipv6(self):
        fixture.need_ipv6()
        for way in "epoll", "select", "blocking":
            with self.subTest(way), Server(way, {}, "::1") as server:
                self.check_all(server, {})

    def check_unix(self, server):
        self.check_client(server, v1("192.0.2.5") + b"x", "192.0.2.5")
        self.check_client(server, b"PROXY TCP9\r\n", None)
        with server.connect(v1("192.0.2.6")[:20]) as late:
            self.check_client(server, v1("192.0.2.5") + b"x", "192.0.2.5")
            late.sendall(v1("192.0.2.6")[20:] + b"x")
            self.assertIn(told(late), ("192.0.2.6", "unix"))

    def unix_server(self, way, before=()):
        folder = fixture.folder(self.addCleanup)
        return Server(way, {"UNIX": "yes"}, folder + "/socket", before)

    def test_unix(self):
        for way in "epoll", "poll", "select", "blocking", "threads":
            with self.subTest(way), self.unix_server(way) as server:
                self.check_unix(server)

    def unix_calls(self):
        with tempfile.NamedTemporaryFile("r") as trace, self.unix_server(
                "poll", ("strace", "-f", "-qq", "-o", trace.name)) as server:
            self.check_unix(server)
            text = trace.read()
        text = text[text.index("seccomp("):]
        return set(re.findall(r"^\d+ +(\w+)\(", text, re.M))

    def test_each_call_of_the_page_is_made(self):
        """By some server, one that has no such call of its own."""
        fixture.need("strace")
        settings = TRUSTED | DEBUG
        made = {head: set() for head in HEADS}
        for way in WAYS:
            with tempfile.NamedTemporaryFile("r") as trace, \
                    Server(way, settings, before=(
                        "strace", "-f", "-qq", "-o", trace.name)) as server:
                self.check_all(server, settings)
                text = trace.read()
            text = text[text.index("seccomp("):]
            calls = set(re.findall(r"^\d+ +(\w+)\(", text, re.M))
            for head, applies in HEADS.items():
                if applies(way, settings):
                    made[head] |= calls - set(WAYS[way])
        made["LIBPROXYPROTO_UNIX"] = self.unix_calls()
        for head, names in listed().items():
            # where two threads meet, which they need not
            names = [name for name in names if name != "sched_yield"]
            self.assertEqual([name for name in names
                              if not made[head] & set(kernels([name]))], [])

    def test_the_filter_kills(self):
        """A call that is not allowed."""
        with unittest.mock.patch.dict(KERNELS, {"setsockopt": ()}), \
                Server("epoll", {}) as server, \
                server.connect(v1() + b"x") as client:
            self.assertIsNone(told(client))
            self.assertEqual(server.wait(), -signal.SIGSYS)


for _way in WAYS:
    def _test(self, way=_way):
        self.check(way)
    setattr(Sandboxed, f"test_{_way.replace('-', '_')}", _test)


if __name__ == "__main__":
    fixture.main()
