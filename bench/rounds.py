# SPDX-License-Identifier: ISC
"""Rounds that take turns, and what is made of their figures."""
import collections
import contextlib
import os
import re
import statistics
import subprocess
import sys

from fixture.trace import Trace
from servers import BUILT

CONNECTIONS = 50


def run_load(server, load, connections, size, seconds, stalled=0, count=0):
    """(exchanges a second, [median, p90, p99, max] in us, exchanges).

    With a count so many, however long they take.
    """
    done = subprocess.run(
        [os.path.join(BUILT, "load"), str(server.port), load,
         str(connections), str(size), str(seconds), server.header,
         str(stalled), str(count)],
        check=True, stdout=subprocess.PIPE, text=True, timeout=seconds + 120)
    words = list(map(float, done.stdout.split()))
    return words[0] / words[1], words[2:], words[0]


def cpu_of(pids):
    """(user, system) seconds that the processes have used."""
    tick = os.sysconf("SC_CLK_TCK")
    user = system = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            words = file.read().rpartition(")")[2].split()
        user += int(words[11])
        system += int(words[12])
    return user / tick, system / tick


def count_calls(server, pid):
    """{system call: number a connection} of one of the server's processes."""
    with Trace(pid, "-c") as trace:
        count = run_load(server, server.load, 1, 64, 1)[2]
    rows = [line.split() for line in trace.lines]
    return {row[-1]: int(row[3]) / count for row in rows
            if len(row) in (5, 6) and row[3].isdigit()
            and row[-1] != "total"}


@contextlib.contextmanager
def hold(server, count):
    """So many established connections, as long as the with block lasts."""
    with subprocess.Popen(
            [os.path.join(BUILT, "load"), str(server.port), "hold",
             str(count), "64", "0", server.header],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:
        if load.stdout.readline() != "held\n":
            raise RuntimeError(f"{count} connections could not be held")
        yield


def memory_of(pids):
    """Bytes of anonymous memory that the processes have."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            total += int(re.search(r"^Anonymous: +(\d+)", file.read(),
                                   re.M)[1])
    return total * 1024


class Figures:
    """The figures of one subject, one a round."""

    def __init__(self, name):
        self.name = name
        self.values = []

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def interval(self):
        """The middle half of the rounds."""
        ordered = sorted(self.values)
        quarter = len(ordered) // 4
        return ordered[quarter], ordered[-1 - quarter]


def take_turns(subjects, rounds, measure, what):
    """{name: Figures}: measure(name) of every subject, round after round."""
    figures = {name: Figures(name) for name in subjects}
    for number in range(rounds):
        # who is first changes: the machine may be busier at some time
        for name in subjects[number % len(subjects):] + \
                subjects[:number % len(subjects)]:
            figures[name].values.append(measure(name))
        print(f"{what}: round {number + 1} of {rounds}", file=sys.stderr)
    return figures


def ratios(figures, to):
    """{name: median of the rounds' ratios to the subject named to}.

    Of one round each: what the machine was busy with then counts for both.
    """
    base = figures[to].values
    return {name: statistics.median(
        value / other for value, other in zip(one.values, base))
        for name, one in figures.items()}


def variants(kind, options):
    return [name for name in kind.variants
            if name != "peer" or getattr(options, kind.peers)]


@contextlib.contextmanager
def started(kind, options, only=None):
    """{variant: server}, all of them at once; one is at work at a time."""
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(
            kind(name, getattr(options, kind.peers)))
               for name in only or variants(kind, options)}


def speeds(kind, load, size, options, what, only=None):
    """(what, figures): exchanges a second of each variant."""
    with started(kind, options, only) as at:
        return what, take_turns(
            list(at), options.rounds,
            lambda name: run_load(at[name], load, CONNECTIONS, size,
                                  options.seconds)[0], what)


def rates(kind, options, connections=CONNECTIONS):
    """
    Of each variant with so many clients at once: connections a second; [user,
    system] seconds of CPU for 10,000 of them; the times of each round.
    """
    cpu = collections.defaultdict(lambda: [Figures("user"),
                                           Figures("system")])
    latency = collections.defaultdict(list)
    with started(kind, options) as at:
        def measure(name):
            server = at[name]
            before = cpu_of(server.pids)
            per_second, times, count = run_load(
                server, kind.load, connections, 64, options.seconds)
            for figures, then, now in zip(cpu[name], before,
                                          cpu_of(server.pids)):
                figures.values.append((now - then) / count * 10000)
            latency[name].append(times)
            return per_second
        figures = take_turns(list(at), options.rounds, measure,
                             f"{kind.name}, {connections} at once")
    return figures, cpu, latency
