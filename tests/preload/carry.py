# SPDX-License-Identifier: ISC
"""The client stays known in the programs that a connection is handed to."""
import ctypes
import fcntl
import os
import socket
import tempfile
import unittest

import fixture
from fixture import allowed, v1, v2, v2_local
from fixture.calls import CallsCase

CLIENT = ["peer 192.0.2.1 1111", "name 192.0.2.2 2222"]
OTHER = ["peer 192.0.2.33 3333", "name 192.0.2.44 4444"]
EXECS = ("execve", "execv", "execvp", "execvpe", "execl", "execlp", "execle",
         "fexecve", "execveat", "system", "popen",
         # which no library can see
         "raw-execve", "raw-execveat", "raw")


def other():
    return v2("192.0.2.33", "192.0.2.44", 3333, 4444)


class Handover(unittest.TestCase):
    def hand_over(self, method, *headers, library=fixture.SERVER_LIBRARY,
                  **settings):
        """What is told, and the clients, after the last one's handover."""
        program = fixture.Program(
            [fixture.probe("handover"), "serve", method, str(len(headers))],
            fixture.environment(library, **settings))
        self.addCleanup(program.stop)
        port = int(program.wait_line(r"^port (\d+)")[1])
        clients = []
        for header in headers:
            clients.append(fixture.connect(port, header + b"data"))
            self.addCleanup(clients[-1].close)
        program.wait()
        self.assertEqual(program.process.returncode, 0, program.output())
        told = [line for line in program.lines[1:] if line != "done"]
        return told, clients, port

    def check(self, method, expected, *headers, **settings):
        told, _, _ = self.hand_over(method, *headers, **settings)
        self.assertEqual(told, expected)

    def check_unknown(self, method, header, *more, **settings):
        """The kernel's answer stands."""
        told, clients, port = self.hand_over(method, header, **settings)
        here, there = clients[-1].getsockname()
        self.assertEqual(told, [f"peer {here} {there}",
                                f"name 127.0.0.1 {port}", *more])

    def test_every_way_to_execute(self):
        for method in EXECS:
            with self.subTest(method):
                self.check(method, CLIENT, v2())

    def test_spawn(self):
        """pidfd_spawn where the C library has it (glibc 2.39)."""
        names = ["posix_spawn", "posix_spawnp"]
        if hasattr(ctypes.CDLL(None), "pidfd_spawn"):
            names += ["pidfd_spawn", "pidfd_spawnp"]
        for name in names:
            for method in name, name + "-plain":
                with self.subTest(method):
                    self.check(method, CLIENT, v1())

    def test_vfork(self):
        self.check("vfork", CLIENT, v2())

    def test_ipv6_client(self):
        """
        On an IPv4 socket, with room for the address. Where it connected to the
        program that accepted it knows alone.
        """
        for method in "execv", "raw":
            told, _, port = self.hand_over(
                method, v2("2001:db8::1", "2001:db8::2"))
            self.assertEqual(told, ["peer 2001:db8::1 1111",
                                    f"name 127.0.0.1 {port}"])

    def test_of_two_the_one_that_was_handed_over(self):
        self.check("execv", OTHER, v2(), other())

    def test_a_child_of_vfork_leaves_its_parent_alone(self):
        """Both have descriptor 0, and it is not the same connection."""
        self.check("vfork-beside", OTHER + CLIENT, v2(), other())

    def test_threads(self):
        self.check("threads", OTHER * 3 * 20, v2(), other())

    def test_without_a_header(self):
        self.check_unknown("execv", b"")
        self.check_unknown("execv", v2_local())

    def test_a_header_is_taken_off_once(self):
        """By whoever accepts: a program of inetd's finds it was there."""
        for header in (v1(), v2(), v2_local(), b"PROXY UNKNOWN\r\n"):
            told, _, _ = self.hand_over("execv", header, INETD=1, DEBUG=1,
                                        MUST_USE_PROTOCOL_HEADER=1)
            events = [line for line in told if "proxyproto: " in line]
            self.assertRegex("\n".join(events), "accept: .*\\Z")

    def test_switched_off(self):
        self.check_unknown("execv", b"", VERSION=0)

    def test_another_user(self):
        allowed.need_another_user(fixture.probe("handover"))
        self.check("other-user", CLIENT, v2())
        told, _, _ = self.hand_over("other-user", v2("2001:db8::1", "::1"))
        self.assertEqual(told[0], "peer 2001:db8::1 1111")


class Passed(CallsCase):
    """Descriptors in messages, to programs that were executed since."""

    def setUp(self):
        self.calls = self.start()
        self.listener = self.calls.listener()
        self.mailbox = self.calls.own_mailbox()

    def accept(self, data):
        client = self.client(self.listener, data)
        return self.calls.accept(self.listener.fd).result, client

    def check_client(self, fd, source="192.0.2.1", destination="192.0.2.2"):
        for call, address in (("getpeername", (source, 1111)),
                              ("getsockname", (destination, 2222))):
            reply = self.calls.do(call, fd, 128)
            self.assertEqual((reply.address, reply.errno), (address, "KEPT"))

    def check_unknown(self, fd, client):
        self.assertEqual(self.calls.getpeername(fd).address,
                         client.getsockname())
        self.assertEqual(self.calls.getsockname(fd).address,
                         client.getpeername())

    def test_passed(self):
        # how many bytes, or messages, were sent
        for send, sent in ("pass", 1), ("passmany", 1):
            for receive in ("take", "takemany"):
                fd, _ = self.accept(v2())
                # the note alone can tell: nothing else goes along
                self.calls.ok("fcntl", fd, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
                reply = self.calls.do(send, self.mailbox, fd)
                self.assertEqual(reply.outcome, (sent, "KEPT"))
                self.calls.exec()
                reply = self.calls.do(receive, self.mailbox)
                self.assertEqual(reply.errno, "KEPT")
                self.check_client(reply.result)

    def test_without_a_header(self):
        fd, client = self.accept(b"data")
        self.calls.ok("pass", self.mailbox, fd)
        self.calls.exec()
        self.check_unknown(self.calls.ok("take", self.mailbox), client)

    def pass_to(self, other, fd):
        """The descriptor that another program takes."""
        mailbox = other.mailbox()
        to_other = self.calls.connect_mailbox(
            self.calls.socket(socket.AF_UNIX, socket.SOCK_DGRAM), other)
        self.calls.ok("pass", to_other, fd)
        self.calls.ok("close", to_other)
        return other.ok("take", mailbox)

    def test_to_another_program(self):
        """It believes those whom it trusts, if it is on, by good settings."""
        fd, client = self.accept(v1())
        for settings, known in (({}, True), ({"VERSION": 0}, False),
                                ({"TRUSTED": "127.0.0.1x"}, False),
                                ({"TIMEOUT": "soon"}, False),
                                ({"TRUSTED": "192.0.2.77"}, False),
                                ({"TRUSTED": "127.0.0.0/8"}, True)):
            other = self.start(**settings)
            passed = self.pass_to(other, fd)
            self.calls, calls = other, self.calls
            if known:
                self.check_client(passed)
            else:
                self.check_unknown(passed, client)
            self.calls = calls

    def test_to_one_whose_file_trusts_others(self):
        """No file is read for a name: that which was read anyway counts."""
        fd, client = self.accept(v1())
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("trusted = 192.0.2.77\n")
            file.flush()
            other = self.start(CONFIG=file.name)
            passed = self.pass_to(other, fd)
            self.calls = other
            self.check_client(passed)
            other.listener()
            self.check_unknown(passed, client)

    def test_destination_of_an_ipv6_client(self):
        """This program and its children know it, others do not."""
        fd, client = self.accept(v2("2001:db8::1", "2001:db8::2"))
        names = ("2001:db8::1", 1111), ("2001:db8::2", 2222)

        def told():
            return (self.calls.getpeername(fd).address,
                    self.calls.getsockname(fd).address)
        self.assertEqual(told(), names)
        for fork in "fork", "rawfork":
            self.assertGreater(self.calls.ok(fork), 0)
            self.assertEqual(told(), names)
            self.calls.do("exit", 0)
        self.calls.ok("pass", self.mailbox, fd)
        self.calls.ok("close", fd)
        fd = self.calls.ok("take", self.mailbox)
        self.assertEqual(told(), names)
        self.calls.exec()
        self.assertEqual(told(), (names[0], client.getpeername()))
        # it may know the address itself, and still not that of this note
        self.accept(v2("2001:db8::1", "2001:db8::2"))
        self.assertEqual(told(), (names[0], client.getpeername()))

    def test_by_raw_system_calls(self):
        """Duplicated, passed, forked and executed so that nobody sees it."""
        fd, _ = self.accept(v1())
        self.calls.ok("rawdup", fd, 60)
        self.check_client(60)
        self.calls.ok("rawclose", fd)
        self.calls.ok("rawpass", self.mailbox, 60)
        self.calls.ok("rawclose", 60)
        fd = self.calls.ok("rawtake", self.mailbox)
        self.check_client(fd)
        self.assertGreater(self.calls.ok("rawfork"), 0)
        self.check_client(fd)
        self.calls.begin("rawexec")
        self.check_client(fd)
        self.assertEqual(self.calls.do("exit", 0).result, 0)
        self.check_client(fd)

    def test_numbers_by_raw_system_calls(self):
        """Another connection of the same proxy, with the number."""
        self.check_number(lambda fd: self.calls.ok("rawdup", fd, self.number))

    def test_generations(self):
        """Executed, forked, passed and duplicated, again and again."""
        fd, _ = self.accept(v1())
        for _ in range(5):
            self.calls.exec()
            self.check_client(fd)
            self.assertGreater(self.calls.ok("fork"), 0)
            self.calls.ok("pass", self.mailbox, fd)
            self.assertEqual(self.calls.do("exit", 0).result, 0)
            self.calls.ok("close", fd)
            self.calls.exec()
            passed = self.calls.ok("take", self.mailbox)
            self.check_client(passed)
            fd = self.calls.ok("dup", passed)
            self.calls.ok("close", passed)
            self.check_client(fd)

    def test_users(self):
        """Another user passes it on, and has got it by neither right."""
        allowed.need_another_user(fixture.probe("calls"))
        fd, _ = self.accept(v1())
        own, _ = self.accept(b"data")
        self.calls.ok("setuid", 65534)
        for passed in (fd, own):
            self.calls.ok("pass", self.mailbox, passed)
        self.calls.exec()
        self.check_client(self.calls.ok("take", self.mailbox))
        self.assertNotEqual(self.calls.getpeername(self.calls.ok(
            "take", self.mailbox)).address[0], "192.0.2.1")

    def check_number(self, receive):
        """Another connection of the same proxy has the number then."""
        first = self.client(self.listener, v1(), bind=("127.77.0.1", 0))
        name = first.getsockname()
        fd = self.number = self.calls.accept(self.listener.fd).result
        fixture.reset(first)
        second = self.client(self.listener, b"data", bind=name)
        passed = self.calls.ok("rawaccept", self.listener.fd)
        self.calls.ok("rawclose", fd)
        self.assertEqual(receive(passed), fd)
        self.check_unknown(fd, second)
        self.calls.ok("close", fd)
        self.calls.ok("close", passed)
        fixture.reset(second)

    def test_what_is_received_is_new(self):
        """Whatever its number was before."""
        for receive in ("take", "takemany"):
            def by_message(fd):
                self.calls.ok("pass", self.mailbox, fd)
                return self.calls.ok(receive, self.mailbox)
            self.check_number(by_message)

    def test_what_is_got_is_new(self):
        try:
            os.pidfd_open(os.getpid())
        except OSError as error:
            raise unittest.SkipTest(f"pidfd_open: {error}") from None
        if not hasattr(ctypes.CDLL(None), "pidfd_getfd"):
            raise unittest.SkipTest("the C library has no pidfd_getfd")
        self.check_number(lambda fd: self.calls.ok("getfd", fd))


if __name__ == "__main__":
    fixture.main()
