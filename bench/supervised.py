# SPDX-License-Identifier: ISC
"""Servers that no preload reaches: bare, supervised, and behind a hop."""
import os
import statistics
import subprocess

import fixture
import report
import servers
from rounds import (BUILT, CONNECTIONS, Figures, count_calls, hold, memory_of,
                    rates, ratios, run_load, speeds, take_turns)

KINDS = servers.Static, servers.Go, servers.GoHTTP
HELD = STALLED = 10000


class Patient(servers.Patient, servers.Static):
    pass


def latencies(times, place):
    """{variant: figures} of one of the times of an exchange."""
    found = {name: Figures(name) for name in times}
    for name, figures in found.items():
        figures.values = [one[place] for one in times[name]]
    return found


def held():
    """Bytes of the supervisor's memory for each established connection."""
    with servers.Static("supervised") as server:
        run_load(server, "connect", CONNECTIONS, 64, 0.1)
        pids = server.supervisor
        before = memory_of(pids)
        with hold(server, HELD):
            return (memory_of(pids) - before) / HELD


def calls():
    """{server: {system call: number}} of the supervisor, a connection."""
    found = {}
    for kind in KINDS:
        with kind("supervised") as server:
            found[kind.name] = count_calls(server, server.supervisor[-1])
    return found


def ask(variant):
    """Microseconds of a call of getpeername that a note answers."""
    supervised = variant == "supervised"
    done = subprocess.run(
        [*([fixture.COMMAND, "run", "--how=supervise", "--"]
           if supervised else []), os.path.join(BUILT, "once"), "1",
         "v2", "2000" if supervised else "200000"],
        env=fixture.environment(), check=True, stdout=subprocess.PIPE,
        text=True)
    return float(done.stdout) / 1000


def stall(options):
    """Two of {clients that stalled: figures}: a connection's median, 99 %."""
    median, p99 = Figures("median"), Figures("99 %")

    def measure(count):
        with Patient("supervised") as server:
            times = run_load(server, "connect", CONNECTIONS, 64,
                             options.seconds, count)[1]
        return times[0], times[2]
    both = take_turns([0, STALLED], options.rounds, measure, "stalled")
    found = []
    for place in range(2):
        found.append({count: Figures(count) for count in both})
        for count, figures in found[-1].items():
            figures.values = [one[place] for one in both[count].values]
    return found


def to(tables, base):
    """The supervised one's ratios."""
    return [f"{ratios(figures, base)['supervised']:.2f}"
            for _, figures in tables]


def supervised(options):
    throughput = [speeds(kind, "stream", 64, options, kind.name)
                  for kind in KINDS[:2]]
    rate, costs, p99 = ({CONNECTIONS: [], 1: []} for _ in range(3))
    for kind in KINDS:
        for clients in rate:
            figures, cpu, times = rates(kind, options, clients)
            rate[clients].append((kind.name, figures))
            costs[clients].append((kind.name, cpu, times))
            p99[clients].append((kind.name, latencies(times, 2)))
    asked = take_turns(["bare", "supervised"], options.rounds, ask,
                       "getpeername")
    at_once = rate[CONNECTIONS]
    goals = [
        ("throughput / bare", "about 1", *to(throughput, "bare"), ""),
        ("connections a second / bare", "from 0.75", *to(at_once, "bare")),
        ("connections a second / hop", "from 1.2", *to(at_once, "hop")),
        ("99 % of 50 at once / bare", "to 1.5", *to(p99[CONNECTIONS], "bare")),
        ("99 % of 1 at once / bare", "to 1.5", *to(p99[1], "bare")),
        ("bytes of an established connection", "0", f"{held():.0f}", "", ""),
        ("getpeername, us", "to 15", f"{asked['supervised'].median:.1f}", "",
         ""),
        *((f"{name}, {STALLED:,} stalled / none", "to 2",
           f"{ratios(one, 0)[STALLED]:.2f}", "", "")
          for name, one in zip(("median", "99 %"), stall(options))),
    ]
    return report.supervised(
        goals, [kind.name for kind in KINDS], throughput,
        [(clients, rate[clients], costs[clients]) for clients in rate],
        calls())
