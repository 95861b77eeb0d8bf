# SPDX-License-Identifier: ISC
"""Rounds that take turns, and what is made of their figures."""
import os
import statistics
import subprocess
import sys

from servers import BUILT


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
