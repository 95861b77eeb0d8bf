# SPDX-License-Identifier: ISC
"""The processes of proxyproto run --how=supervise: what starts, ends and stays.

The programs are python3's, which a supervisor serves as any other.
"""
import contextlib
import errno
import os
import pty
import resource
import select
import signal
import socket
import subprocess
import sys
import time
import termios
import threading
import unittest

import fixture
from fixture import forbidding, namespaces, v1
from fixture.trace import Trace

# A server: says where it listens, and each client's address to it.
SERVER = """
import os, signal, socket, sys
def listen(**kwargs):
    listener = socket.create_server(("127.0.0.1", 0), **kwargs)
    print("port", listener.getsockname()[1], flush=True)
    return listener
def answer(client):
    while True:
        try:
            address, port = client.getpeername()
            client.sendall(b"%s %d %d\\n" % (address.encode(), port,
                                            os.getpid()))
        except InterruptedError:
            continue  # a signal's handler that has no SA_RESTART
        except OSError as error:
            print(error, flush=True)  # it was reset
        client.close()
        return
def serve(listener, count=None):
    while count != 0:
        answer(listener.accept()[0])
        if count:
            count -= 1
"""


def accept_later(listener):
    """A moment after others have seen a connection; until it is shut down."""
    with contextlib.suppress(OSError):
        while True:
            select.select([listener], [], [])
            time.sleep(0.005)
            listener.accept()[0].close()


class Processes(unittest.TestCase):
    def run_python(self, script, prefix=(), python=sys.executable,
                   **settings):
        program = fixture.Program(
            [*prefix, fixture.COMMAND, "run", "--how=supervise",
             python, "-c", SERVER + script],
            fixture.environment(**settings))
        self.addCleanup(program.stop)
        return program

    def need_run(self, *argv):
        """Skips the test where that fails, as in a container."""
        done = subprocess.run(argv, stderr=subprocess.PIPE, text=True,
                              check=False)
        if done.returncode:
            self.skipTest(f"{argv[0]}: {done.stderr.strip()}")

    def run_server(self, script="serve(listen())", **kwargs):
        program = self.run_python(script, **kwargs)
        return program, self.port(program)

    def port(self, program):
        return int(program.wait_line(r"^port (\d+)$")[1])

    def ask(self, port, data=None, address="192.0.2.1"):
        """A client's request: (address, port, process) that served it."""
        with fixture.connect(port, v1(address)
                             if data is None else data) as client:
            return self.answer(client)

    def answer(self, client):
        with client.makefile() as lines:
            address, port, pid = lines.readline().split()
        return address, int(port), int(pid)

    def assert_served(self, port):
        self.assertEqual(self.ask(port)[:2], ("192.0.2.1", 1111))

    def supervisor(self, program):
        return fixture.child_of(self.guardian(program))

    def guardian(self, program):
        return fixture.child_of(program.process.pid)

    def descriptors(self, program):
        return len(os.listdir(f"/proc/{self.supervisor(program)}/fd"))

    def wait_gone(self, pid):
        def is_gone():
            try:
                with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                    return file.read().rpartition(")")[2].split()[0] == "Z"
            except FileNotFoundError:
                return True
        fixture.wait_for(is_gone, f"process {pid} to end")


class Status(Processes):
    def test_exit(self):
        for status in 0, 7, 255:
            self.assertEqual(
                self.run_python(f"sys.exit({status})").wait(), status)

    def test_signal(self):
        """The command's own signal is the supervisor's."""
        for number in signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV:
            program = self.run_python(f"os.kill(os.getpid(), {number})")
            self.assertEqual(program.wait(), -number)

    def test_not_executed(self):
        for command, status in ("/nowhere", 127), ("/dev/null", 126):
            done = subprocess.run(
                [fixture.COMMAND, "run", "--how=supervise", command],
                stderr=subprocess.PIPE, text=True, check=False)
            self.assertEqual(done.returncode, status)
            self.assertRegex(done.stderr, f"^proxyproto: {command}: ")

    def test_standard_closed(self):
        """Closed standard input and the like stay so."""
        for closed in "<&-", ">&-", "2>&-", "<&- >&- 2>&-":
            program = fixture.Program(
                ["sh", "-c", f'exec "$@" {closed}', "sh", fixture.COMMAND,
                 "run", "--how=supervise", "sh", "-c",
                 "test -e /proc/self/fd/0 || exit 10; exit 7"],
                fixture.environment())
            self.addCleanup(program.stop)
            self.assertEqual(program.wait(), 10 if "<" in closed else 7)

    def test_listener_that_is_there(self):
        """Of two supervisors the second cannot be told of calls."""
        program = fixture.Program(
            [fixture.COMMAND, "run", "--how=supervise", fixture.COMMAND,
             "run", "--how=supervise", "echo", "started"])
        self.addCleanup(program.stop)
        self.assertEqual(program.wait(), 125)
        self.assertRegex(program.output(),
                         "^proxyproto: cannot supervise: something else")

    def test_other_proc(self):
        """What /proc tells of is another process of the same number."""
        if os.geteuid() != 0:
            self.skipTest("only root makes a process namespace here")
        self.need_run("unshare", "--pid", "--fork", "true")
        program = self.run_python("pass", prefix=[
            "unshare", "--pid", "--fork", "--kill-child"])
        self.assertEqual(program.wait(), 125)
        self.assertRegex(program.output(),
                         "^proxyproto: cannot supervise: /proc ")

    def test_nothing_is_left(self):
        program = self.run_python("pass")
        self.assertEqual(program.wait(), 0)
        with self.assertRaises(ProcessLookupError):
            os.killpg(program.process.pid, 0)


class Signals(Processes):
    COUNT = """
def count(number, frame):
    # print(3) raises where it is the one that was interrupted
    os.write(1, b"signal %d\\n" % number)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1,
               signal.SIGWINCH, signal.SIGRTMIN + 3):
    signal.signal(number, count)
print("pid", os.getpid(), os.getppid(), flush=True)
while True:
    signal.pause()
"""

    def test_handed_on(self):
        program = self.run_python(self.COUNT)
        program.wait_line("^pid ")
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP,
                       signal.SIGUSR1, signal.SIGWINCH, signal.SIGRTMIN + 3):
            os.kill(program.process.pid, number)
            program.wait_line(f"^signal {number}$")
            self.assertEqual(
                program.lines.count(f"signal {int(number)}"), 1)

    def read_until(self, terminal, text, output=b""):
        """What a terminal shows, up to that text and beyond."""
        while text not in output:
            try:
                output += os.read(terminal, 4096)
            except OSError as error:    # nobody is there any more
                self.fail(f"{error} after {output}")
        return output

    def test_terminal(self):
        """What a terminal sends to all is not sent twice."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ.pop("LD_PRELOAD", None)
            # or what is written just when the signal comes may be lost
            attributes = termios.tcgetattr(0)
            attributes[3] |= termios.NOFLSH
            termios.tcsetattr(0, termios.TCSANOW, attributes)
            os.execv(fixture.COMMAND,
                     [fixture.COMMAND, "run", "--how=supervise",
                      sys.executable, "-c", SERVER + self.COUNT])
        self.addCleanup(os.close, terminal)
        self.addCleanup(os.waitpid, pid, 0)
        self.addCleanup(os.kill, pid, signal.SIGKILL)
        output = self.read_until(terminal, b"pid ")
        os.write(terminal, b"\x03")
        output = self.read_until(terminal, b"signal 2", output)
        # what is sent on would be there before this
        os.kill(pid, signal.SIGUSR1)
        output = self.read_until(terminal, b"signal 10", output)
        self.assertEqual(output.count(b"signal 2"), 1, output)

    def test_hang_up(self):
        """That a terminal has gone is told to its session's leader alone."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ.pop("LD_PRELOAD", None)
            os.execv(fixture.COMMAND,
                     [fixture.COMMAND, "run", "--how=supervise",
                      sys.executable, "-c", "import signal; "
                      "print('ready', flush=True); signal.pause()"])
        self.read_until(terminal, b"ready\r\n")
        os.close(terminal)
        self.assert_ends_by(pid, signal.SIGHUP)

    def test_alarm(self):
        """One that was set before comes to the command."""
        pid = os.fork()
        if pid == 0:
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            os.execv(fixture.COMMAND,
                     [fixture.COMMAND, "run", "--how=supervise",
                      sys.executable, "-c", "import signal; signal.pause()"])
        self.assert_ends_by(pid, signal.SIGALRM)

    def assert_ends_by(self, pid, number):
        def has_ended():
            found, status = os.waitpid(pid, os.WNOHANG)
            ends.append(status)
            return found
        ends = []
        try:
            fixture.wait_for(has_ended, "its end")
        except AssertionError:
            os.kill(pid, signal.SIGKILL)
            raise
        self.assertEqual(os.waitstatus_to_exitcode(ends[-1]), -number)

    def test_stop_and_continue(self):
        program, port = self.run_server()
        command = self.ask(port)[2]
        os.kill(command, signal.SIGSTOP)
        pid, status = os.waitpid(program.process.pid, os.WUNTRACED)
        self.assertTrue(os.WIFSTOPPED(status))
        self.assertEqual(os.WSTOPSIG(status), signal.SIGSTOP)
        os.kill(pid, signal.SIGCONT)
        self.assert_served(port)

    def test_killed(self):
        """Who kills what they started kills the command."""
        program, port = self.run_server()
        command = self.ask(port)[2]
        supervisor = self.supervisor(program)
        program.process.kill()
        self.wait_gone(command)
        self.wait_gone(supervisor)

    def test_supervisor_killed(self):
        """Nothing lives on that cannot accept any more."""
        program, port = self.run_server("""
listener = listen()
child = os.fork()
if child:
    print("child", child, flush=True)
serve(listener)
""")
        child = int(program.wait_line(r"^child (\d+)$")[1])
        self.assert_served(port)
        os.kill(self.supervisor(program), signal.SIGKILL)
        self.assertEqual(program.wait(), 125)
        self.wait_gone(child)
        self.assertIsNone(fixture.listening(port))

    def test_one_of_ours_killed(self):
        """Nothing is left, whichever it was, of what the command started."""
        for killed in ["guardian"], ["supervisor"], ["front", "supervisor"]:
            for stays in True, False:
                with self.subTest(killed=killed, command_stays=stays):
                    self.check_killed(killed, stays)

    def test_killed_by_name(self):
        """Who kills all that have the command's name leaves one of ours."""
        program, _ = self.run_server()
        for pid, name in ((program.process.pid, "proxyproto"),
                          (self.guardian(program), "pp-guardian"),
                          (self.supervisor(program), "proxyproto")):
            with open(f"/proc/{pid}/comm", encoding="ascii") as file:
                self.assertEqual(file.read(), name + "\n")

    def check_killed(self, killed, stays):
        """Also of daemons, in sessions of their own, one somebody else's."""
        program, port = self.run_server("""
import time
def serve_on(listener):
    while True:
        try:
            serve(listener)
        except OSError:    # a server that cannot accept tries again
            time.sleep(0.01)
listener = listen()
for daemon in "first", "second":
    if os.fork():
        os.wait()
        continue
    os.setsid()
    if os.fork():
        os._exit(0)
    if daemon == "second" and os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    os.write(1, b"%s %d\\n" % (daemon.encode(), os.getpid()))
    for fd in range(3):
        os.dup2(os.open("/dev/null", os.O_RDWR), fd)
    serve_on(listener)
signal.signal(signal.SIGUSR1, lambda *_: os._exit(0))
os.write(1, b"command %d\\n" % os.getpid())
serve_on(listener)
""")
        pids = [int(program.wait_line(rf"^{word} (\d+)$")[1])
                for word in ("first", "second", "command")]
        for pid in pids:
            self.addCleanup(self.kill_by, os.pidfd_open(pid))
        ours = {"front": program.process.pid,
                "guardian": self.guardian(program),
                "supervisor": self.supervisor(program)}
        self.assert_served(port)
        if not stays:
            program.process.send_signal(signal.SIGUSR1)
            self.assertEqual(program.wait(), 0)
            self.assert_served(port)
            del ours["front"]
        for name in set(killed) & set(ours):
            os.kill(ours[name], signal.SIGKILL)
        if stays:
            self.assertEqual(program.wait(), -9 if "front" in killed else 125)
        for pid in *pids, *ours.values():
            self.wait_gone(pid)
        self.assertIsNone(fixture.listening(port))

    def kill_by(self, pidfd):
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        os.close(pidfd)


class Trees(Processes):
    DAEMON = """
listener = listen()
if os.fork():
    os._exit(3)
os.setsid()
if os.fork():
    os._exit(0)
for fd in range(3):
    os.dup2(os.open("/dev/null", os.O_RDWR), fd)
serve(listener)
"""

    def test_daemon(self):
        """The command ends, and its daemon goes on being served."""
        program, port = self.run_server(self.DAEMON)
        self.assertEqual(program.wait(), 3)
        address, number, pid = self.ask(port)
        self.assertEqual((address, number), ("192.0.2.1", 1111))
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            supervisor = int(file.read().rpartition(")")[2].split()[1])
        self.assertNotEqual(supervisor, 1)
        with fixture.connect(port) as late:
            self.assert_served(port)
            late.sendall(v1("192.0.2.8"))
            self.assertEqual(self.answer(late)[0], "192.0.2.8")
        os.kill(pid, signal.SIGKILL)
        self.wait_gone(pid)
        self.wait_gone(supervisor)

    def run_exec(self, change, **settings):
        """A server that accepts once, and then executes another one."""
        return self.run_server(f"""
listener = listen()
serve(listener, 1)
os.set_inheritable(listener.fileno(), True)
{change}
os.execv(sys.executable, [sys.executable, "-c", '''
import os, socket, sys
listener = socket.socket(fileno=int(sys.argv[1]))
while True:
    client, peer = listener.accept()
    client.sendall(("%s %d %d" % (*peer, os.getpid())).encode())
    client.shutdown(socket.SHUT_WR)
    client.recv(1000)
    client.close()
''', str(listener.fileno())])
""", **settings)[1]

    def test_exec(self):
        """The settings are those of the program that was executed last."""
        port = self.run_exec('os.environ["LIBPROXYPROTO_VERSION"] = "0"')
        self.assert_served(port)
        self.assertEqual(self.ask(port)[0], "127.0.0.1")

    def test_exec_to_be_served(self):
        port = self.run_exec('os.environ["LIBPROXYPROTO_VERSION"] = "1"',
                             VERSION=0)
        self.assertEqual(self.ask(port)[0], "127.0.0.1")
        self.assert_served(port)

    def test_processes(self):
        """Children that share a listener, as they come and go."""
        program, port = self.run_server("""
listener = listen()
while True:
    if os.fork() == 0:
        serve(listener, 1)
        os._exit(0)
    os.wait()
""")
        pids = {self.ask(port)[2] for _ in range(50)}
        self.assertEqual(len(pids), 50)
        # what was known of them is forgotten with them
        self.assertLess(self.descriptors(program), 25)

    def test_fork_in_accept(self):
        """One thread is in accept while another one forks."""
        program, port = self.run_server("""
import threading
listener = listen()
threading.Thread(target=serve, args=(listener,)).start()
while True:
    if os.fork() == 0:
        serve(listener, 1)
        os._exit(0)
    os.wait()
""")
        for _ in range(50):
            self.assert_served(port)

    def first_thread_ends(self, before, prefix=()):
        """It may end before the others, which then accept by themselves."""
        program, port = self.run_server(f"""
import ctypes, platform, threading, time
unix = socket.socket(socket.AF_UNIX)
unix.bind("")
unix.listen()
print("unix", unix.getsockname().decode()[1:], flush=True)
listener = listen()
def state():
    with open("/proc/%d/stat" % os.getpid()) as file:
        return file.read().rpartition(")")[2].split()[0]
def serve_later():
    while {before} and state() != "Z":
        time.sleep(0.01)
    try:
        serve(listener)
    except OSError as error:
        print("errno", error.errno, flush=True)
    unix.accept()[0].send(b"served")
threading.Thread(target=serve_later).start()
if not {before}:
    time.sleep(0.3)    # for it to be in accept
# exit(2), of this thread alone
ctypes.CDLL(None).syscall(93 if platform.machine() == "aarch64" else 60, 0)
""", prefix=prefix)
        command = fixture.child_of(self.supervisor(program))
        fixture.wait_for(lambda: self.is_zombie(command), "its end")
        return program, port

    def test_first_thread_ends(self):
        try:
            os.close(os.pidfd_open(os.getpid(), os.O_EXCL))
        except OSError:
            self.skipTest("a thread's descriptors: since Linux 6.9")
        for before in True, False:
            _, port = self.first_thread_ends(before)
            for _ in range(3):
                self.assert_served(port)

    def test_first_thread_ends_on_an_older_kernel(self):
        """Nobody is accepted whose header was not looked at."""
        for before in True, False:
            program, port = self.first_thread_ends(
                before, prefix=forbidding.prefix("pidfd_open:1:0x80=EINVAL"))
            with fixture.connect(port, v1()):
                program.wait_line(f"^errno {errno.ENOSYS}$")
            program.wait_line(r"^proxyproto: process \d+ accepts nobody: its "
                              "first thread has ended, and then Linux 6.9 is")
            # Unix sockets are none of ours
            path = program.wait_line("^unix (.+)$")[1]
            with socket.socket(socket.AF_UNIX) as client:
                client.connect("\0" + path)
                self.assertEqual(fixture.read_all(client), b"served")

    def is_zombie(self, pid):
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"

    def test_other_user(self):
        if os.geteuid() != 0:
            self.skipTest("only root can become somebody else")
        program, port = self.run_server("""
listener = listen()
os.setgid(65534)
os.setuid(65534)
print("uid", os.getuid(), flush=True)
serve(listener)
""")
        program.wait_line("^uid 65534$")
        self.assert_served(port)

    def test_unprivileged(self):
        """An ordinary user needs nothing, but cannot gain privileges."""
        if os.geteuid() != 0:
            self.skipTest("only root can become somebody else")
        fixture.need("setpriv", "/usr/bin/python3")
        program, port = self.run_server("""
with open("/proc/self/status") as file:
    print(*[line for line in file if "NoNewPrivs" in line], flush=True)
serve(listen())
""", prefix=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
             "--bounding-set=-all"], python="/usr/bin/python3")
        program.wait_line(r"^NoNewPrivs:\s1$")
        self.assert_served(port)

    def test_privileged(self):
        """Root's set-user-ID programs keep working."""
        if os.geteuid() != 0:
            self.skipTest("an ordinary user cannot")
        program = self.run_python("""
with open("/proc/self/status") as file:
    print(*[line for line in file if "NoNewPrivs" in line], flush=True)
""")
        program.wait_line(r"^NoNewPrivs:\s0$")

    def test_network_namespace(self):
        """A late one wakes a program that has its network to itself."""
        if os.geteuid() != 0:
            self.skipTest("only root makes a network namespace here")
        program = self.run_python("""
import select, subprocess, time
import ctypes
if ctypes.CDLL(None).unshare(0x40000000) != 0:    # CLONE_NEWNET
    sys.exit("unshare")
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
listener = listen()
listener.setblocking(False)
port = listener.getsockname()[1]
if os.fork() == 0:
    client = socket.create_connection(("127.0.0.1", port))
    time.sleep(1.5)    # the kernel holds it back for a second
    client.sendall(b"PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\\r\\n")
    print("got", client.recv(100).decode().split()[:2], flush=True)
    os._exit(0)
while True:
    select.select([listener], [], [])
    try:
        answer(listener.accept()[0])
    except BlockingIOError:
        pass
""")
        program.wait_line(r"^got \['192\.0\.2\.1', '1111'\]$")

    def test_client_with_a_knock_s_port(self):
        """Its own port, of another listener, is not taken for a knock."""
        if os.geteuid() != 0:
            self.skipTest("only root makes a network namespace here")
        fixture.need("unshare", "ip")
        self.need_run("unshare", "--net", "sh", "-c", "echo 40000 40000 "
                      "> /proc/sys/net/ipv4/ip_local_port_range")
        program = self.run_python("""
import select, subprocess
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as file:
    file.write("40000 40000")    # for all who have not bound another one
one, other = (socket.create_server(("127.0.0.1", port)) for port in (81, 82))
def connect(port, data, source=None):
    client = socket.create_connection(("127.0.0.1", port),
                                      source_address=source)
    client.sendall(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\\r\\n"[:data])
    return client
one.setblocking(False)
late = connect(81, 10, ("127.0.0.2", 50000))
select.select([one], [], [])
try:
    one.accept()
except BlockingIOError:
    pass
late.sendall(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\\r\\n"[10:])
select.select([one], [], [])    # that is a knock
client = connect(82, None)
answer(other.accept()[0])
answer(one.accept()[0])
print("got", *(end.recv(100).decode().split()[:2]
               for end in (client, late)), flush=True)
""", prefix=["unshare", "--net"], TRUSTED="127.0.0.0/8",
            MUST_USE_PROTOCOL_HEADER=1)
        program.wait_line(r"^got \['192\.0\.2\.1', '1'\] "
                          r"\['192\.0\.2\.1', '1'\]$")

    def test_socket_activation(self):
        """LISTEN_PID names the command, and its listener is served."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            pid = os.fork()
            if pid == 0:
                os.dup2(listener.fileno(), 3)
                os.set_inheritable(3, True)
                os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
                os.execv(fixture.COMMAND, [
                    fixture.COMMAND, "run", "--how=supervise",
                    sys.executable, "-c", SERVER + """
if os.environ["LISTEN_PID"] == str(os.getpid()):
    serve(socket.socket(fileno=3))
"""])
            self.addCleanup(os.waitpid, pid, 0)
            self.addCleanup(os.kill, pid, signal.SIGKILL)
            self.assert_served(listener.getsockname()[1])

    def test_taken_by_another_process(self):
        """One that is not watched accepts first: nobody waits for that."""
        with socket.create_server(("127.0.0.1", 0)) as shared:
            program = fixture.Program(
                ["sh", "-c", f'exec 3<&{shared.fileno()}; exec "$@"', "sh",
                 fixture.COMMAND, "run", "--how=supervise", sys.executable,
                 "-c", SERVER + """
listener = listen()
if os.fork() == 0:
    serve(socket.socket(fileno=3))
serve(listener)
"""], fixture.environment(), pass_fds=[shared.fileno()])
            self.addCleanup(program.stop)
            port = self.port(program)
            self.assert_served(port)
            thief = threading.Thread(target=accept_later, args=(shared,))
            thief.start()
            # there is somebody, and then there is not
            with Trace(self.supervisor(program), "-e", "trace=poll", "-e",
                       "inject=poll:delay_exit=20000"):
                for _ in range(20):
                    fixture.connect(shared.getsockname()[1], v1()).close()
                    self.assert_served(port)
            shared.shutdown(socket.SHUT_RDWR)
            thief.join()

    def test_children_from_before(self):
        """Those that a shell had before it executed this are reaped."""
        program = self.run_python("""
front = int(open("/proc/%d/stat" % os.getppid()).read().rpartition(")")[2]
            .split()[1])
import time
for _ in range(1000):
    with open("/proc/%d/task/%d/children" % (front, front)) as file:
        if file.read().split() == [str(os.getppid())]:
            print("reaped", flush=True)
            break
    time.sleep(0.01)
""", prefix=["sh", "-c", 'true & sleep 0.1; exec "$@"', "sh"])
        program.wait_line("^reaped$")

    def test_notify(self):
        """sd_notify(3) comes from the command: NotifyAccess=all."""
        path = fixture.folder(self.addCleanup) + "/notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(path)
            notify.settimeout(fixture.PATIENCE)
            self.run_python(f"""
os.environ["NOTIFY_SOCKET"] = {path!r}
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
    sender.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
serve(listen())
""")
            self.assertEqual(notify.recv(100), b"READY=1")

    def test_first_process(self):
        """As process 1 it reaps, and says how the command ended."""
        if os.geteuid() != 0:
            self.skipTest("only root makes a process namespace here")
        program = self.run_python("""
for number in range(20):
    if os.fork() == 0:
        if os.fork() == 0:
            os._exit(0)
        os._exit(0)
    os.wait()
import time
for _ in range(1000):
    left = [name for name in os.listdir("/proc") if name.isdigit()]
    if len(left) <= 4:
        break
    time.sleep(0.01)
print("left", len(left), flush=True)
os.kill(os.getpid(), 9)
""", prefix=["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"])
        self.assertEqual(program.wait(), 128 + 9)
        program.wait_line("^left 4$")


class Patience(Processes):
    """Where direct clients may be silent, a proxy's header is waited for."""

    POLL = """
import select
listener = listen()
while True:
    select.select([listener], [], [])
    client, _ = listener.accept()
    print("accepted", flush=True)
    answer(client)
"""

    def test_in_time(self):
        """A program that was told of a client gets it, a moment later."""
        program, port = self.run_server(self.POLL, TRUSTED="127.0.0.1",
                                        DEBUG=1)
        for number in range(1, 100):
            start = len(program.lines)
            with fixture.connect(port) as client:
                program.wait_line("accept: fd .*: waits: header not whole",
                                  start)
                client.sendall(v1(source_port=number))
                self.assertEqual(self.answer(client)[1], number)
            # not a connection that was reset, and then the client
            if program.lines[start:].count("accepted") == 1:
                return
        self.fail("no header was waited for")

    def test_too_late(self):
        """It is given a connection that was reset, and the next one."""
        program, port = self.run_server(self.POLL, TRUSTED="127.0.0.1")
        silent = [fixture.connect(port) for _ in range(20)]
        self.assert_served(port)
        for number, client in enumerate(silent, 1):
            client.sendall(v1(source_port=number))
            self.assertEqual(self.answer(client)[1], number)
            client.close()


    def test_receive_timeout(self):
        """SO_RCVTIMEO is the program's, whoever was waited for meanwhile."""
        program, port = self.run_server("""
import struct
listener = listen()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO,
                    struct.pack("@ll", 1, 0))
timeouts = 0
while timeouts < 2:
    print("accepts", flush=True)
    try:
        listener.accept()
    except BlockingIOError:
        timeouts += 1
""", TRUSTED="127.0.0.1")
        program.wait_line("^accepts$")
        time.sleep(0.3)    # for it to wait there
        with fixture.connect(port):
            self.assertEqual(program.wait(), 0)


class Faults(Processes):
    def test_thousand_threads(self):
        program, port = self.run_server("""
import threading
threading.stack_size(65536)
listener = listen(backlog=4096)
for _ in range(1000):
    threading.Thread(target=serve, args=(listener,)).start()
print("all", flush=True)
""")
        program.wait_line("^all$")
        supervisor = self.supervisor(program)
        for _ in range(100):
            self.assert_served(port)
        before = len(os.listdir(f"/proc/{supervisor}/fd"))
        clients = [fixture.connect(port, v1("192.0.2.1", source_port=n))
                   for n in range(1, 1001)]
        self.assertEqual([self.answer(client)[1] for client in clients],
                         list(range(1, 1001)))
        for client in clients:
            client.close()
        self.assertLessEqual(len(os.listdir(f"/proc/{supervisor}/fd")),
                             before)

    def test_interrupted(self):
        """Signals that come as connections do: nobody is lost."""
        program, port = self.run_server("""
signal.signal(signal.SIGUSR1, lambda *_: None)
listener = listen(backlog=4096)
parent = os.getpid()
if os.fork() == 0:
    while os.getppid() == parent:
        os.kill(parent, signal.SIGUSR1)
    os._exit(0)
serve(listener)
""")
        for _ in range(100):
            self.assert_served(port)

    def test_no_descriptor(self):
        """EMFILE is the program's; the connection is there afterwards."""
        program, port = self.run_server("""
import resource, select
listener = listen()
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
select.select([listener], [], [])
resource.setrlimit(resource.RLIMIT_NOFILE, (4, hard))
for _ in range(3):
    try:
        print(listener.accept(), flush=True)
    except OSError as error:
        print("errno", error.errno, flush=True)
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
select.select([listener], [], [])
serve(listener)
""")
        self.assert_served(port)
        self.assertEqual(program.lines.count("errno 24"), 3)

    def test_no_descriptor_of_ours(self):
        """Who cannot be looked at for want of one accepts nobody."""
        fixture.need("prlimit")
        program, port = self.run_server("""
listener = listen()
for _ in range(30):
    if os.fork() == 0:
        try:
            os.write(1, b"worker\\n")
            serve(listener)
        except OSError as error:
            os.write(1, b"errno %d\\n" % error.errno)
            signal.pause()
while True:
    signal.pause()
""", prefix=["prlimit", "--nofile=40:40"], MUST_USE_PROTOCOL_HEADER=1)
        fixture.wait_for(lambda: "errno 24" in program.output()
                         and program.output().count("worker") == 30,
                         "EMFILE")
        for _ in range(10):
            with fixture.connect(port, b"GET / HTTP/1.0\r\n\r\n") as client:
                client.settimeout(0.1)
                with contextlib.suppress(TimeoutError):
                    self.assertEqual(fixture.read_all(client), b"")

    def test_settings_at_another_time(self):
        """What could not be read for want of a descriptor is read later."""
        program = fixture.Program(
            [fixture.COMMAND, "run", "--how=supervise", sys.executable, "-c",
             """
import socket, sys
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.setblocking(False)
print("ready", flush=True)
for line in sys.stdin:
    try:
        listener.listen()
        listener.accept()
    except OSError as error:
        print(line.strip(), "errno", error.errno, flush=True)
"""], fixture.environment(), stdin=subprocess.PIPE)
        self.addCleanup(program.stop)
        program.wait_line("^ready$")
        supervisor = self.supervisor(program)
        used = max(int(fd) for fd in os.listdir(f"/proc/{supervisor}/fd"))
        soft, hard = resource.prlimit(supervisor, resource.RLIMIT_NOFILE)
        errors = []
        for limit in *range(3, used + 8), soft:
            resource.prlimit(supervisor, resource.RLIMIT_NOFILE, (limit, hard))
            program.send_line(f"limit {limit}")
            errors.append(int(program.wait_line(
                rf"^limit {limit} errno (\d+)$")[1]))
        self.assertEqual(set(errors), {errno.EMFILE, errno.EAGAIN})
        self.assertEqual(errors[-1], errno.EAGAIN)

    def limit_descriptors(self, program, limit):
        """What the supervisor may have; what it could before."""
        supervisor = self.supervisor(program)
        soft, hard = resource.prlimit(supervisor, resource.RLIMIT_NOFILE)
        resource.prlimit(supervisor, resource.RLIMIT_NOFILE, (limit, hard))
        return soft

    def test_waiting_at_another_time(self):
        """Who cannot be waited for is asked for again, or told."""
        program = fixture.Program(
            [fixture.COMMAND, "run", "--how=supervise", sys.executable, "-c",
             SERVER + """
import threading
def serve_one(listener):
    try:
        serve(listener, 1)
    except OSError as error:
        os.write(1, b"errno %d\\n" % error.errno)
    listener.close()
with listen():
    for line in sys.stdin:
        threading.Thread(target=serve_one, args=(listen(),)).start()
"""], fixture.environment(), stdin=subprocess.PIPE)
        self.addCleanup(program.stop)
        self.port(program)
        for more in range(6):
            start = len(program.lines)
            used = max(int(fd) for fd in os.listdir(
                f"/proc/{self.supervisor(program)}/fd"))
            soft = self.limit_descriptors(program, used + more)
            program.send_line("")
            port = int(program.wait_line(r"^port (\d+)$", start)[1])
            time.sleep(0.2)    # for it to be in accept
            self.limit_descriptors(program, soft)
            try:
                self.assert_served(port)
            except (ConnectionError, ValueError):
                program.wait_line(f"^errno {errno.EMFILE}$", start)

    def test_knock_at_another_time(self):
        """For want of a descriptor of ours nobody is given up."""
        program, port = self.run_server("""
import select
listener = listen()
listener.setblocking(False)
while True:
    select.select([listener], [], [])
    try:
        answer(listener.accept()[0])
    except BlockingIOError:
        pass
""", TRUSTED="127.0.0.1")
        self.assert_served(port)
        with fixture.connect(port, v1()[:10]) as late:
            self.assert_served(port)
            soft = self.limit_descriptors(program, 3)
            late.sendall(v1()[10:])
            time.sleep(6)    # so long others would be tried
            self.limit_descriptors(program, soft)
            self.assertEqual(self.answer(late)[:2], ("192.0.2.1", 1111))

    def test_blocking_meanwhile(self):
        """A listener's O_NONBLOCK may be another one at any moment."""
        program, port = self.run_server("""
other = listen()
if os.fork() == 0:
    serve(other)
fickle = listen()
if os.fork() == 0:
    while True:
        os.set_blocking(fickle.fileno(), True)
        os.set_blocking(fickle.fileno(), False)
fickle.setblocking(False)
while True:
    try:
        answer(fickle.accept()[0])
    except BlockingIOError:
        pass
""")
        fickle = int(program.wait_line(rf"^port (?!{port}$)(\d+)$")[1])
        for _ in range(1000):
            self.assert_served(fickle)
            self.assert_served(port)

    def test_inherited_descriptors(self):
        """What the command closes is open nowhere else."""
        out, into = os.pipe()
        self.addCleanup(os.close, out)
        with subprocess.Popen(
                [fixture.COMMAND, "run", "--how=supervise", sys.executable,
                 "-c", f"import os; os.close({into}); input()"],
                stdin=subprocess.PIPE, pass_fds=[into],
                env=fixture.environment()) as program:
            os.close(into)
            self.assertTrue(select.select([out], [], [], fixture.PATIENCE)[0])
            self.assertEqual(os.read(out, 1), b"")
            self.assertIsNone(program.poll())
            program.stdin.write(b"\n")

    def test_listener_closed(self):
        """Who closes a listener that a call waited for has its port back."""
        program, port = self.run_server("""
class Over(Exception):
    pass
def over(*_):
    raise Over
signal.signal(signal.SIGALRM, over)
for number in range(30):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", number and port))
    port = listener.getsockname()[1]
    listener.listen()
    listener.settimeout(None)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        listener.accept()
    except Over:
        pass
    listener.close()
print("port", port, flush=True)
""")
        self.assertEqual(program.wait(), 0)
        self.assertIsNone(fixture.listening(port))

    def test_listener_closed_by_another_thread(self):
        """Who waits stays waiting, or is told; the others are served."""
        program, port = self.run_server("""
import threading, time
def wait(listener, how):
    try:
        print(how, listener.accept(), flush=True)
    except OSError as error:
        os.write(1, b"%s errno %d\\n" % (how, error.errno))
def end(how, call):
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=wait, args=(listener, how), daemon=True).start()
    time.sleep(0.2)    # for it to be in accept
    call(listener)
    return listener.fileno()
end(b"shutdown", lambda listener: listener.shutdown(socket.SHUT_RDWR))
for _ in range(20):
    end(b"close", lambda listener: os.close(listener.detach()))
serve(listen())    # by the same number
""")
        program.wait_line(f"^shutdown errno {errno.EINVAL}$")
        for _ in range(10):
            self.assert_served(port)
        self.assertNotIn("close", program.output())

    def test_reuseport(self):
        """A late one is served by whoever the wake-up comes to."""
        program, port = self.run_server("""
first = listen(reuse_port=True)
for _ in range(4):
    if os.fork() == 0:
        own = socket.create_server(first.getsockname(), reuse_port=True)
        first.close()
        own.setblocking(False)
        import select
        print("ready", flush=True)
        while True:
            select.select([own], [], [])
            try:
                client, _ = own.accept()
            except BlockingIOError:
                continue
            answer(client)
first.close()
os.wait()
""")
        fixture.wait_for(lambda: program.output().count("ready") == 4,
                         "the workers")
        for number in range(1, 30):
            with fixture.connect(port, v1()[:10]) as late:
                self.ask(port)
                late.sendall(v1(source_port=number)[10:])
                answer = fixture.read_all(late)
                # a worker that never took EAGAIN was given a stand-in
                self.assertEqual(answer.split()[1], b"%d" % number)

    def test_bound_to_an_interface(self):
        """A late one, that no knock tells of, is served with the next one."""
        if os.geteuid() != 0:
            self.skipTest("only root makes a network namespace here")
        pair = namespaces.Pair(self)
        with pair.server:
            _, port = self.run_server("""
import select
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"server")
listener.bind(("", 0))
listener.listen()
listener.setblocking(False)
print("port", listener.getsockname()[1], flush=True)
while True:
    select.select([listener], [], [])
    try:
        while True:
            answer(listener.accept()[0])
    except BlockingIOError:
        pass
""", TRUSTED="10.77.0.2")
        with pair.client:
            header = v1(source_port=7)
            late = fixture.connect(port, header[:10], host="10.77.0.1")
            self.addCleanup(late.close)
            time.sleep(0.3)    # for it to be late, and then ready
            late.sendall(header[10:])
            time.sleep(0.3)
            with fixture.connect(port, v1(), host="10.77.0.1") as client:
                self.assertEqual(self.answer(client)[1], 1111)
            self.assertEqual(self.answer(late)[1], 7)

    def test_reuseport_of_a_narrower_address(self):
        """A late client of the one listener is not given to the other."""
        for blocks in False, True:
            _, port = self.run_server(f"""
import select
everywhere = socket.create_server(("", 0), reuse_port=True)
port = everywhere.getsockname()[1]
here = socket.create_server(("127.0.0.1", port), reuse_port=True)
print("port", port, flush=True)
for listener in everywhere, here:
    listener.setblocking({blocks})
while True:
    for listener in select.select([everywhere, here], [], [])[0]:
        try:
            client = listener.accept()[0]
            client.sendall(b"%s %d %d\\n" % (
                listener.getsockname()[0].encode(), client.getpeername()[1],
                os.getpid()))
            client.close()
        except OSError:
            pass
""", TRUSTED="127.0.0.0/8")
            for number in range(1, 10):
                for address, own in (("127.0.0.2", "0.0.0.0"),
                                     ("127.0.0.1", "127.0.0.1")):
                    header = v1(source_port=number)
                    with fixture.connect(port, header[:10],
                                         host=address) as late:
                        time.sleep(0.05)    # for it to be late
                        late.sendall(header[10:])
                        self.assertEqual(self.answer(late)[:2], (own, number))


if __name__ == "__main__":
    fixture.main()
