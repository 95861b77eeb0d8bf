# SPDX-License-Identifier: ISC
"""Datagrams: bare, preloaded, and behind a hop that takes headers off."""
import os
import shutil
import socket
import statistics
import subprocess
import tempfile

import fixture
from fixture.haproxy import sbin_path
import report
from rounds import BUILT, Figures, ratios, take_turns

PROGRAM = os.path.join(BUILT, "udp")
SIZES = "64", "1200"
# what the load asks for, and a name server answers
QUESTION = (b"\0\7\1\0\0\1\0\0\0\0\0\0"
            b"\3www\7example\4test\0\0\1\0\1")
ZONE = """$TTL 60
@ SOA ns root 1 60 60 60 60
@ NS ns
ns A 192.0.2.1
www A 192.0.2.9
"""
NSD = """
server:
    ip-address: 127.0.0.1@{port}
    port: {port}
    username: ""
    zonesdir: "{folder}"
    zonelistfile: "{folder}/zone.list"
    xfrdfile: ""
    xfrdir: "{folder}"
    database: ""
    pidfile: ""
    server-count: 1
    rrl-ratelimit: 0
remote-control:
    control-enable: no
zone:
    name: example.test
    zonefile: example.test
"""


def children(pid):
    """A process and all below it."""
    pids = [pid]
    for one in pids:
        path = f"/proc/{one}/task/{one}/children"
        with open(path, encoding="ascii") as file:
            pids.extend(map(int, file.read().split()))
    return pids


def cpu_of(pids):
    """Microseconds that the processes have used, by the scheduler's count."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total / 1000


class Server:
    """A server, and what is before it."""

    payloads = SIZES

    def __init__(self, variant):
        self.header = "none" if variant == "bare" else "v2"
        self.processes = []
        self.folder = tempfile.TemporaryDirectory()
        self.library = (fixture.UDP_LIBRARY if variant == "preloaded"
                        else None)
        self.port = self.start()
        if variant == "hop":
            self.library = None
            self.port = self.wait_port(self.run(PROGRAM, "hop",
                                                str(self.port)))

    def start(self):
        """Starts it; returns its port."""
        raise NotImplementedError

    def run(self, *argv):
        argv = (shutil.which(argv[0], path=sbin_path()) or argv[0], *argv[1:])
        self.processes.append(subprocess.Popen(
            argv, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env=fixture.environment(self.library)))
        return self.processes[-1]

    @staticmethod
    def wait_port(process):
        return int(process.stdout.readline().split()[1])

    def load(self, payload, seconds):
        """(datagrams a second, CPU microseconds of one)."""
        pids = [pid for process in self.processes
                for pid in children(process.pid)]
        before = cpu_of(pids)
        done = subprocess.run(
            [PROGRAM, "load", str(self.port), self.header, payload,
             str(seconds)], check=True, stdout=subprocess.PIPE, text=True,
            timeout=seconds + 60)
        count, time = map(float, done.stdout.split())
        # on a busy machine there may have been no time for any
        count = max(count, 1)
        return count / time, (cpu_of(pids) - before) / count

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
            process.wait()
            process.stdout.close()
        self.folder.cleanup()


def echo(name, kind):
    class Echo(Server):
        def start(self):
            return self.wait_port(self.run(PROGRAM, "serve", kind))
    Echo.name = name
    return Echo


class NameServer(Server):
    payloads = ("dns",)

    def wait(self, port):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(("127.0.0.1", port))
            client.settimeout(0.05)

            def answers():
                try:
                    client.send(QUESTION)
                    return client.recv(999)[7] == 1
                except (ConnectionRefusedError, TimeoutError):
                    return False
            fixture.wait_for(answers, "the name server to answer")
        return port


class Nsd(NameServer):
    """It calls recvfrom as long as something comes, then sendto as often."""

    name = "NSD"

    def start(self):
        port = fixture.free_port()
        for name, text in (("example.test", ZONE), ("nsd.conf", NSD.format(
                port=port, folder=self.folder.name))):
            with open(os.path.join(self.folder.name, name), "w",
                      encoding="ascii") as file:
                file.write(text)
        self.run("nsd", "-d", "-c", self.folder.name + "/nsd.conf")
        return self.wait(port)


class Dnsmasq(NameServer):
    """It calls poll, recvmsg and sendmsg."""

    name = "dnsmasq"

    def start(self):
        port = fixture.free_port()
        self.run("dnsmasq", "--keep-in-foreground", f"--port={port}",
                 "--listen-address=127.0.0.1", "--bind-interfaces",
                 "--no-resolv", "--no-hosts", "--conf-file=/dev/null",
                 "--pid-file", "--user=",
                 "--host-record=www.example.test,192.0.2.9")
        return self.wait(port)


SERVERS = (echo("C: recvfrom, sendto", "one"),
           echo("C: recvmmsg, sendmmsg of 64", "many"), Nsd, Dnsmasq)


def exchange(kind, payload, options):
    """({variant: figures} of datagrams a second, the same of CPU)."""
    variants = "bare", "preloaded", "hop"
    costs = {name: Figures(name) for name in variants}

    def measure(name):
        # each time anew: where its memory is makes a server faster or slower
        with kind(name) as server:
            speed, cost = server.load(payload, options.seconds)
        costs[name].values.append(cost)
        return speed

    return take_turns(variants, options.rounds, measure,
                      f"udp {kind.name}, {payload}"), costs


def read_costs(options):
    """Of read(2), (bare, with the library, what that is more) in ns."""
    rows = []
    for what, name in ("tcp", "a TCP socket"), ("pipe", "a pipe"):
        figures = [tuple(map(float, subprocess.run(
            [PROGRAM, "read", what], check=True, stdout=subprocess.PIPE,
            text=True, env=fixture.environment(fixture.UDP_LIBRARY))
            .stdout.split())) for _ in range(options.rounds)]
        rows.append((name, *(f"{statistics.median(column):.1f}"
                             for column in zip(*figures))))
    return rows


def udp(options):
    rows = []
    for kind in SERVERS:
        for payload in kind.payloads:
            speeds, costs = exchange(kind, payload, options)
            by_speed, by_cost = ratios(speeds, "bare"), ratios(costs, "bare")
            to_hop, cost_to_hop = ratios(speeds, "hop"), ratios(costs, "hop")
            name = kind.name + ("" if payload == "dns"
                                else f", {payload} bytes")
            for variant, figures in speeds.items():
                rows.append((name if variant == "bare" else "", variant,
                             report.number(figures.median),
                             f"{by_speed[variant]:.2f}",
                             f"{to_hop[variant]:.2f}",
                             f"{costs[variant].median:.2f}",
                             f"{1 / by_cost[variant]:.2f}",
                             f"{1 / cost_to_hop[variant]:.2f}"))
    return ("## Datagrams\n\nA load of 8 clients, 16 datagrams of each under "
            "way, and a server that answers each: bare; preloaded, with a "
            "header before each datagram; and behind a hop in C that takes it "
            "off (its CPU counts). Datagrams a second, and microseconds of "
            "the server's CPU for one; both also as how many times bare's "
            "speed, and the hop's.\n\n"
            + report.table(("server", "variant", "a second", "/ bare",
                            "/ hop", "CPU us", "bare / it", "hop / it"), rows)
            + "What libproxyproto_udp.so costs programs without datagrams: "
            "nanoseconds of a read(2) of a byte, by the C library's function "
            "and by the one that the program calls, in turns within a "
            "process.\n\n"
            + report.table(("from", "bare", "with the library", "more"),
                           read_costs(options)))
