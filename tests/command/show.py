# SPDX-License-Identifier: ISC
"""proxyproto show: what it says is what the clients said."""
import contextlib
import json
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import unittest

import fixture
from fixture import allowed, v1, v2, v2_local
from fixture.calls import Calls
from fixture.command import PROXYPROTO, command, started

# Accepts so many, keeps them, and says so.
SERVER = """
import resource, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE,
                   (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
host, count = sys.argv[1], int(sys.argv[2])
family = socket.AF_INET6 if ":" in host else socket.AF_INET
listener = socket.create_server((host, 0), family=family, backlog=4096,
                                dualstack_ipv6=host == "::")
print("port", listener.getsockname()[1], flush=True)
kept = [listener.accept()[0] for _ in range(count)]
print("accepted", flush=True)
sys.stdin.read()
"""

# What an ordinary user is told beside; there is no such line for root.
OTHERS = ("(?!)" if os.geteuid() == 0 else
          "proxyproto: show: [0-9]+ process(es)? could not be looked at: .*")

# Becomes what it is told, without pidfd_getfd(2).
NO_FETCHING = """
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
steps = struct.pack("=HBBIHBBIHBBIHBBI", 0x20, 0, 0, 0, 0x15, 0, 1, 438,
                    0x06, 0, 0, 0x00050001, 0x06, 0, 0, 0x7fff0000)
steps = ctypes.create_string_buffer(steps, len(steps))
program = struct.pack("@HP", 4, ctypes.addressof(steps))
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.create_string_buffer(program), 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""

MANY = 1000


def shown(*arguments, **kwargs):
    done = command("show", "--json", *arguments, **kwargs)
    assert (done.returncode, done.stderr) == (0, ""), done
    told = json.loads(done.stdout)
    assert told["schema"] == 1
    return told


def text(host, port):
    """An address as it is shown."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def told_of(client):
    """How a socket of ours is shown on the other side."""
    host, port = client.getsockname()[:2]
    return text(host.removeprefix("::ffff:"), port)


class Case(unittest.TestCase):
    def setUp(self):
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)

    def server(self, count, host="127.0.0.1", how=(), env=None):
        """A server of so many, and its port."""
        server = self.stack.enter_context(fixture.Program(
            [*how, sys.executable, "-c", SERVER, host, str(count)],
            env or fixture.environment(fixture.SERVER_LIBRARY, TIMEOUT=3600),
            stdin=subprocess.PIPE))
        return server, int(server.wait_line(r"port (\d+)")[1])

    def dial(self, port, data=b"x", host="127.0.0.1"):
        return self.stack.enter_context(fixture.connect(port, data, host))

    def connections(self, told):
        """{peer: what is shown} of all connections."""
        found = {each["peer"]: each for each in told["sockets"]
                 if each["state"] != "listen"}
        listeners = [each for each in told["sockets"]
                     if each["state"] == "listen"]
        self.assertEqual(len(told["sockets"]), len(found) + len(listeners))
        return found


class Datagrams(Case):
    """UDP sockets are shown as listeners are, but for those of clients."""

    def setUp(self):
        super().setUp()
        self.sockets = []
        for host in "127.0.0.1", "127.0.0.1":
            self.sockets.append(self.stack.enter_context(
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM)))
            self.sockets[-1].bind((host, 0))
        self.bound, self.connected = self.sockets
        self.connected.connect(self.bound.getsockname())
        self.port = self.bound.getsockname()[1]

    def test_json(self):
        told = shown("-p", str(os.getpid()))
        (only,) = [each for each in told["sockets"]
                   if each["protocol"] == "udp"]
        at = f"127.0.0.1:{self.port}"
        self.assertEqual(
            [only[name] for name in ("state", "client", "proxy",
                                     "destination", "local", "peer",
                                     "header", "looked_at")],
            ["bound", None, None, at, at, None, None, True])
        self.assertIn(os.getpid(), [each["pid"]
                                    for each in only["processes"]])

    def test_for_people(self):
        done = command("show", "-l", str(self.port))
        self.assertRegex(done.stdout, rf"(?m)^bound +- +- +"
                         rf"127.0.0.1:{self.port} .*\[{os.getpid()}\]")

    def test_that_may_not_be_fetched(self):
        """The kernel's table, which lacks some while others close."""
        def is_told():
            done = subprocess.run(
                [sys.executable, "-c", NO_FETCHING, PROXYPROTO, "show", "-l",
                 str(self.port)], stdin=subprocess.DEVNULL,
                capture_output=True, text=True, check=False)
            return re.search(rf"(?m)^bound +- +- +127.0.0.1:{self.port} ",
                             done.stdout)
        fixture.wait_for(is_told, "it to be told")


class Many(Case):
    """A thousand connections, each of another client."""

    def setUp(self):
        super().setUp()
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        if limit[1] < MANY + 100:
            self.skipTest(f"takes {MANY + 100} descriptors")
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit[1], limit[1]))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, limit)

    def connect_many(self, port):
        """{peer: (client, proxy, destination, header)} of what they said."""
        expected = {}
        for i in range(MANY):
            source, to = f"10.{i % 7}.{i // 256}.{i % 256}", "192.0.2.2"
            source6, to6 = f"2001:db8::{i + 1:x}", "2001:db8:ffff::2"
            ports = 1024 + i, 1 + i
            if i % 5 == 4:
                client = self.dial(port, b"direct")
                peer = told_of(client)
                expected[peer] = (peer, None, f"127.0.0.1:{port}", None)
                continue
            kind = i % 5
            make = v1 if kind % 2 else v2
            if kind < 2:
                client = self.dial(port, make(source, to, *ports) + b"x")
                says = text(source, ports[0]), text(to, ports[1])
            else:
                client = self.dial(port, make(source6, to6, *ports) + b"x")
                # it does not fit into the note
                says = text(source6, ports[0]), None
            peer = told_of(client)
            expected[peer] = (says[0], peer, says[1],
                              "v1" if make is v1 else "v2")
        return expected

    def check_many(self, server, port):
        expected = self.connect_many(port)
        server.wait_line("accepted")
        told = shown("-l", str(port))
        found = self.connections(told)
        self.assertEqual(len(found), MANY)
        self.assertEqual(
            {peer: tuple(each[name] for name in ("client", "proxy",
                                                 "destination", "header"))
             for peer, each in found.items()}, expected)
        for each in found.values():
            self.assertEqual((each["state"], each["looked_at"],
                              each["local"]),
                             ("established", True, f"127.0.0.1:{port}"))
        return told

    def test_preloaded(self):
        server, port = self.server(MANY)
        told = self.check_many(server, port)
        process = [{"pid": server.process.pid,
                    "name": os.path.basename(sys.executable)[:15]}]
        for each in told["sockets"]:
            self.assertEqual(each["processes"], process)

    def test_supervised(self):
        """As many of one that the supervisor serves."""
        server, port = self.server(
            MANY, how=[PROXYPROTO, "run", "--how=supervise"],
            env=fixture.environment())
        told = self.check_many(server, port)
        for each in told["sockets"]:
            if each["state"] != "listen":
                (process,) = each["processes"]
                self.assertEqual(process["name"], os.path.basename(
                    sys.executable)[:15])


class Shown(Case):
    def test_listener(self):
        server, port = self.server(1)
        (listener,) = shown("-p", str(server.process.pid))["sockets"]
        self.assertEqual(
            {name: listener[name] for name in
             ("state", "client", "proxy", "destination", "local", "peer")},
            {"state": "listen", "client": None, "proxy": None,
             "destination": f"127.0.0.1:{port}", "local": f"127.0.0.1:{port}",
             "peer": None})

    def one(self, data, **kwargs):
        """What is shown of one connection, and its peer."""
        host = kwargs.pop("dial", "127.0.0.1")
        server, port = self.server(1, **kwargs)
        client = self.dial(port, data, host)
        server.wait_line("accepted")
        found = self.connections(shown("-l", str(port)))
        return found[told_of(client)], told_of(client)

    def test_mapped(self):
        """Addresses are shown as people know them."""
        fixture.need_ipv6()
        each, peer = self.one(v2("192.0.2.1", "192.0.2.2", 1, 2) + b"x",
                              host="::")
        self.assertEqual(
            (each["client"], each["proxy"], each["destination"]),
            ("192.0.2.1:1", peer, "192.0.2.2:2"))

    def test_ipv6(self):
        fixture.need_ipv6()
        each, peer = self.one(v2("2001:db8::1", "2001:db8::2", 1, 2) + b"x",
                              host="::1", dial="::1")
        self.assertEqual(
            (each["client"], each["proxy"], each["destination"]),
            ("[2001:db8::1]:1", peer, None))

    def test_local_header(self):
        each, peer = self.one(v2_local() + b"x")
        self.assertEqual((each["client"], each["proxy"], each["header"]),
                         (peer, None, "v2-local"))

    def test_header_with_more(self):
        each, _ = self.one(v2(tlvs=fixture.tlv(1, b"h2")) + b"x")
        self.assertEqual((each["client"], each["header"]),
                         ("192.0.2.1:1111", "more"))

    def test_without_the_library(self):
        each, peer = self.one(v1() + b"x", env=fixture.environment())
        self.assertEqual((each["client"], each["proxy"], each["header"]),
                         (peer, None, None))

    def test_closed_by_the_client(self):
        server, port = self.server(1)
        self.dial(port, v1() + b"x").shutdown(socket.SHUT_WR)
        server.wait_line("accepted")
        (each,) = self.connections(shown("-l", str(port))).values()
        self.assertEqual((each["state"], each["client"]),
                         ("close-wait", "192.0.2.1:1111"))

    def test_refused(self):
        """accept gave the program a connection that was reset."""
        calls = self.stack.enter_context(
            Calls(fixture.SERVER_LIBRARY, MUST_USE_PROTOCOL_HEADER=1))
        listener = calls.listener()
        calls.ok("poll", listener.fd, 1, 0)
        client = listener.connect(b"no header\r\n")
        self.stack.enter_context(client)
        calls.ok("poll", listener.fd, 1, 60000)
        calls.ok("accept", listener.fd, 128)
        (each,) = [each for each in shown("-p", str(calls.pid))["sockets"]
                   if each["state"] != "listen"]
        self.assertEqual((each["state"], each["client"], each["proxy"]),
                         ("reset", None, told_of(client)))

    def test_processes_that_share_it(self):
        holder = socket.create_server(("127.0.0.1", 0))
        self.stack.enter_context(holder)
        child = subprocess.Popen(["sleep", "1000"],
                                 pass_fds=[holder.fileno()])
        self.stack.callback(child.wait)
        self.stack.callback(child.kill)
        (each,) = shown("-l", str(holder.getsockname()[1]))["sockets"]
        self.assertEqual([process["pid"] for process in each["processes"]],
                         sorted([os.getpid(), child.pid]))

    def test_clients_are_not_shown(self):
        """Only what was accepted is."""
        server, port = self.server(1)
        self.dial(port, v1() + b"x")
        server.wait_line("accepted")
        self.assertNotIn(f"127.0.0.1:{port}",
                         [each["peer"] for each in shown()["sockets"]])

    def test_for_people(self):
        server, port = self.server(1)
        client = self.dial(port, v1() + b"x")
        server.wait_line("accepted")
        done = command("show", "-l", str(port))
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stderr, rf"\A({OTHERS}\n)?\Z")
        process = rf"{os.path.basename(sys.executable)}\[{server.process.pid}]"
        self.assertRegex(
            done.stdout,
            r"\ASTATE +CLIENT +PROXY +DESTINATION +PROCESSES\n"
            rf"listen +- +- +127\.0\.0\.1:{port} +{process}\n"
            rf"established +192\.0\.2\.1:1111 +{told_of(client)} +"
            rf"192\.0\.2\.2:2222 +{process}\n\Z")


    def test_what_a_terminal_would_obey(self):
        """Each process chooses its name."""
        path = os.path.join(os.fsencode(fixture.folder(self.addCleanup)),
                            b"a\x1b[2J\xc2\x9b\x9bb")
        os.symlink(os.path.realpath(fixture.probe("calls")), path)
        calls = Calls(argv=[path])
        self.addCleanup(calls.stop)
        done = command("show", "-l", str(calls.listener().port))
        self.assertIn("a?[2J??b[", done.stdout)


class Secure(Case):
    """Notes of a set-user-ID program are keyed by a secret of its own."""

    def setUp(self):
        super().setUp()
        path = os.path.join(fixture.folder(self.addCleanup), "calls")
        shutil.copy(fixture.probe("linked_calls"), path)
        os.chmod(os.path.dirname(path), 0o755)
        try:
            os.chown(path, allowed.NOBODY, allowed.NOBODY)
        except PermissionError:
            self.skipTest("only root can give a file to another user")
        if os.statvfs(path).f_flag & os.ST_NOSUID:
            self.skipTest("no set-user-ID programs in the folder for "
                          "temporary files")
        os.chmod(path, 0o4755)
        self.path = path

    def test_client_is_shown(self):
        calls = self.stack.enter_context(Calls(argv=[self.path]))
        listener = calls.listener()
        self.stack.enter_context(listener.connect(v1() + b"x"))
        self.assertEqual(calls.accept(listener.fd).address,
                         ("192.0.2.1", 1111))
        (each,) = self.connections(
            shown("-l", str(listener.port))).values()
        self.assertEqual((each["client"], each["destination"]),
                         ("192.0.2.1:1111", "192.0.2.2:2222"))

    def test_note_of_somebody_else_is_not(self):
        """A program of the caller's hands it a connection with a note."""
        ours = self.stack.enter_context(Calls(fixture.SERVER_LIBRARY))
        calls = self.stack.enter_context(Calls(argv=[self.path]))
        listener = ours.listener()
        client = listener.connect(v1() + b"x")
        self.stack.enter_context(client)
        fd = ours.accept(listener.fd).result
        theirs = calls.mailbox()
        ours_box = ours.connect_mailbox(ours.mailbox(), calls)
        ours.ok("pass", ours_box, fd)
        got = calls.ok("take", theirs)
        self.assertEqual(calls.getpeername(got).address, client.getsockname())
        (each,) = [each for each in shown("-p", str(calls.pid))["sockets"]
                   if each["state"] != "listen"]
        self.assertEqual((each["client"], each["proxy"]),
                         (told_of(client), None))


class Follow(Case):
    def test_new_and_gone(self):
        server, port = self.server(2)
        first = self.dial(port, v1("192.0.2.11") + b"x")
        with started("show", "-f", "--json", "-l", str(port)) as show:
            show.wait_line('"event": "there", "state": "listen"')
            show.wait_line('"event": "(there|new)", .*"192.0.2.11:1111"')
            self.dial(port, v1("192.0.2.12") + b"x")
            server.wait_line("accepted")
            show.wait_line('"event": "new", .*"192.0.2.12:1111"')
            server.stop()
            for gone in '"state": "listen"', "192.0.2.11", "192.0.2.12":
                show.wait_line(f'"event": "gone", .*{gone}')
            first.close()
            for line in show.lines:
                if not re.match(OTHERS, line):
                    json.loads(line)

    def test_for_people(self):
        server, port = self.server(1)
        with started("show", "-f", "-l", str(port)) as show:
            show.wait_line("^  STATE")
            show.wait_line("^= listen")
            self.dial(port, v1() + b"x")
            show.wait_line(r"^\+ established +192\.0\.2\.1:1111")
            server.stop()
            show.wait_line("^- listen")
            show.wait_line(r"^- (established|close-wait) +192\.0\.2\.1:1111")

    def test_waits_for_its_header(self):
        """Its peer is shown, and its client as soon as that is told."""
        server, port = self.server(1)
        client = self.dial(port, v1()[:9])
        with started("show", "-f", "--json", "-l", str(port)) as show:
            peer = told_of(client)
            show.wait_line(f'"(there|new)", .*"client": "{peer}"')
            client.sendall(v1()[9:] + b"x")
            server.wait_line("accepted")
            show.wait_line(f'"gone", .*"client": "{peer}"')
            show.wait_line('"new", .*"client": "192.0.2.1:1111", '
                           f'"proxy": "{peer}"')

    def test_ends_where_nobody_reads(self):
        with subprocess.Popen([PROXYPROTO, "show", "-f"], text=True,
                              stdout=subprocess.PIPE) as show:
            show.stdout.readline()
            show.stdout.close()
            with socket.create_server(("127.0.0.1", 0)):
                self.assertNotEqual(show.wait(fixture.PATIENCE), 0)


class Permission(Case):
    def as_nobody(self, *arguments):
        allowed.need_another_user(PROXYPROTO)
        return subprocess.run(
            [PROXYPROTO, "show", *arguments], user=allowed.NOBODY,
            group=allowed.NOBODY, extra_groups=[], capture_output=True,
            env=fixture.environment(), text=True, check=False)

    def test_anothers(self):
        _, port = self.server(1)
        done = self.as_nobody("-l", str(port))
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stderr,
                         r"\Aproxyproto: show: \d+ process(es)? could not be "
                         r"looked at: .*root.*\n\Z")
        done = self.as_nobody("--json", "-l", str(port))
        told = json.loads(done.stdout)
        self.assertEqual((told["sockets"], done.stderr), ([], ""))
        self.assertGreater(told["hidden"], 0)

    def test_ones_own(self):
        allowed.need_another_user(PROXYPROTO)
        server, port = self.server(1, how=[
            "setpriv", f"--reuid={allowed.NOBODY}",
            f"--regid={allowed.NOBODY}", "--clear-groups"])
        self.dial(port, v1() + b"x")
        server.wait_line("accepted")
        done = self.as_nobody("--json", "-p", str(server.process.pid))
        told = json.loads(done.stdout)
        if not told["sockets"][-1]["looked_at"]:
            self.skipTest("kernel.yama.ptrace_scope keeps one's own processes "
                          "from being looked at")
        self.assertEqual(told["hidden"], 0)
        self.assertEqual(told["sockets"][-1]["client"], "192.0.2.1:1111")

    def test_where_tracing_is_not_allowed(self):
        """The kernel's own table is shown, and that it is not all."""
        server, port = self.server(1)
        client = self.dial(port, v1() + b"x")
        server.wait_line("accepted")
        done = subprocess.run(
            [sys.executable, "-c", NO_FETCHING, PROXYPROTO, "show", "--json",
             "-l", str(port)],
            capture_output=True, text=True, env=fixture.environment(),
            check=False)
        told = json.loads(done.stdout)
        (each,) = self.connections(told).values()
        self.assertEqual(
            (each["looked_at"], each["client"], each["peer"],
             each["state"]),
            (False, None, told_of(client), "established"))
        # as an ordinary user those of others are, too
        self.assertGreaterEqual(told["hidden"], 1)


class Mistakes(unittest.TestCase):
    def refused(self, told, *arguments):
        done = command("show", *arguments)
        self.assertEqual((done.returncode, done.stdout), (125, ""))
        self.assertRegex(done.stderr, rf"\Aproxyproto: show: {told}.*\n\Z")

    def test_what_is_asked(self):
        self.refused('"nginx": it takes options only', "nginx")
        self.refused('--pid="x" is not valid', "-p", "x")
        self.refused('--port="0" is not valid', "-l", "0")
        with subprocess.Popen(["true"]) as ended:
            pass
        self.refused(f"{ended.pid}: no such process", "-p", str(ended.pid))


if __name__ == "__main__":
    fixture.main()
