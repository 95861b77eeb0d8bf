# SPDX-License-Identifier: ISC
"""What the libraries tell with DEBUG, and where to."""
import os
import re
import socket
import tempfile

import fixture
from fixture import CLIENT_LIBRARY, SERVER_LIBRARY, manual, tlv, v1, v2
from fixture.calls import CallsCase, pack_address, pack_unix

CLIENT = "192.0.2.1", 1111


class Debug(CallsCase):
    def test_silent_by_default(self):
        calls = self.start()
        listener = calls.listener()
        for data in (v1(), v2(), b"bare", b"PROXY nonsense\r\n", v1()):
            self.client(listener, data)
        for _ in range(4):
            calls.accept(listener.fd)
        self.assertEqual([line for line in calls.lines if " = " not in line],
                         [])

    def test_client_is_silent_by_default(self):
        calls = self.start(CLIENT_LIBRARY)
        for port in (self.serve(), fixture.free_port()):
            calls.do("connect", calls.socket(),
                     pack_address("127.0.0.1", port))
        self.assertEqual([line for line in calls.lines if " = " not in line],
                         [])

    def serve(self):
        """The port of somebody to connect to."""
        server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(server.close)
        return server.getsockname()[1]

    def test_client_lines(self):
        for version, size in ((1, len(v1(destination="127.0.0.1",
                                         destination_port=10000))), (2, 28)):
            port = self.serve()
            calls = self.start(CLIENT_LIBRARY, DEBUG=1, VERSION=version,
                               ADDR=CLIENT[0], PORT=CLIENT[1])
            fd = calls.socket()
            # one line, and none for a connect that sends nothing
            for _ in range(2):
                calls.do("connect", fd, pack_address("127.0.0.1", port))
            refused = pack_address("127.0.0.1", fixture.free_port())
            calls.do("connect", calls.socket(), refused)
            self.assertEqual(
                [line for line in calls.lines if " = " not in line],
                [f"libproxyproto_connect: connect: fd {fd}: v{version} header"
                 f" of {size} bytes: client 192.0.2.1:1111, destination "
                 f"127.0.0.1:{port}: sent"])

    def test_lines(self):
        calls = self.start(DEBUG=1)
        listener = calls.listener()
        for data in (v1(), v2("2001:db8::1", "2001:db8::2"), b"bare",
                     b"PROXY nonsense\r\n", b"PROXY ", v1()):
            self.client(listener, data)
        for _ in range(4):
            calls.accept(listener.fd)
        for line in (
                "v1 PROXY header of 42 bytes from proxy 127.0.0.1:\\d+: client"
                " 192.0.2.1:1111, destination 192.0.2.2:2222",
                "v2 PROXY header of 52 bytes from proxy .*: client"
                r" \[2001:db8::1\]:1111, destination \[2001:db8::2\]:2222",
                "handed over: no header, from 127.0.0.1:\\d+",
                "dropped: protocol is not TCP4, TCP6, UNKNOWN,"
                " from 127.0.0.1:\\d+",
                "waits: header not whole, from 127.0.0.1:\\d+"):
            calls.wait_line(rf"^libproxyproto: accept: fd \d+: {line}$")

    def test_vectors(self):
        """What a header says beside its addresses, also of one that is late
        and one that is long; of what the client chose, nothing of its own."""
        calls = self.start(DEBUG=1)
        listener = calls.listener()
        aws = tlv(0xEA, b"\x01vpce-08d2bf15fac5001c9")
        inner = tlv(0x21, b"TLSv1.3") + tlv(0x22, b"joe")
        for vectors, told in (
                (aws, 'aws="\\x01vpce-08d2bf15fac5001c9"'),
                (tlv(1, b"h2") + tlv(0xE5, b"\1\xff"),
                 'alpn="h2", 0xe5=0x01ff'),
                (tlv(0x20, b"\7\0\0\0\0" + inner), "ssl=0x0700000000, "
                 'ssl-version="TLSv1.3", ssl-cn="joe"'),
                (tlv(2, b'"\nlibproxyproto: x'),
                 'authority="\\"\\x0alibproxyproto: x"'),
                (aws + tlv(4, bytes(1000)), 'aws="\\x01vpce-08d2bf15fac5001c9'
                 f'", noop=0x{"00" * 24}...'),
                (tlv(5, b"x" * 61) * 9,
                 f'unique-id="{"x" * 61}", ' * 3 + "...")):
            for late in False, True:
                begin = len(calls.lines)
                header = v2(tlvs=vectors)
                client = self.client(listener, header[:20] if late else header)
                calls.begin("accept", listener.fd, 128)
                if late:
                    calls.wait_line("waits: header not whole", begin)
                    client.sendall(header[20:])
                line = calls.wait_line("^.*header of .*$", begin)[0]
                self.assertEqual(line.split("192.0.2.2:2222")[1],
                                 ", TLVs " + told)
                self.assertEqual(calls.finish("accept").address, CLIENT)

    def told_at_first(self, **settings):
        """What the first listen says, and nothing else does."""
        calls = self.start(DEBUG=1, **settings)
        with tempfile.TemporaryDirectory() as folder:
            fd = calls.socket(socket.AF_UNIX)
            calls.ok("bind", fd, pack_unix(folder + "/socket"))
            calls.ok("listen", fd, 8)
        self.assertNotIn("libproxyproto", calls.output())
        listener = calls.listener()
        calls.listener("::1")
        lines = [line for line in calls.lines if " = " not in line]
        self.assertEqual(len(lines), 1, lines)
        return re.fullmatch(
            f"libproxyproto: listen: fd {listener.fd}: 127.0.0.1:"
            rf"{listener.port}, version [\d.]+, (.*)", lines[0])[1]

    def test_first_listen(self):
        file = manual.settings_file(SERVER_LIBRARY)
        if os.path.exists(file):
            self.skipTest(f"there is {file}")
        self.assertEqual(
            self.told_at_first(),
            f"no settings file {file}: DEBUG=1 (environment)")
        self.assertEqual(
            self.told_at_first(VERSION=0, TRUSTED="10.0.0.0/8 ::1", ADDR="x"),
            f"no settings file {file}: DEBUG=1 (environment), "
            "VERSION=0 (environment), TRUSTED=10.0.0.0/8 ::1 (environment)")

    def test_first_listen_with_a_file(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("version = 0\ntimeout = 9\ndebug = no\n"
                       "[x calls]\nversion = 3\n[other]\nports = 1\n")
            file.flush()
            self.assertEqual(
                self.told_at_first(CONFIG=file.name),
                f"settings file {file.name}: DEBUG=1 (environment), "
                "VERSION=3 (file, [x calls]), TIMEOUT=9 (file), "
                f"CONFIG={file.name} (environment)")

    def test_first_accept_of_a_listener_that_was_inherited(self):
        calls = self.start(DEBUG=1)
        fd = calls.bound()
        calls.ok("rawlisten", fd, 8)
        port = calls.do("getsockname", fd, 128).address[1]
        for _ in range(2):
            with fixture.connect(port, v1()):
                calls.accept(fd)
        self.assertEqual(len(re.findall(
            rf"^libproxyproto: accept: fd {fd}: 127.0.0.1:{port}, version .*$",
            calls.output(), re.M)), 1, calls.output())

    def test_time_is_up(self):
        """It is told of those who wait, and of no others."""
        for settings, outcome in (({}, "handed over"),
                                  ({"MUST_USE_PROTOCOL_HEADER": 1}, "dropped")):
            calls = self.start(DEBUG=1, TIMEOUT=0.01, **settings)
            listener = calls.listener()
            self.client(listener, b"PROXY ")
            calls.begin("accept", listener.fd, 128)
            calls.wait_line(f"^libproxyproto: accept: fd .*: {outcome}: its "
                            "time was up, from 127.0.0.1:")
            if not settings:
                calls.finish("accept")
                calls.begin("accept", listener.fd, 128)
            self.client(listener, b"data")
            calls.wait_line(f"^libproxyproto: accept: fd .*: {outcome}: no "
                            "header, from 127.0.0.1:")

    def start_deaf(self, stderr, library, **settings):
        """The program with a stderr that takes nothing."""
        script = ("import os, signal, sys\nr, w = os.pipe()\n" + stderr
                  + "signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n"
                  "os.execv(sys.argv[1], sys.argv[1:])\n")
        return self.start(library, argv=[
            "python3", "-c", script, fixture.probe("calls")], **settings)

    def test_stderr_that_takes_nothing(self):
        """It is told to nobody, and the program goes on."""
        for stderr in (
                "os.close(2)\n",
                "os.dup2(os.open('/dev/full', os.O_WRONLY), 2)\n",
                # a pipe without a reader, and a full one
                "os.dup2(w, 2)\nos.close(r)\n",
                "os.dup2(w, 2)\nos.set_inheritable(r, True)\n"
                "os.set_blocking(2, False)\n"
                "try:\n    while os.write(2, b'x'): pass\n"
                "except BlockingIOError: pass\n"):
            calls = self.start_deaf(stderr, SERVER_LIBRARY, DEBUG=1)
            listener = calls.listener()
            for header in (v1(), v2(), v1()):
                self.client(listener, header)
                reply = calls.accept(listener.fd)
                self.assertEqual(reply.address, CLIENT)
                self.assertEqual(reply.errno, "KEPT")
            calls = self.start_deaf(stderr, SERVER_LIBRARY, VERSION="bad")
            fd = calls.socket()
            for _ in range(2):
                self.assertEqual(calls.do("listen", fd, 8).outcome,
                                 (-1, "EINVAL"))
            calls = self.start_deaf(stderr, CLIENT_LIBRARY, DEBUG=1)
            name = pack_address("127.0.0.1", self.serve())
            for _ in range(3):
                self.assertEqual(
                    calls.do("connect", calls.socket(), name).outcome,
                    (0, "KEPT"))

    def test_never_into_a_file_of_the_program(self):
        """It closed stderr, and a file has its number."""
        script = """
import os, socket, sys
close, path = sys.argv[1:]
if close == "range":
    os.closerange(2, 3)
elif close == "over":
    os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), 2)
else:
    os.close(2)
    os.open(path, os.O_RDWR | os.O_CREAT)
s = socket.create_server(("127.0.0.1", 0))
print("port", s.getsockname()[1], flush=True)
while True:
    s.accept()
    print("accepted", flush=True)
"""
        with tempfile.TemporaryDirectory() as folder:
            config = folder + "/conf"
            with open(config, "w", encoding="ascii") as file:
                file.write("debug = yes\n")
            for close in "one", "range", "over":
                for settings in {"DEBUG": 1}, {"CONFIG": config}:
                    path = f"{folder}/{close}"
                    with fixture.Program(
                            ["python3", "-c", script, close, path],
                            fixture.environment(SERVER_LIBRARY, **settings)
                            ) as program:
                        port = int(program.wait_line(r"port (\d+)")[1])
                        with fixture.connect(port, v1()):
                            program.wait_line("accepted")
                        self.assertNotIn("libproxyproto", program.output())
                    if close != "range":
                        self.assertEqual(os.path.getsize(path), 0)

    def test_never_into_a_client_s_connection(self):
        """The program closed stderr, and a connection has its number."""
        calls = self.start(DEBUG=1)
        listener = calls.listener()
        calls.ok("close", 2)
        client = self.client(listener, v1())
        self.assertEqual(calls.accept(listener.fd).result, 2)
        self.client(listener, v2())
        calls.ok("close", calls.accept(listener.fd).result)
        calls.ok("close", 2)
        self.assertEqual(fixture.read_all(client), b"")


if __name__ == "__main__":
    fixture.main()
