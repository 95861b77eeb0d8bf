# SPDX-License-Identifier: ISC
"""LIBPROXYPROTO_INETD: programs that are started with a connection."""
import os
import socket
import subprocess
import sys
import tempfile
import unittest

import fixture
from fixture import v1, v2, v2_local, v2_raw, tlv

TELL = fixture.probe("handover")
CLIENT = b"peer 192.0.2.1 1111\nname 192.0.2.2 2222\ndone\n"


class Inetd(unittest.TestCase):
    """The test is inetd, and knows nothing of headers."""

    def setUp(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listener.close)
        self.port = self.listener.getsockname()[1]

    def accept(self, data, end=True):
        """(client, connection) after the client has sent data."""
        client = fixture.connect(self.port, data)
        self.addCleanup(client.close)
        if end:
            client.shutdown(socket.SHUT_WR)
        connection = self.listener.accept()[0]
        self.addCleanup(connection.close)
        return client, connection

    def start(self, connection, *argv, stderr=subprocess.PIPE, **settings):
        settings = {"INETD": 1, "TIMEOUT": 600} | settings
        process = subprocess.Popen(
            argv, stdin=connection, stdout=connection, stderr=stderr,
            env=fixture.environment(fixture.SERVER_LIBRARY, **settings))
        connection.close()
        self.addCleanup(process.communicate)
        return process

    def answer(self, data, *argv, **settings):
        """What the client gets from a program, and its stderr."""
        client, connection = self.accept(data)
        process = self.start(connection, *(argv or (TELL, "tell", "0")),
                             **settings)
        answer = fixture.read_all(client)
        return answer, process.stderr.read().decode()

    def known(self, client, connection):
        """What is told of one who has no header."""
        return "peer {} {}\nname {} {}\ndone\n".format(
            *client.getsockname(), *connection.getsockname()).encode()

    def test_client_and_destination(self):
        self.assertEqual(self.answer(v1()), (CLIENT, ""))
        self.assertEqual(self.answer(v2()), (CLIENT, ""))
        self.assertEqual(
            self.answer(v2("2001:db8::1", "2001:db8::2"))[0],
            b"peer 2001:db8::1 1111\nname 2001:db8::2 2222\ndone\n")

    def test_descriptors_0_and_1_are_the_connection(self):
        self.assertEqual(self.answer(v2(), TELL, "tell", "1")[0], CLIENT)

    def test_descriptor_2_too(self):
        client, connection = self.accept(v2())
        self.start(connection, TELL, "tell", "2", stderr=subprocess.STDOUT,
                   DEBUG=1)
        self.assertEqual(fixture.read_all(client), CLIENT)

    def test_not_one_byte_of_data_is_touched(self):
        data = bytes(range(256)) * 400
        long = v2(tlvs=tlv(4, bytes(30000)))
        for header in (v1(), v2(), v2_local(), long):
            self.assertEqual(self.answer(header + data, "cat")[0], data)

    def test_without_a_header(self):
        for data in (b"hello", b"PROXY", v2()[:20], b""):
            self.assertEqual(self.answer(data, "cat")[0], data)

    def test_the_kernels_names_stand(self):
        for header in (b"hello", v2_local(), b"PROXY UNKNOWN\r\n"):
            client, connection = self.accept(header)
            expected = self.known(client, connection)
            self.start(connection, TELL, "tell", "0")
            self.assertEqual(fixture.read_all(client), expected)

    def test_header_in_pieces(self):
        for header in (v1(), v2(tlvs=tlv(4, bytes(2000)))):
            client, connection = self.accept(header[:1], end=False)
            self.start(connection, "cat")
            for start in range(1, len(header), 97):
                client.sendall(header[start:start + 97])
            client.sendall(b"data")
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(fixture.read_all(client), b"data")

    def test_who_stops_within_the_header(self):
        client, connection = self.accept(b"PROXY TCP4", end=False)
        process = self.start(connection, "head", "-c", "10", TIMEOUT=0.2,
                             DEBUG=1)
        self.assertEqual(fixture.read_all(client), b"PROXY TCP4")
        self.assertIn(b"inetd: fd 0: handed over: its time was up",
                      process.stderr.read())

    def test_what_is_dropped_is_at_its_end(self):
        malformed = b"PROXY nonsense\r\n", v2_raw(0x2f, 0x11, bytes(12))
        for data in malformed:
            answer, error = self.answer(
                data + b"data", "sh", "-c", "wc -c >&2; echo lost")
            self.assertEqual(answer, b"")
            self.assertEqual(error.split()[0], "0", error)

    def test_what_is_dropped_is_at_its_end_before_its_client_is(self):
        client, connection = self.accept(b"PROXY nonsense\r\n", end=False)
        process = self.start(connection, "cat")
        self.assertEqual(fixture.read_all(client), b"")
        self.assertEqual(process.wait(fixture.PATIENCE), 0)

    def test_settings_file(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("must_use_protocol_header = 1\nports = "
                       f"{self.port}\n")
            file.flush()
            self.assertEqual(self.answer(b"hello", "cat",
                                         CONFIG=file.name)[0], b"")
            file.write("inetd = 1\n")
            file.flush()
            answer, error = self.answer(v2(), CONFIG=file.name)
        self.assertEqual(answer, b"")
        self.assertRegex(error, '"inetd" is not a setting: there are '
                         "[a-z0-9_, ]*\n")

    def test_header_that_must_be_there(self):
        must = {"MUST_USE_PROTOCOL_HEADER": 1}
        self.assertEqual(self.answer(b"hello", "cat", **must)[0], b"")
        self.assertEqual(self.answer(v2(), **must)[0], CLIENT)
        self.assertEqual(
            self.answer(v2(), TRUSTED="192.0.2.9", **must)[0], b"")

    def test_who_is_not_trusted_is_not_looked_at(self):
        header = v2() + b"data"
        self.assertEqual(self.answer(header, "cat", TRUSTED="192.0.2.9")[0],
                         header)
        self.assertEqual(self.answer(header, "cat", TRUSTED="127.0.0.1")[0],
                         b"data")

    def test_other_ports(self):
        self.assertEqual(self.answer(v2(), "cat", PORTS=1)[0], v2())
        self.assertEqual(self.answer(v2() + b"data", "cat",
                                     PORTS=self.port)[0], b"data")

    def test_switched_off(self):
        for settings in ({"INETD": 0}, {"VERSION": 0}):
            self.assertEqual(self.answer(v2(), "cat", **settings)[0], v2())
        self.assertEqual(self.answer(v1(), "cat", VERSION=2)[0], v1())

    def test_programs_that_it_executes_look_for_no_other(self):
        """The next header is the application's data, with one or without."""
        shell = f"'{TELL}' tell 0; env -i LD_PRELOAD=$LD_PRELOAD " \
            f"LIBPROXYPROTO_INETD=1 '{TELL}' tell 0; cat"
        self.assertEqual(self.answer(v2() + v2(), "sh", "-c", shell)[0],
                         CLIENT * 2 + v2())
        self.assertEqual(self.answer(b"x" + v2(), "sh", "-c", "true; cat")[0],
                         b"x" + v2())
        self.assertEqual(
            self.answer(v2_local() + v1(), "sh", "-c", "true; cat")[0], v1())

    def test_nor_where_the_socket_takes_no_note(self):
        """As on a Linux before 4.15."""
        fixture.need("strace")
        client, connection = self.accept(v2() + v1())
        env = fixture.environment(fixture.SERVER_LIBRARY, INETD=1)
        process = subprocess.Popen(
            ["strace", "-f", "-qq", "-o", "/dev/null", "-e",
             "inject=setsockopt:error=ENOPROTOOPT",
             *(word for name, value in env.items()
               if name.startswith(("LD_PRELOAD", "LIBPROXYPROTO_"))
               for word in ("-E", f"{name}={value}")),
             "sh", "-c", f"'{TELL}' tell 0; true; cat"],
            stdin=connection, stdout=connection, env=fixture.environment())
        expected = self.known(client, connection)
        connection.close()
        self.addCleanup(process.wait)
        self.assertEqual(fixture.read_all(client), expected + v1())

    def test_nor_on_connections_of_their_own(self):
        """What they connect to is no proxy."""
        upstream = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(upstream.close)
        client, connection = self.accept(v2())
        self.start(connection, "bash", "-c", "cat </dev/tcp/127.0.0.1/"
                   f"{upstream.getsockname()[1]}",
                   MUST_USE_PROTOCOL_HEADER=1)
        server = upstream.accept()[0]
        server.sendall(v1() + b"body")
        server.close()
        self.assertEqual(fixture.read_all(client), v1() + b"body")

    def test_bad_setting(self):
        for settings in ({"INETD": "maybe"}, {"TIMEOUT": "soon"}):
            name, value = next(iter(settings.items()))
            answer, error = self.answer(v2() + b"data", "cat", **settings)
            self.assertEqual(answer, b"")
            self.assertRegex(error, f'^libproxyproto: LIBPROXYPROTO_{name}='
                             f'"{value}" is not valid: it takes .*\n$')

    def test_bad_setting_is_not_told_to_the_client(self):
        client, connection = self.accept(v2() + b"data")
        self.start(connection, "cat", stderr=subprocess.STDOUT,
                   TIMEOUT="soon")
        self.assertEqual(fixture.read_all(client), b"")

    def test_debug(self):
        _, error = self.answer(v2(), DEBUG=1)
        self.assertRegex(error, r"libproxyproto: inetd: fd 0: v2 PROXY header "
                         r"of 28 bytes from proxy 127\.0\.0\.1:\d+: client "
                         r"192\.0\.2\.1:1111, destination 192\.0\.2\.2:2222")
        # who has sent all that there is was not waited for
        for data in b"data", b"PROXY TCP4", b"":
            self.assertIn("handed over: no header",
                          self.answer(data, DEBUG=1)[1])

    def test_listener_is_left_alone(self):
        """inetd's wait: the program accepts by itself."""
        client = fixture.connect(self.port, v2() + b"data")
        self.addCleanup(client.close)
        done = subprocess.run(
            ["python3", "-c", "import socket\n"
             "listener = socket.socket(fileno=0)\n"
             "connection, client = listener.accept()\n"
             "print(client, connection.recv(9))"],
            stdin=self.listener, capture_output=True, text=True, check=True,
            env=fixture.environment(fixture.SERVER_LIBRARY, INETD=1))
        self.assertEqual(done.stdout, "('192.0.2.1', 1111) b'data'\n")

    def test_other_sockets_are_left_alone(self):
        ours, theirs = socket.socketpair()
        ours.sendall(v2())
        ours.shutdown(socket.SHUT_WR)
        self.start(theirs, "cat")
        self.assertEqual(fixture.read_all(ours), v2())
        ours.close()

    def test_udp_is_left_alone(self):
        with socket.socket(type=socket.SOCK_DGRAM) as client, \
                socket.socket(type=socket.SOCK_DGRAM) as server:
            client.bind(("127.0.0.1", 0))
            server.bind(("127.0.0.1", 0))
            server.connect(client.getsockname())
            client.connect(server.getsockname())
            client.settimeout(fixture.PATIENCE)
            client.send(v2())
            self.start(server, "dd", "bs=4096", "count=1", "status=none")
            self.assertEqual(client.recv(4096), v2())

    def test_nonblocking_connection_stays_so(self):
        client, connection = self.accept(b"PROXY TCP4 ", end=False)
        connection.setblocking(False)
        self.start(connection, "python3", "-c",
                   "import os; print(os.get_blocking(0), os.read(0, 9))")
        client.sendall(v1()[11:] + b"data")
        self.assertEqual(fixture.read_all(client), b"False b'data'\n")

    def test_descriptors_0_and_3_of_systemd(self):
        """One connection: the data behind its header is no header."""
        fixture.need("strace")
        for inject in ([], ["strace", "-f", "-qq", "-o", "/dev/null", "-e",
                            "inject=setsockopt:error=ENOPROTOOPT"]):
            client, connection = self.accept(v2() + v1() + b"data")
            expected = self.known(client, connection) if inject else CLIENT
            told = self.told_of_3(connection, inject + [
                "sh", "-c", "LISTEN_PID=$$ LISTEN_FDS=1 exec env "
                f"LD_PRELOAD='{fixture.SERVER_LIBRARY}' '{TELL}' tell 0 3"],
                stdin=connection)
            self.assertEqual(told, expected.replace(b"done\n", b"") + expected)
            self.assertEqual(connection.recv(99), v1() + b"data")

    def told_of_3(self, connection, argv, library=None, stdin=None,
                  **variables):
        """What a program says that has the connection on descriptor 3."""
        return subprocess.run(
            argv, stdin=stdin, stdout=subprocess.PIPE, check=True,
            pass_fds=[3],
            preexec_fn=lambda: os.dup2(connection.fileno(), 3),
            env=fixture.environment(library, INETD=1) | variables).stdout

    def test_descriptor_3_of_systemd(self):
        connection = self.accept(v2() + b"data")[1]
        # the process number stays, and the library comes with the last exec
        told = self.told_of_3(connection, [
            "sh", "-c", "LISTEN_PID=$$ LISTEN_FDS=1 exec env "
            f"LD_PRELOAD='{fixture.SERVER_LIBRARY}' '{TELL}' tell 3"])
        self.assertEqual(told, CLIENT)
        self.assertEqual(connection.recv(9), b"data")

    def test_descriptor_3_that_is_handed_to_another_process(self):
        client, connection = self.accept(v2() + b"data")
        told = self.told_of_3(connection, [TELL, "tell", "3"],
                              fixture.SERVER_LIBRARY, LISTEN_PID="1",
                              LISTEN_FDS="1")
        self.assertEqual(told, self.known(client, connection))


class Unix(unittest.TestCase):
    """A program that is started with a connection of a Unix socket."""

    def run_with(self, data, *argv, **settings):
        """What it writes to the client, and to standard error."""
        client, connection = socket.socketpair()
        with client:
            client.settimeout(fixture.PATIENCE)
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            with subprocess.Popen(
                    argv or ("cat",), stdin=connection, stdout=connection,
                    stderr=subprocess.PIPE, env=fixture.environment(
                        fixture.SERVER_LIBRARY, **{"INETD": 1, "UNIX": 1}
                        | settings)) as process:
                connection.close()
                return fixture.read_all(client), process.stderr.read()

    def test_header(self):
        data = bytes(range(256)) * 99
        for header in v1(), v2(), v2(tlvs=tlv(4, bytes(30000))):
            self.assertEqual(self.run_with(header + data), (data, b""))

    def test_none(self):
        for data in b"bare", b"PROXY TCP4", b"":
            self.assertEqual(self.run_with(data), (data, b""))

    def test_not_asked(self):
        self.assertEqual(self.run_with(v1(), UNIX=0), (v1(), b""))

    def test_refused(self):
        answer, error = self.run_with(b"PROXY nonsense\r\n", "sh", "-c",
                                      "wc -c >&2; echo lost")
        self.assertEqual((answer, error.strip()), (b"", b"0"))

    def test_one_header_alone(self):
        """What follows, and what a program executed later finds, is data."""
        self.assertEqual(self.run_with(v1() + v1(), "sh", "-c", "exec cat"),
                         (v1(), b""))

    def test_twice_the_same(self):
        """systemd gives it as descriptors 0 and 3."""
        code = ("import os, sys; os.dup2(0, 3); "
                "os.environ.update(LISTEN_PID=str(os.getpid()), "
                "LISTEN_FDS='1', LIBPROXYPROTO_INETD='1', "
                "LD_PRELOAD=sys.argv[1]); os.execvp('cat', ['cat'])")
        self.assertEqual(
            self.run_with(v1() + v1(), sys.executable, "-c", code,
                          fixture.SERVER_LIBRARY, INETD=0), (v1(), b""))


if __name__ == "__main__":
    fixture.main()
