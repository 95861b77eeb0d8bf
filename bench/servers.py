# SPDX-License-Identifier: ISC
"""The servers that are measured, in each of their variants:

  bare       as it is; its clients send no header
  preloaded  under libproxyproto.so
  supervised under proxyproto run --how=supervise
  peer       under another preload library, --peer; where no preload reaches
             it, bare behind another program, --peer-command
  hop        bare, behind an HAProxy that takes the header off
  own        told to take the header off itself
"""
import os
import shlex
import shutil
import subprocess
import tempfile

import fixture
from fixture import nginx
from fixture.haproxy import Front, HAProxy as Proxy, sbin_path

HERE = os.path.dirname(os.path.abspath(__file__))
BUILT = os.path.join(os.environ.get("PP_BUILDDIR", "."), "bench")

HAPROXY = """
global
    maxconn 4000
defaults
    mode tcp
    timeout connect 60s
    timeout client 60s
    timeout server 60s
listen hop
    bind 127.0.0.1:{port} accept-proxy backlog 4096
    server server 127.0.0.1:{server}
"""

HAPROXY_HTTP = """
global
    maxconn 4000
defaults
    mode http
    timeout client 60s
frontend server
    bind 127.0.0.1:{port} backlog 4096 {own}
    http-request return status 200 content-type text/plain string "hello"
"""


class Server:
    """One server in one variant, as long as the with block lasts."""

    variants = ("bare", "preloaded", "peer", "own", "hop")
    peers = "peer"      # the option that names the peer
    load = "connect"

    def __init__(self, variant, peer=None):
        self.variant = variant
        self.folder = tempfile.TemporaryDirectory()
        self.programs = []
        library = {"preloaded": fixture.SERVER_LIBRARY,
                   self.peers: peer}.get(variant)
        self.env = fixture.environment(library)
        try:
            self.port = self.begin(peer)
        except BaseException:
            self.__exit__()
            raise

    def begin(self, peer):
        """Starts it and what is in front of it; returns the port."""
        port = self.start()
        if self.variant == "hop":
            return self.hop(port)
        if self.variant == "peer" and self.peers == "peer_command":
            return self.front(peer, port)
        return port

    def start(self):
        """Starts it; returns its port."""
        raise NotImplementedError

    def file(self, name, text):
        path = os.path.join(self.folder.name, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return path

    def run(self, name, *arguments):
        path = shutil.which(name, path=sbin_path())
        if not path:
            raise FileNotFoundError(f"{name} is not installed")
        before = ([fixture.COMMAND, "run", "--how=supervise", "--"]
                  if self.variant == "supervised" else [])
        self.programs.append(fixture.Program([*before, path, *arguments],
                                             self.env))
        return self.programs[-1]

    def wait(self, port):
        def answers():
            try:
                fixture.connect(port, fixture.v2() if self.header != "none"
                                else b"").close()
                return True
            except ConnectionRefusedError:
                return False
        fixture.wait_for(answers, "the server to listen")

    def hop(self, server):
        port = fixture.free_port()
        self.run("haproxy", "-db", "-q", "-f", self.file(
            "hop.cfg", HAPROXY.format(port=port, server=server)))
        self.wait(port)
        return port

    @property
    def header(self):
        return "none" if self.variant == "bare" else "v2"

    @property
    def pids(self):
        """Its processes and theirs."""
        pids = [one.process.pid for one in self.programs]
        for pid in pids:
            path = f"/proc/{pid}/task/{pid}/children"
            with open(path, encoding="ascii") as file:
                pids.extend(map(int, file.read().split()))
        return pids

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in self.programs:
            one.stop()
        self.folder.cleanup()


class Echo(Server):
    mode, workers = None, 1
    program = "echo"

    def start(self):
        one = self.run(os.path.join(BUILT, self.program), self.mode,
                       str(self.workers),
                       *(["own"] if self.variant == "own" else []))
        return int(one.wait_line(r"^port (\d+)")[1])


def echo(name, mode, workers=1):
    """An echo server in C, with so many threads or processes."""
    return type(name, (Echo,), {"name": name, "mode": mode,
                                "workers": workers})


Epoll = echo("C, epoll", "epoll")
Poll = echo("C, poll", "poll")
Select = echo("C, select", "select")
Blocking = echo("C, blocking", "blocking")
Threads = echo("C, 4 threads", "threads", 4)


def behind_proxy(kind, at_once):
    """
    One of those for C, behind an HAProxy that is trusted and tells the client
    (preloaded), or does not (bare).
    """
    class Behind(kind):
        header = "none"

        def run(self, *argv):
            self.told = os.path.join(self.folder.name, "told")
            # a reader of a pipe would take the processor from the server
            return super().run("sh", "-c", 'exec "$@" 2>"$0"', self.told,
                               *argv)

        def start(self):
            self.env |= {"LIBPROXYPROTO_TRUSTED": "127.0.0.1",
                         "LIBPROXYPROTO_DEBUG": "1"}
            front = Front("127.0.0.1", "send-proxy-v2"
                          if self.variant == "preloaded" else "",
                          ("127.0.0.1", super().start()))
            # each has two descriptors a connection
            for _ in range(1 + at_once // 5000):
                self.programs.append(Proxy(front))
            return front.port

        def end(self):
            """
            Ends the server. Connections that it saw end without data, and
            those that were in the waiting room.
            """
            self.programs[0].process.terminate()
            empty = self.programs[0].wait_line(r"^empty (\d+)")[1]
            with open(self.told, encoding="ascii") as file:
                return int(empty), sum(": waits: " in line for line in file)
    return Behind


class Supervised:
    """Mixed into a server that is measured as one that no preload reaches."""

    variants = ("bare", "supervised", "hop", "peer")
    peers = "peer_command"

    def front(self, command, server):
        """Starts the peer's command in front of the server; its port."""
        port = fixture.free_port()
        self.run(*shlex.split(command.format(port=port, server=server)))
        self.wait(port)
        return port

    @property
    def supervisor(self):
        """The processes of proxyproto(1)."""
        return [pid for pid in self.pids
                if os.path.samefile(f"/proc/{pid}/exe", fixture.COMMAND)]


class Patient:
    """Mixed into one where who stalls does so as long as it is measured."""

    def start(self):
        self.env |= {"LIBPROXYPROTO_TIMEOUT": "600"}
        return super().start()


class Static(Supervised, Echo):
    name = "static C, epoll"
    mode = "epoll"
    program = "echo_static"


class Go(Supervised, Server):
    """bench/serve.go, which is compiled where it has changed."""

    name = "Go, echo"
    mode = "echo"

    @staticmethod
    def compile():
        built = os.path.join(BUILT, "serve")
        source = os.path.join(HERE, "serve.go")
        if (not os.path.exists(built)
                or os.path.getmtime(built) < os.path.getmtime(source)):
            subprocess.run(
                ["go", "build", "-o", built, source], check=True,
                env=os.environ | {"GO111MODULE": "off", "GOFLAGS": "",
                                  "GOCACHE": os.path.abspath(built + "-go")})
        return os.path.abspath(built)

    def start(self):
        one = self.run(self.compile(), self.mode)
        return int(one.wait_line(r"^port (\d+)")[1])


class GoHTTP(Go):
    name = "Go, net/http"
    mode = load = "http"


class Erlang(Server):
    name = "Erlang"

    def start(self):
        port = fixture.free_port()
        self.env |= {"HOME": self.folder.name}
        self.run("escript", os.path.join(HERE, "echo.escript"),
                 str(port), *(["own"] if self.variant == "own" else [])
                 ).wait_line("^listening$")
        return port


class Nginx(Server):
    name = "nginx"
    load = "http"

    def start(self):
        port = fixture.free_port()
        own = "proxy_protocol" if self.variant == "own" else ""
        config = self.file("nginx.conf", nginx.configuration(f"""
        listen 127.0.0.1:{port} {own} backlog=4096;
        location / {{ return 200 "hello"; }}
""", workers=1, connections=16384, errors="error"))
        self.run("nginx", "-p", self.folder.name, "-c", config, "-e",
                 self.folder.name + "/error")
        self.wait(port)
        return port


class HAProxy(Server):
    name = "HAProxy"
    variants = ("bare", "preloaded", "peer", "own")
    load = "http"

    def start(self):
        port = fixture.free_port()
        self.run("haproxy", "-db", "-q", "-f", self.file(
            "server.cfg", HAPROXY_HTTP.format(
                port=port,
                own="accept-proxy" if self.variant == "own" else "")))
        self.wait(port)
        return port
