# SPDX-License-Identifier: ISC
"""Datagrams: bare, preloaded, and behind a hop that takes headers off."""
import contextlib
import os
import statistics
import subprocess

import fixture
import report
from rounds import BUILT, Figures, ratios, take_turns

PROGRAM = os.path.join(BUILT, "udp")
SERVERS = {"one": "recvfrom, sendto", "many": "recvmmsg, sendmmsg of 64"}
SIZES = 64, 1200


def cpu_of(pids):
    """Microseconds that the processes have used, by the scheduler's count."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total / 1000


class Server:
    """A server, and what is before it."""

    def __init__(self, variant, kind):
        self.header = "none" if variant == "bare" else "v2"
        self.processes = []
        self.port = self.start("serve", kind, library=fixture.UDP_LIBRARY
                               if variant == "preloaded" else None)
        if variant == "hop":
            self.port = self.start("hop", str(self.port))

    def start(self, *words, library=None):
        process = subprocess.Popen([PROGRAM, *words], text=True,
                                   stdout=subprocess.PIPE,
                                   env=fixture.environment(library))
        self.processes.append(process)
        return int(process.stdout.readline().split()[1])

    def load(self, size, seconds):
        """(datagrams a second, CPU microseconds of one)."""
        pids = [process.pid for process in self.processes]
        before = cpu_of(pids)
        done = subprocess.run(
            [PROGRAM, "load", str(self.port), self.header, str(size),
             str(seconds)], check=True, stdout=subprocess.PIPE, text=True,
            timeout=seconds + 60)
        count, time = map(float, done.stdout.split())
        # on a busy machine there may have been no time for any
        count = max(count, 1)
        return count / time, (cpu_of(pids) - before) / count

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()
            process.stdout.close()


def exchange(kind, size, options):
    """({variant: figures} of datagrams a second, the same of CPU)."""
    variants = "bare", "preloaded", "hop"
    costs = {name: Figures(name) for name in variants}
    with contextlib.ExitStack() as stack:
        at = {name: stack.enter_context(Server(name, kind))
              for name in variants}

        def measure(name):
            speed, cost = at[name].load(size, options.seconds)
            costs[name].values.append(cost)
            return speed

        speeds = take_turns(variants, options.rounds, measure,
                            f"udp {kind}, {size} bytes")
    return speeds, costs


def read_costs(options):
    """Of read(2) on a TCP socket: {variant: figures} of nanoseconds."""
    libraries = {"bare": None, "preloaded": fixture.UDP_LIBRARY}
    return take_turns(
        list(libraries), 3 * options.rounds,
        lambda name: float(subprocess.run(
            [PROGRAM, "read"], env=fixture.environment(libraries[name]),
            check=True, stdout=subprocess.PIPE, text=True).stdout),
        "udp read")


def udp(options):
    rows = []
    for kind, name in SERVERS.items():
        for size in SIZES:
            speeds, costs = exchange(kind, size, options)
            by_speed, by_cost = ratios(speeds, "bare"), ratios(costs, "bare")
            for variant, figures in speeds.items():
                rows.append((f"{name}, {size} bytes" if variant == "bare"
                             else "", variant, report.number(figures.median),
                             f"{by_speed[variant]:.2f}",
                             f"{costs[variant].median:.2f}",
                             f"{1 / by_cost[variant]:.2f}"))
    reads = read_costs(options)
    more = statistics.median(
        after - before for before, after in zip(reads["bare"].values,
                                                reads["preloaded"].values))
    return ("## Datagrams\n\nA load of 8 clients, 16 datagrams of each under "
            "way, and a C server that answers each: bare; preloaded, with a "
            "header before each datagram; and behind a hop that takes it off "
            "(its CPU counts). Datagrams a second, and microseconds of the "
            "server's CPU for one; both also as how many times bare's "
            "speed.\n\n"
            + report.table(("server", "variant", "a second", "/ bare",
                            "CPU us", "bare / it"), rows)
            + "read(2) of a byte from a TCP socket: "
            f"{reads['bare'].median:.1f} ns bare, "
            f"{reads['preloaded'].median:.1f} ns with the library "
            f"({more:+.1f} ns, the median of the rounds' differences).\n\n")
