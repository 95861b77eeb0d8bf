# SPDX-License-Identifier: ISC
"""What the libraries cost, in system calls: exact counts, by strace."""
import collections
import fcntl
import os
import re
import signal
import socket
import statistics
import subprocess
import tempfile
import unittest

import fixture
from fixture import tlv, v1, v2
from fixture.calls import Calls, pack_address, pack_unix

ROUNDS = 5
DATA_ROUNDS = 1000
TLVS = v2(tlvs=tlv(0xEA, b"vpce-0"))
HEADERS = v1(), v2(), v2("2001:db8::1", "2001:db8::2"), TLVS
# what a connection with a header costs
PROXIED = {"recvfrom": 2 * ROUNDS, "setsockopt": ROUNDS}


class Traced(Calls):
    """The program under strace; what it called since the last asking."""

    def __init__(self, folder, library=None, **settings):
        self._file = os.path.join(folder, "trace")
        fixture.Program.__init__(
            self, ["strace", "-f", "-o", self._file]
            + [word for name, value in
               fixture.environment(library, **settings).items()
               if name.startswith(("LD_PRELOAD", "LIBPROXYPROTO_"))
               for word in ("-E", f"{name}={value}")]
            + [fixture.probe("calls")],
            env=fixture.environment(), stdin=subprocess.PIPE)
        self.pid = self.process.pid
        self._line = 0
        self._read_to = 0
        self.socket()
        self.counts()

    def counts(self):
        """How often it made each call, without what reads our commands."""
        # strace writes a call when it is over: the next command's read is
        # there before its answer
        self.ok("fcntl", 1, 1)
        with open(self._file, encoding="ascii", errors="replace") as file:
            lines = file.read().splitlines()
        lines, self._read_to = lines[self._read_to:], len(lines)
        names = (re.match(r"\d+ +(\w+)\(", line) for line in lines
                 if "fcntl(1, F_GETFD)" not in line)
        counts = collections.Counter(name[1] for name in names if name)
        for ours in ("read", "write"):
            del counts[ours]
        return counts


class Cost(unittest.TestCase):
    def setUp(self):
        fixture.need("strace")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def count(self, script, library=None, **settings):
        """The calls of a script that sets up and then returns what to do."""
        with Traced(self.folder, library, **settings) as calls:
            action = script(calls)
            calls.counts()
            action()
            return calls.counts()

    def difference(self, script, library=fixture.SERVER_LIBRARY, **settings):
        """The calls that a library adds; none may be missing under it."""
        bare = self.count(lambda calls: script(calls, False))
        under = self.count(lambda calls: script(calls, True), library,
                           **settings)
        self.assertEqual(dict(bare - under), {})
        return dict(under - bare)

    @staticmethod
    def accepting(header, nonblocking, *accept):
        """A script: connections with a header (under the library)."""
        def script(calls, under):
            listener = calls.listener(nonblocking=nonblocking)
            clients = [listener.connect((header if under else b"") + b"data")
                       for _ in range(ROUNDS)]

            def action():
                for _ in clients:
                    reply = calls.do(accept[0], listener.fd, 128, *accept[1:])
                    assert reply.result >= 0, reply
                for client in clients:
                    client.close()
            return action
        return script

    def test_three_calls_for_a_blocking_accept(self):
        """The header is seen and taken off, and the note is left."""
        for header in HEADERS:
            self.assertEqual(
                self.difference(self.accepting(header, False, "accept")),
                PROXIED)

    def test_three_calls_for_a_nonblocking_accept4(self):
        for header in HEADERS:
            script = self.accepting(header, True, "accept4",
                                    int(socket.SOCK_NONBLOCK))
            self.assertEqual(self.difference(script), PROXIED)

    def test_one_more_to_keep_a_header_with_tlvs(self):
        for header in HEADERS:
            def script(calls, under, header=header):
                if under:
                    calls.ok("keepheaders")
                return self.accepting(header, False, "accept")(calls, under)
            added = self.difference(script)
            # of the lock
            added.pop("rt_sigprocmask", None)
            self.assertEqual(added, PROXIED | (
                {"getsockopt": ROUNDS} if header == TLVS else {}))

    def test_one_receive_where_there_is_no_header(self):
        script = self.accepting(b"", False, "accept")
        self.assertEqual(self.difference(script), {"recvfrom": ROUNDS})

    def test_none_where_it_is_switched_off(self):
        script = self.accepting(b"", False, "accept")
        self.assertEqual(self.difference(script, VERSION=0), {})

    def check_names(self, data, expected, **settings):
        """What each name of a connection costs more than the kernel's."""
        for call in ("getpeername", "getsockname"):
            def script(calls, under, call=call):
                listener = calls.listener()
                client = listener.connect((data if under else b"") + b"data")
                fd = calls.accept(listener.fd).result

                def action():
                    for _ in range(ROUNDS):
                        assert calls.do(call, fd, 128).result == 0
                    client.close()
                return action
            self.assertEqual(self.difference(script, **settings),
                             expected[call])

    def test_names_of_a_known_connection(self):
        """The note; and for the local one the peer that it holds for."""
        for header in HEADERS:
            self.check_names(header, {
                "getpeername": {"getsockopt": ROUNDS},
                "getsockname": {"getsockopt": ROUNDS, "getpeername": ROUNDS}})

    def test_names_of_an_unknown_connection(self):
        """One call, to see whether there is a note; also of a listener."""
        self.check_names(b"", {"getpeername": {"getsockopt": ROUNDS},
                               "getsockname": {"getsockopt": ROUNDS}})

        def script(calls, _):
            fd = calls.listener().fd
            return lambda: [calls.getsockname(fd) for _ in range(ROUNDS)]
        self.assertEqual(self.difference(script), {"getsockopt": ROUNDS})

    def test_names_of_one_who_is_not_trusted(self):
        self.check_names(b"", {"getpeername": {},
                               "getsockname": {"getsockopt": ROUNDS}},
                         TRUSTED="192.0.2.0/24")

    def test_names_of_other_families(self):
        def script(calls, under):
            path = os.path.join(self.folder, f"names-{under}")
            server = calls.socket(socket.AF_UNIX)
            calls.ok("bind", server, pack_unix(path))
            calls.ok("listen", server, 8)
            client = calls.socket(socket.AF_UNIX)
            calls.ok("connect", client, pack_unix(path))

            def action():
                for fd in server, client, 1, 99:
                    calls.getsockname(fd)
                for fd in client, 1, 99:
                    calls.getpeername(fd)
            return action
        self.assertEqual(self.difference(script), {})

    def test_nothing_for_what_is_done_with_a_connection(self):
        """Duplicated, passed, forked and executed: with a client, too."""
        def script(calls, under):
            listener = calls.listener()
            clients = [listener.connect(header + b"data") for header in
                       (v2() if under else b"", b"")]
            fds = [calls.accept(listener.fd).result for _ in clients]
            mailbox = calls.own_mailbox()

            def action():
                for fd in (*fds, listener.fd, 1):
                    calls.ok("dup", fd)
                    calls.ok("dup2", fd, 60)
                    calls.ok("dup3", fd, 61, 0)
                    calls.ok("fcntl", fd, fcntl.F_DUPFD, 60)
                    calls.ok("pass", mailbox, fd)
                    calls.ok("passmany", mailbox, fd)
                    calls.ok("take", mailbox)
                    calls.ok("takemany", mailbox)
                    calls.do("exec", "/nonexistent")
                calls.ok("fork")
                calls.do("exit", 0)
                for client in clients:
                    client.close()
            return action
        added = self.difference(script)
        # what fork does with the signals of who holds a lock
        added.pop("rt_sigprocmask", None)
        # and what its child does, to know that the memory is its own
        added.pop("getpid", None)
        self.assertEqual(added, {})

    def test_nothing_for_programs_that_have_no_connections(self):
        def script(calls, _):
            mailbox = calls.own_mailbox()

            def action():
                for _ in range(ROUNDS):
                    calls.ok("dup", 1)
                    calls.do("exec", "/nonexistent")
                    calls.ok("pass", mailbox, 1)
                    calls.ok("take", mailbox)
                    calls.ok("fork")
                    calls.do("exit", 0)
            return action
        self.assertEqual(self.difference(script), {})

    def test_nothing_on_the_data_path_and_on_close(self):
        def script(calls, under):
            listener = calls.listener()
            client = listener.connect((v2() if under else b"")
                                      + bytes(DATA_ROUNDS))
            fd = calls.accept(listener.fd).result

            def action():
                for _ in range(DATA_ROUNDS):
                    assert calls.receive(fd, 1).result == 1
                    calls.ok("send", fd, b"data".hex())
                for _ in range(ROUNDS):
                    calls.ok("poll", fd, 4, -1)
                calls.ok("close", fd)
                client.close()
            return action
        self.assertEqual(self.difference(script), {})

    def test_nothing_for_unix_sockets(self):
        def script(calls, under):
            path = os.path.join(self.folder, f"socket-{under}")
            fd = calls.socket(socket.AF_UNIX)
            calls.ok("bind", fd, pack_unix(path))
            calls.ok("listen", fd, 8)

            def action():
                for _ in range(ROUNDS):
                    with socket.socket(socket.AF_UNIX) as client:
                        client.connect(path)
                        calls.accept(fd)
            return action
        self.assertEqual(self.difference(script), {})

    def test_nothing_but_its_own_calls_for_a_client(self):
        """An option, where to, the header; is it to wait, is it done?"""
        def script(calls, _):
            listener = socket.create_server(("127.0.0.1", 0))
            self.addCleanup(listener.close)
            name = pack_address("127.0.0.1", listener.getsockname()[1])

            def action():
                for _ in range(ROUNDS):
                    calls.ok("connect", calls.socket(), name)
            return action
        self.assertEqual(
            self.difference(script, fixture.CLIENT_LIBRARY),
            {"setsockopt": ROUNDS, "getpid": ROUNDS,
             "process_vm_readv": ROUNDS, "sendto": ROUNDS,
             "getsockopt": ROUNDS, "fcntl": ROUNDS})
        self.assertEqual(
            self.difference(script, fixture.CLIENT_LIBRARY, VERSION=0), {})

    def test_connects_that_are_not_of_a_tcp_socket_or_fail(self):
        """Whether it is a closed TCP socket is asked before."""
        def script(calls, under):
            path = os.path.join(self.folder, f"server-{under}")
            listener = socket.socket(socket.AF_UNIX)
            self.addCleanup(listener.close)
            listener.bind(path)
            listener.listen()
            refused = pack_address("127.0.0.1", fixture.free_port())

            def action():
                calls.ok("connect", calls.socket(socket.AF_UNIX),
                         pack_unix(path))
                calls.do("connect", calls.socket(), refused)
                calls.do("connect", calls.socket(), "badaddress", 16)
                calls.do("connect", 99, refused)
            return action
        self.assertEqual(self.difference(script, fixture.CLIENT_LIBRARY),
                         {"setsockopt": 4, "getsockopt": 2, "getpid": 2,
                          "process_vm_readv": 2, "sendto": 1, "fcntl": 1})


class LookUp(unittest.TestCase):
    """
    Where a listener is registered is looked up in /proc only where the program
    waits for it and was not seen to ask for it; once for all who wait.
    """

    def looks(self, shape):
        fixture.need("strace")
        with tempfile.NamedTemporaryFile("r") as trace, fixture.Program(
                ["strace", "-f", "-e", "openat", "-o", trace.name, "-E",
                 "LD_PRELOAD=" + fixture.SERVER_LIBRARY,
                 fixture.probe("shapes"), shape, "1"],
                fixture.environment()) as server:
            port = int(server.wait_line(r"^port (\d+)$")[1])
            for _ in range(3):
                with fixture.connect(port, b"PROXY ") as late, \
                        fixture.connect(port, b"PROXY "), \
                        fixture.connect(port, v1()) as good:
                    fixture.read_all(good)
                    late.sendall(v1()[6:])
                    fixture.read_all(late)
            text = trace.read()
        self.assertEqual(text.count("/proc/self/fdinfo/"),
                         len(re.findall(r"/proc/self/fdinfo/\d+\", "
                                        r"O_RDONLY\|O_CLOEXEC\)", text)))
        return text.count("/proc/self/fdinfo/")

    def test_not_where_the_program_was_seen_to_wait(self):
        for shape in ("epoll", "poll", "select", "blocking",
                      "epoll-blocking"):
            with self.subTest(shape):
                self.assertEqual(self.looks(shape), 0)

    def test_once(self):
        self.assertEqual(self.looks("epoll-raw"), 1)


class Poll(unittest.TestCase):
    """The kernel is asked once each time that the program asks."""

    def check(self, shape, *, late):
        fixture.need("strace")
        with tempfile.NamedTemporaryFile("r") as trace, fixture.Program(
                ["strace", "-f", "-e", "poll,ppoll", "-o", trace.name, "-E",
                 "LD_PRELOAD=" + fixture.SERVER_LIBRARY,
                 fixture.probe("shapes"), shape, "1"],
                fixture.environment(TIMEOUT=600)) as server:
            port = int(server.wait_line(r"^port (\d+)$")[1])
            text = ""

            def asks():
                nonlocal text
                text += trace.read()
                return len(re.findall(r"\bp?poll\(", text))

            fixture.wait_for(lambda: asks() >= 1, "the first poll")
            with fixture.connect(port, b"PROXY " if late else v1()):
                for number in range(2, ROUNDS + 2):
                    fixture.wait_for(lambda n=number: asks() >= n,
                                     f"poll number {number}")
                    with fixture.connect(port, v1()) as good:
                        fixture.read_all(good)
                fixture.wait_for(lambda: asks() >= ROUNDS + 2, "the last poll")
                self.assertEqual(asks(), ROUNDS + 2)

    def test_with_threads(self):
        self.check("poll-threaded", late=False)

    def test_with_threads_and_who_waits(self):
        self.check("poll-threaded", late=True)

    def test_with_who_waits(self):
        self.check("poll", late=True)


class Start(unittest.TestCase):
    """A process that never accepts: the loader's own calls alone."""

    def setUp(self):
        fixture.need("strace", "cc")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.empty = os.path.join(self.folder, "empty.so")
        source = os.path.join(self.folder, "empty.c")
        with open(source, "w", encoding="ascii") as file:
            file.write("int empty;\n")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", self.empty, source],
                       check=True)

    @staticmethod
    def faults(library):
        """How many pages true has to fetch under a library, on average."""
        def count():
            pid = os.posix_spawn("/bin/true", ["true"],
                                 fixture.environment(library))
            return os.wait4(pid, 0)[2].ru_minflt
        return statistics.mean(count() for _ in range(100))

    def test_pages(self):
        """As many as under an empty library, but one or two."""
        self.assertLess(self.faults(fixture.SERVER_LIBRARY)
                        - self.faults(self.empty), 3)

    def calls_of(self, library):
        """The calls of true under a library: name, and what it is about."""
        trace = os.path.join(self.folder, "trace")
        subprocess.run(
            ["strace", "-o", trace, "-E", "LD_PRELOAD=" + library, "true"],
            env=fixture.environment(), check=True)
        with open(trace, encoding="ascii", errors="replace") as file:
            text = file.read().replace(library, "LIBRARY")
        calls = []
        for line in text.splitlines():
            # how often it maps and protects depends on the file's segments;
            # anonymous memory at no given place is not the file's
            name = line.partition("(")[0]
            if name in ("mprotect", "munmap") or name == "mmap" and (
                    "MAP_ANONYMOUS" not in line or "MAP_FIXED" in line):
                continue
            calls.append(re.sub(r"0x[0-9a-f]+|\d+|\"\\177ELF.*", "N", line))
        return calls

    def test_true(self):
        expected = self.calls_of(self.empty)
        self.assertTrue(any("LIBRARY" in call for call in expected))
        self.assertEqual(self.calls_of(fixture.SERVER_LIBRARY), expected)
        self.assertEqual(self.calls_of(fixture.CLIENT_LIBRARY), expected)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    fixture.main()
