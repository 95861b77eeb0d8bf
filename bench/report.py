# SPDX-License-Identifier: ISC
"""The report: sections in Markdown, and plots by gnuplot."""
import os
import shutil
import statistics
import subprocess

from rounds import ratios


def table(head, rows):
    """A Markdown table; all but the first columns are figures."""
    widths = [max(len(str(row[i])) for row in [head, *rows])
              for i in range(len(head))]

    def line(row):
        return "| " + " | ".join(
            str(cell).ljust(width) if i == 0 else str(cell).rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths))) + " |"

    rule = "|" + "|".join("-" * (width + 2) if i == 0 else
                          "-" * (width + 1) + ":"
                          for i, width in enumerate(widths)) + "|"
    return "\n".join([line(head), rule, *map(line, rows)]) + "\n\n"


def number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def compared(tables):
    """A table of (what, {variant: figures}), with the ratios there are."""
    bases = [base for base in ("bare", "own", "hop", "peer")
             if any(base in figures for _, figures in tables)]
    rows = []
    for what, figures in tables:
        for name, one in figures.items():
            low, high = one.interval
            rows.append(
                (what if name == "bare" else "", name, number(one.median),
                 f"{number(low)} to {number(high)}",
                 *(f"{ratios(figures, base)[name]:.2f}"
                   if base in figures else "" for base in bases)))
    return table(("server", "variant", "median", "middle half",
                  *("/ " + base for base in bases)), rows)


def section(title, text, tables, options, plot):
    draw(plot, title, tables, options)
    return (f"## {title}\n\n{text}\n\n" + compared(tables)
            + f"![{title}](benchmark-{plot}.png)\n\n")


def costs(rows):
    lines = []
    for what, cpu, latency in rows:
        for name, (user, system) in cpu.items():
            times = [statistics.median(one[i] for one in latency[name])
                     for i in range(3)]
            lines.append((what if name == "bare" else "", name,
                          f"{user.median:.2f}", f"{system.median:.2f}",
                          *map(number, times)))
    return ("Seconds of the server's CPU for 10,000 connections (with what is "
            "in front of it or supervises it), and microseconds from connect "
            "to the end of the answer.\n\n"
            + table(("server", "variant", "user", "system", "median", "90 %",
                     "99 %"), lines))


def counted(columns):
    """A table of {what: {system call: number}}."""
    names = sorted(set().union(*columns.values()))
    return table(("call", *columns), [
        *((name, *(f"{one.get(name, 0):.2f}" for one in columns.values()))
          for name in names),
        ("together", *(f"{sum(one.values()):.2f}"
                       for one in columns.values()))])


def calls(columns):
    return ("## System calls\n\nOf the C server with epoll, a connection; by "
            "strace.\n\n" + counted(columns))


def memory(rows):
    return ("## Memory\n\nBytes of the server's anonymous memory that a "
            "connection takes while it is open.\n\n"
            + table(("open connections", "bare", "preloaded", "difference"),
                    [(f"{count:,}", f"{bare:.0f}", f"{under:.0f}",
                      f"{under - bare:.0f}") for count, bare, under in rows]))


def start(figures, ratio):
    return ("## Being loaded\n\nMicroseconds to start and end true.\n\n"
            + table(("preloaded", "median", "middle half", "/ empty"),
                    [(name, f"{one.median:.0f}",
                      "{:.0f} to {:.0f}".format(*one.interval),
                      f"{ratio[name]:.3f}") for name, one in figures.items()]))


def instructions(bare, counts):
    return ("## Instructions\n\nOf accept and getpeername together, in user "
            "space, a connection; by callgrind. They repeat exactly.\n\n"
            + table(("under the library", "instructions more"),
                    [(what, f"{count - bare:.0f}")
                     for what, count in counts]))


def stall(figures):
    rows = []
    first = None
    for count, rounds in figures.items():
        times = [statistics.median(one[1][i] for one in rounds)
                 for i in range(3)]
        first = first or times[0]
        rows.append((f"{count:,}", *map(number, times),
                     f"{times[0] / first:.2f}",
                     number(statistics.median(one[0] for one in rounds))))
    return ("## Under stall\n\nGood clients of the preloaded C server with "
            "epoll, beside clients that stopped within their headers. "
            "Microseconds from connect to the answer.\n\n"
            + table(("stalled", "median", "90 %", "99 %", "/ none",
                     "connections a second"), rows))


def supervised(goals, kinds, throughput, rates, calls_of):
    text = (
        "## Supervised\n\nServers that no preload reaches: bare; "
        "supervised, by proxyproto run --how=supervise, with a version 2 "
        "header; hop, bare behind an HAProxy that takes the header off "
        "(accept-proxy); peer, bare behind the program of --peer-command. "
        "First what is to be reached: ratios of how many connections there "
        "are a second, and of the time from connect to the end of the "
        "answer; the supervisor's memory for each of 10,000 connections that "
        "are open; a call of getpeername that a note answers; and the time "
        "of a connection to the static C server beside 10,000 clients that "
        "stopped within their headers.\n\n"
        + table(("figure", "goal", *kinds), goals)
        + "Messages a second of 64 bytes, on 50 connections:\n\n"
        + compared(throughput))
    for clients, tables, cost in rates:
        text += (f"Connections a second, {clients} at once:\n\n"
                 + compared(tables) + costs(cost))
    return (text + "System calls of the supervisor for a connection, one at a "
            "time; by strace.\n\n" + counted(calls_of))


PROXY = "## Behind a proxy that is trusted\n\n"


def proxy(rows, count):
    lines = []
    for what, at_once, figures in rows:
        for name, one in figures.items():
            columns = list(zip(*one.values))
            lines.append((what if name == "bare" and at_once == 1 else "",
                          f"{at_once:,}" if name == "bare" else "", name,
                          *(number(statistics.median(columns[i]))
                            for i in (0, 1)),
                          *(f"{of(columns[i]):,.0f}" for i in (4, 5, 6)
                            for of in (statistics.median, max))))
    return (f"{PROXY}{count:,} connections through an HAProxy, so many at "
            "once, to each C server: bare, and preloaded with "
            "LIBPROXYPROTO_TRUSTED alone, where the kernel does not hold a "
            "connection back until its header is there (and with "
            f"LIBPROXYPROTO_DEBUG, to count). Where {count:,} are open at "
            "once, none sends before all are connected: the server with epoll "
            "takes all that come, the others serve one at a time (select "
            "could not take more than about 1,000), the rest are in their "
            "listener's queue, and the slowest one is the last. "
            "Microseconds from connect to the answer: the median, and the "
            "slowest one of a round. Empty are connections that the server "
            "saw end without data, those that stand in for late ones among "
            "them. Waited: those whose header was not there when accept had "
            "waited for it as long as it does. Of slowest, empty and waited "
            "the median of the rounds, and the most. All were served.\n\n"
            + table(("server", "at once", "variant", "connections a second",
                     "median", "slowest", "most", "empty", "most", "waited",
                     "most"), lines))


PLOT = """
set terminal pngcairo size 900,420 font "sans,10"
set output "{output}"
set title "{title}: ratio to bare, median and middle half of the rounds"
set style data histogram
set style histogram errorbars gap 1 lw 1
set style fill solid 0.6 border -1
set boxwidth 0.9
set yrange [0:*]
set grid y
set key outside
set xtics rotate by -25
plot for [i=1:{count}] "{data}" using (column(3*i-1)):(column(3*i)):\\
    (column(3*i+1)):xtic(1) title word("{names}", i)
"""


def draw(name, title, tables, options):
    """Ratios to bare; nothing is drawn where gnuplot is not installed."""
    if not shutil.which("gnuplot"):
        return
    names = [one for one in ("preloaded", "peer", "own", "hop")
             if any(one in figures for _, figures in tables)]
    data = os.path.join(options.folder, f".{name}.data")
    with open(data, "w", encoding="utf-8") as file:
        for what, figures in tables:
            cells = []
            for one in names:
                if one not in figures:
                    cells += ["NaN"] * 3
                    continue
                each = sorted(value / base for value, base in zip(
                    figures[one].values, figures["bare"].values))
                quarter = len(each) // 4
                cells += [statistics.median(each), each[quarter],
                          each[-1 - quarter]]
            file.write(f'"{what}" ' + " ".join(map(str, cells)) + "\n")
    subprocess.run(
        ["gnuplot"], check=True, text=True, input=PLOT.format(
            output=os.path.join(options.folder, f"benchmark-{name}.png"),
            title=title, count=len(names), names=" ".join(names), data=data))
    os.unlink(data)
