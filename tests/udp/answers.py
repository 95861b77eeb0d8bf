# SPDX-License-Identifier: ISC
"""What a program sends to a client goes through the client's proxy."""
import os
import unittest

import fixture
from fixture.udp import ProgramCase, Shapes, call, sender, udp

# A program that answers: how, and what it does in between, is filled in.
PROGRAM = """
import os, socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
port = server.getsockname()[1]
print("port", port, flush=True)
"""


class Answers(unittest.TestCase):
    def check(self, shapes, proxy, client, *to):
        """A client's datagram, and the answer, to the proxy that it took."""
        shapes.send(proxy, udp(*client) + b"hello")
        shapes.ask(call("recvfrom"))
        self.assertEqual(shapes.ask("send 3 %s %d" % (to or client)),
                         "send: 3 0")
        self.assertEqual(proxy.recvfrom(99)[0], b"aaa")

    def test_families(self):
        """The socket's, the proxy's and the client's."""
        for host, proxies in (("127.0.0.1", ("127.0.0.1",)),
                              ("::", ("127.0.0.1", "::1")),
                              ("::1", ("::1",))):
            for via in proxies:
                for client in "192.0.2.1", "2001:db8::1":
                    with self.subTest((host, via, client)), Shapes(
                            host) as shapes, sender(via) as proxy:
                        self.check(shapes, proxy, (client, 7))

    def test_by_number(self):
        """By syscall(2), as libuv does."""
        with Shapes() as shapes, sender() as proxy:
            self.check(shapes, proxy, ("192.0.2.1", 7))
            self.assertEqual(shapes.ask("give sendmmsg-raw 4 192.0.2.1 7"),
                             "give: 1 0")
            self.assertEqual(proxy.recv(99), b"aaaa")

    def test_v4_mapped(self):
        with Shapes("::") as shapes, sender() as proxy:
            self.check(shapes, proxy, ("192.0.2.1", 7),
                       "::ffff:192.0.2.1", 7)

    def test_the_last_proxy(self):
        with Shapes() as shapes, sender() as one, sender() as two:
            for proxy in one, two, one, one, two:
                self.check(shapes, proxy, ("192.0.2.1", 7))

    def test_others_are_answered_directly(self):
        with Shapes() as shapes, sender() as proxy, sender() as other:
            self.check(shapes, proxy, ("192.0.2.1", 7))
            shapes.send(other, b"hello")
            shapes.ask(call("recvfrom"))
            shapes.ask("send 4 127.0.0.1 %d" % other.getsockname()[1])
            self.assertEqual(other.recv(99), b"aaaa")

    def ask_direct(self, shapes, direct):
        """Who is sent to at that address: a client that is no more known."""
        shapes.ask("send 5 %s %d" % direct.getsockname())

    def test_the_oldest_is_forgotten(self):
        with Shapes(UDP_CLIENTS=2) as shapes, sender() as proxy:
            clients = [sender() for _ in range(3)]
            for client in clients:
                self.check(shapes, proxy, client.getsockname())
            self.ask_direct(shapes, clients[0])
            self.assertEqual(clients[0].recv(99), b"aaaaa")
            for client in clients[1:]:
                self.ask_direct(shapes, client)
                self.assertEqual(proxy.recv(99), b"aaaaa")
            for client in clients:
                client.close()

    def test_none_is_remembered(self):
        with Shapes(UDP_CLIENTS=0) as shapes, sender() as proxy, \
                sender() as client:
            shapes.send(proxy, udp(*client.getsockname()) + b"hello")
            self.assertIn("result=5", shapes.ask(call("recvfrom")))
            self.ask_direct(shapes, client)
            self.assertEqual(client.recv(99), b"aaaaa")


class Programs(ProgramCase, unittest.TestCase):
    source = PROGRAM

    def check_answer(self, text):
        """Of the one that has come from 192.0.2.1."""
        def talk(proxy):
            proxy.send(udp() + b"hello")
            self.assertEqual(proxy.recv(99), b"answer 192.0.2.1 1111")
        self.run_program(text, talk)

    def test_sendmsg(self):
        self.check_answer("""
_, _, _, client = server.recvmsg(99)
server.sendmsg([b"answer ", b"%s %d" % (client[0].encode(), client[1])], [],
               0, client)
""")

    def test_forked_child(self):
        """It knows whom its parent knew."""
        self.check_answer("""
_, client = server.recvfrom(99)
if os.fork() == 0:
    server.sendto(b"answer %s %d" % (client[0].encode(), client[1]), client)
    os._exit(0)
os.wait()
""")

    def test_last_client_comes_elsewhere_to_another_thread(self):
        """What a thread knows of the one that it had last is out of date."""
        def talk(proxy):
            with sender() as other:
                proxy.send(udp() + b"once")
                proxy.send(udp() + b"again")
                other.sendto(udp() + b"elsewhere", proxy.getpeername())
                self.assertEqual(other.recv(99), b"answer")
        self.run_program("""
import threading
for _ in range(2):
    _, client = server.recvfrom(99)
other = threading.Thread(target=server.recvfrom, args=(99,))
other.start()
other.join()
server.sendto(b"answer", client)
""", talk)

    def test_last_client_of_another_socket(self):
        """The same client has come to each by another proxy."""
        def talk(proxy):
            with sender() as other:
                proxy.send(udp() + b"begin")
                port = int(proxy.recv(99))
                for _ in range(2):
                    proxy.send(udp() + b"hello")
                    other.sendto(udp() + b"hello", ("127.0.0.1", port))
                for _ in range(4):
                    self.assertEqual(proxy.recv(99), b"to the first")
                    self.assertEqual(other.recv(99), b"to the second")
        self.run_program("""
second = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
second.bind(("127.0.0.1", 0))
_, client = server.recvfrom(99)
server.sendto(b"%d" % second.getsockname()[1], client)
for _ in range(2):
    server.recvfrom(99)
    second.recvfrom(99)
for _ in range(2):
    for _ in range(2):
        server.sendto(b"to the first", client)
    for _ in range(2):
        second.sendto(b"to the second", client)
""", talk)

    def test_child_of_a_bare_clone(self):
        """Of which no handler is told; it binds a socket of its own."""
        def talk(proxy):
            for _ in range(2):
                proxy.send(udp() + b"hello")
                self.assertEqual(proxy.recv(99), b"hello")
        if os.uname().machine != "x86_64":
            self.skipTest("numbers of its system calls")
        self.run_program("""
import ctypes, signal
server.close()
libc = ctypes.CDLL(None)
child = libc.syscall(56, signal.SIGCHLD, 0, 0, 0, 0)
if child == 0:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", port))
    print("bound", flush=True)
    for _ in range(2):
        server.sendto(server.recv(99), ("192.0.2.1", 1111))
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
""", talk, r"bound")

    def test_duplicates(self):
        self.check_answer("""
two = os.dup2(server.fileno(), 77)
server.close()
two = socket.socket(fileno=two)
_, client = two.recvfrom(99)
two.sendto(b"answer %s %d" % (client[0].encode(), client[1]), client)
""")

    def test_inherited(self):
        """A program that was executed with the socket."""
        self.check_answer("""
os.set_inheritable(server.fileno(), True)
os.execvp("python3", ["python3", "-c", '''
import socket
server = socket.socket(fileno=%d)
_, client = server.recvfrom(99)
server.sendto(b"answer %%s %%d" %% (client[0].encode(), client[1]), client)
''' % server.fileno()])
""")

    def test_by_systemd(self):
        """Nobody asks for the sender, nor is there a bind."""
        def talk(proxy):
            proxy.send(udp() + b"hello")
            proxy.send(udp() + b"again")
            self.assertEqual(proxy.recv(99), b"hello again")
        self.run_program("""
os.set_inheritable(os.dup2(server.fileno(), 3), True)
os.environ["LISTEN_FDS"] = "1"
os.execvp("python3", ["python3", "-c", '''
import os, socket
read = os.read(3, 99)
server = socket.socket(fileno=3)
server.sendto(read + b" " + server.recv(99), ("192.0.2.1", 1111))
'''])
""", talk)

    def test_bad_setting(self):
        for name, value in ("TRUSTED", "10.0.0.1/8"), ("UDP_CLIENTS", "many"):
            with fixture.Program(
                    ["python3", "-c", PROGRAM],
                    fixture.environment(fixture.UDP_LIBRARY,
                                        **{name: value})) as program:
                program.wait_line(r"libproxyproto_udp: LIBPROXYPROTO_" + name)
                program.wait_line("Invalid argument")
                self.assertNotEqual(program.wait(), 0)

    def test_memory_that_cannot_be_locked(self):
        """It is not said that there is nothing to receive."""
        self.run_program("""
import ctypes, resource
if os.getuid() == 0:
    os.setuid(65534)
libc = ctypes.CDLL(None)
assert libc.mlockall(2) == 0
resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
try:
    server.recv(99)
except OSError as error:
    assert error.errno == 12, error
else:
    assert False
""", lambda proxy: proxy.send(b"hello"))

    def test_memory_that_cannot_be_locked_for_answers(self):
        """They fail, and do not go to the client past its proxy."""
        def talk(proxy):
            proxy.send(udp("127.0.0.1", direct.getsockname()[1]) + b"hello")
        with sender() as direct:
            self.run_program("""
import ctypes, resource, struct, threading
libc = ctypes.CDLL(None, use_errno=True)
_, client = server.recvfrom(99)
text = ctypes.create_string_buffer(b"answer")
parts = ctypes.create_string_buffer(
    struct.pack("@Pn", ctypes.addressof(text), 6))
name = ctypes.create_string_buffer(
    struct.pack("=H", 2) + struct.pack("!H", client[1])
    + socket.inet_aton(client[0]) + bytes(8))
message = struct.pack("@PIPnPni0PI0P", ctypes.addressof(name), 16,
                      ctypes.addressof(parts), 1, 0, 0, 0, 0)
limited, results = threading.Event(), []
def answer():   # a thread that has no memory for it yet
    limited.wait()
    results.append(libc.sendmmsg(server.fileno(), message, 1, 0))
    results.append(ctypes.get_errno())
thread = threading.Thread(target=answer)
thread.start()
if os.getuid() == 0:
    os.setuid(65534)
assert libc.mlockall(2) == 0
resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
limited.set()
thread.join()
assert results == [-1, 12], results
""", talk)
            direct.setblocking(False)
            self.assertRaises(BlockingIOError, direct.recv, 99)

    def test_gro_is_refused(self):
        self.run_program("""
try:
    server.setsockopt(17, 104, 1)
except OSError as error:
    assert error.errno == 92, error
else:
    assert False
server.setsockopt(17, 104, 0)
""", lambda proxy: None)


    def test_gro_where_the_file_switches_the_library_off(self):
        path = os.path.join(fixture.folder(self.addCleanup), "file.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write("version = 0\n")
        self.run_program("""
os.execvp("python3", ["python3", "-c", '''
import socket   # nothing is bound, for which the file would have been read
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.setsockopt(17, 104, 1)
assert client.getsockopt(17, 104) == 1
'''])
""", lambda proxy: None, CONFIG=path)


class OtherNumbers(unittest.TestCase):
    """A number that is another's, as it was closed by a raw system call."""

    def check(self, make):
        text = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def other(make):
    number = server.fileno()
    fds = make()
    libc.syscall(3, number)
    assert libc.syscall(33, fds[0].fileno(), number) == number
    return number, fds[1]
def tcp():
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname())
    return listener.accept()[0], client
def pair(kind):
    return lambda: socket.socketpair(socket.AF_UNIX, kind)
def pipe():
    return [os.fdopen(fd, mode, 0) for fd, mode in zip(os.pipe(), ("rb", "wb"))]
number, end = other(%s)
for size in 10, 3, 70000:
    os.write(end.fileno(), bytes(range(10)) + b"left")
    assert os.read(number, size) == (bytes(range(10)) + b"left")[:size]
    if size < 14 and %s:
        assert os.read(number, 99) == (bytes(range(10)) + b"left")[size:]
server.detach()
""" % (make, "STREAM" not in make and "DGRAM" not in make
              and "SEQ" not in make or "STREAM" in make)
        if os.uname().machine != "x86_64":
            self.skipTest("numbers of its system calls")
        with fixture.Program(
                ["python3", "-c", PROGRAM + text],
                fixture.environment(fixture.UDP_LIBRARY)) as program:
            self.assertEqual(program.wait(), 0, program.lines)

    def test_tcp(self):
        self.check("tcp")

    def test_unix(self):
        for kind in "STREAM", "DGRAM", "SEQPACKET":
            self.check(f"pair(socket.SOCK_{kind})")

    def test_pipe(self):
        self.check("pipe")


if __name__ == "__main__":
    fixture.main()
