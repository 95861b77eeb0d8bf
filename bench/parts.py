# SPDX-License-Identifier: ISC
"""What is measured: each part returns the text of its section of the report."""
import contextlib
import os
import resource
import shutil
import subprocess
import tempfile
import unittest

import fixture
from fixture import callgrind
from fixture.namespaces import Namespace
import report
import servers
import supervised
import udp
from rounds import (BUILT, CONNECTIONS, Figures, count_calls, hold, memory_of,
                    rates, ratios, run_load, speeds, take_turns)


def throughput(options):
    return report.section(
        "Throughput",
        f"{CONNECTIONS} connections send a message and wait for its echo, "
        "again and again. Messages a second.",
        [speeds(kind, "stream", size, options, f"{kind.name}, {size} bytes")
         for kind in (servers.Epoll, servers.Erlang) for size in (64, 65536)],
        options, "throughput")


def rate(options):
    """Connections a second, and what one of them costs the server."""
    tables, costs = [], []
    for kind in (servers.Epoll, servers.Blocking, servers.Threads,
                 servers.Erlang, servers.Nginx, servers.HAProxy):
        figures, cpu, latency = rates(kind, options)
        tables.append((kind.name, figures))
        costs.append((kind.name, cpu, latency))
    return report.section(
        "Connection rate",
        f"{CONNECTIONS} clients connect, send the header and 64 bytes (an "
        "HTTP request to nginx and HAProxy), read the answer and close, again "
        "and again. Connections a second.",
        tables, options, "rate") + report.costs(costs)


def calls(options):
    counted = {}
    for variant in "bare", "preloaded":
        with servers.Epoll(variant, options.peer) as server:
            counted[variant] = count_calls(server,
                                           server.programs[0].process.pid)
    return report.calls(counted)


def held(variant, count, options):
    """Bytes of anonymous memory that a connection takes of a server."""
    with servers.Epoll(variant, options.peer) as server:
        pids = [server.programs[0].process.pid]
        run_load(server, "connect", 1, 64, 0.1)
        before = memory_of(pids)
        with hold(server, count):
            return (memory_of(pids) - before) / count


def raise_limit(count):
    """So many descriptors, where this user may; how many there can be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, max(hard, count)))
    except (PermissionError, ValueError):
        pass
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def memory(options):
    limit = raise_limit(100100)
    # what this process may not open cannot be measured
    return report.memory([
        (count, *(held(variant, count, options)
                  for variant in ("bare", "preloaded")))
        for count in sorted({10000, min(100000, limit - 100)})])


def empty_library(folder):
    source = os.path.join(folder, "empty.c")
    library = os.path.join(folder, "empty.so")
    with open(source, "w", encoding="ascii") as file:
        file.write("int empty;\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source],
                   check=True)
    return library


def start(options):
    with tempfile.TemporaryDirectory() as folder:
        # beside each other: each folder and link of a path takes its time
        names = {"none": "-", "an empty library": empty_library(folder),
                 "libproxyproto.so": shutil.copy(fixture.SERVER_LIBRARY,
                                                 folder)}
        if options.peer:
            names["the peer"] = options.peer
        done = subprocess.run(
            [os.path.join(BUILT, "start"), str(options.rounds * 300),
             *names.values()], check=True, capture_output=True, text=True)
    figures = {name: Figures(name) for name in names}
    for line in done.stdout.splitlines():
        for one, value in zip(figures.values(), line.split()):
            one.values.append(float(value))
    return report.start(figures, ratios(figures, "an empty library"))


def instructions(_):
    return report.instructions(
        callgrind.a_connection("none", None),
        [("version 2 header", callgrind.a_connection("v2")),
         ("no header", callgrind.a_connection("none")),
         ("not trusted", callgrind.a_connection("none",
                                                TRUSTED="192.0.2.1"))])


class Patient(servers.Patient, servers.Epoll):
    pass


def stall(options):
    """Good clients beside stalled ones."""
    counts = (0, 100, 1000, 10000)
    figures = {count: [] for count in counts}
    for _ in range(options.rounds):
        for count in counts:
            with Patient("preloaded") as server:
                figures[count].append(run_load(
                    server, "connect", CONNECTIONS, 64, options.seconds,
                    count))
    return report.stall(figures)


@contextlib.contextmanager
def large_queues():
    """
    A network where 10,000 connections fit into the queue of a listener. In the
    usual 4,096 they do not: the kernel then drops SYNs, which come again after
    seconds, and last ACKs, whose connections it resets when it has forgotten
    them or finds their SYN cookie used (HAProxy logs SD): bare as well.
    """
    with contextlib.ExitStack() as stack:
        network = Namespace(stack.callback)
        network.ip("link", "set", "lo", "up")
        stack.enter_context(network)
        for name in "core/somaxconn", "ipv4/tcp_max_syn_backlog":
            with open("/proc/sys/net/" + name, "w", encoding="ascii") as file:
                file.write("16384")
        yield


def behind_proxy(kind, at_once, count, options):
    """What report.proxy says of so many at once: {variant: Figures}."""
    subject = servers.behind_proxy(kind, at_once)
    load = "together" if at_once == count else "connect"

    def measure(variant):
        with subject(variant) as server:
            per_second, times, _ = run_load(server, load, at_once, 64, 0,
                                            count=count)
            return per_second, *times, *server.end()
    return take_turns(["bare", "preloaded"], options.rounds, measure,
                      f"{kind.name}, {at_once} at once behind HAProxy")


def proxy(options):
    """Behind HAProxy, which the kernel does not wait for: TRUSTED alone."""
    count = min(10000, raise_limit(10100) - 100)
    try:
        with large_queues():
            return report.proxy(
                [(kind.name, at_once,
                  behind_proxy(kind, at_once, count, options))
                 for kind in (servers.Epoll, servers.Poll, servers.Select,
                              servers.Blocking)
                 for at_once in (1, 100, count)], count)
    except unittest.SkipTest as error:
        return f"{report.PROXY}Not measured: {error}\n\n"


def scaling(options):
    return report.section(
        "Scaling",
        "Connections a second of so many threads or processes that block in "
        "accept on one listener.",
        [speeds(servers.echo(what, mode, count), "connect", 64, options, what,
                ("bare", "preloaded"))
         for mode in ("threads", "processes") for count in (1, 2, 3, 4)
         for what in (f"{count} {mode}",)], options, "scaling")


PARTS = {"throughput": throughput, "rate": rate, "calls": calls,
         "memory": memory, "start": start, "instructions": instructions,
         "stall": stall, "proxy": proxy, "scaling": scaling, "udp": udp.udp,
         "supervised": supervised.supervised}
