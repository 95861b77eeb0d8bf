# SPDX-License-Identifier: ISC
"""Measures the library beside the same servers without it.

`./dev bench` and `make bench BENCH=...` run it, with what it needs built.
"""
import argparse
import datetime
import os
import platform
import re
import shlex
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import parts  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(
        prog="bench", description="Writes benchmark.md and its plots.")
    parser.add_argument("--rounds", type=int, default=7,
                        help="rounds of each measurement (default 7)")
    parser.add_argument("--seconds", type=float, default=1.0,
                        help="seconds of load in a round (default 1)")
    parser.add_argument("--peer", metavar="FILE.so",
                        help="another preload library to measure beside")
    parser.add_argument("--peer-command", metavar="COMMAND",
                        help="a program to measure in front of a bare server, "
                        "beside the supervisor: it takes the header off on "
                        "port {port} and connects to {server}, as COMMAND "
                        "says them")
    parser.add_argument("--folder", default=".",
                        help="where benchmark.md goes (default .); of one "
                        "that is there, parts that are named are replaced")
    parser.add_argument("part", nargs="*",
                        help="one of: " + ", ".join(parts.PARTS)
                        + " (default: all)")
    options = parser.parse_args()
    for name in options.part:
        if name not in parts.PARTS:
            parser.error(f"no such part: {name!r}; there are "
                         + ", ".join(parts.PARTS))
    if options.peer and not os.path.isfile(options.peer):
        parser.error(f"--peer: there is no file {options.peer!r}")
    if options.peer:
        options.peer = os.path.abspath(options.peer)
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("--rounds and --seconds must be positive")
    return options


def versions():
    """The programs that are measured, and with which."""
    found = []
    for argv in (["nginx", "-v"], ["haproxy", "-v"], ["cc", "--version"],
                 ["go", "version"]):
        try:
            done = subprocess.run(
                argv, capture_output=True, text=True, check=True,
                env=os.environ | {"PATH": os.environ["PATH"] + ":/usr/sbin"})
        except FileNotFoundError:
            continue
        found.append((done.stdout + done.stderr).splitlines()[0].strip())
    return found


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = re.findall(r"^model name\s*: (.*)$", file.read(), re.M)
    return (f"{len(models)} x {models[0] if models else platform.machine()}, "
            f"Linux {platform.release()}, "
            f"{' '.join(platform.libc_ver())}")


def head():
    return ("# Benchmark\n\n"
            "Made by `./dev bench`, whose arguments, date and machine each "
            f"section names; {'; '.join(versions())}.\n\n"
            "Each figure is the median of the rounds, in which the variants "
            "take turns; ratios are medians of the ratios within a round. "
            "Load and server share the machine. Variants: bare, without a header; "
            "preloaded, under libproxyproto.so, with a version 2 header; hop, "
            "bare behind an HAProxy that takes the header off (accept-proxy); "
            "own, a server that takes it off itself (C in the fewest calls, "
            "Erlang by gen_tcp:recv, nginx by proxy_protocol, HAProxy by "
            "accept-proxy); peer, another library, or another program in "
            "front of a bare server.\n\n")


def section(name, options):
    """What a part found, with the command that repeats it."""
    command = "./dev bench" + "".join(
        f" --{option.replace('_', '-')} {shlex.quote(str(given))}"
        for option, default in (("rounds", 7), ("seconds", 1.0),
                                ("peer", None), ("peer_command", None))
        if (given := getattr(options, option)) != default) + " " + name
    title, _, text = parts.PARTS[name](options).partition("\n\n")
    return (f"{title}\n\nBy `{command}` on {datetime.date.today()}, on "
            f"{machine()}. {text}")


def merge(old, new):
    """A former report's sections, with the new ones in the place of theirs."""
    titled = {text.partition("\n")[0]: text.rstrip() + "\n"
              for text in re.split(r"^(?=## )", old, flags=re.M)[1:] + new}
    return head() + "\n".join(titled.values())


def main():
    options = arguments()
    os.makedirs(options.folder, exist_ok=True)
    path = os.path.join(options.folder, "benchmark.md")
    old = ""
    if options.part and os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            old = file.read()
    new = [section(name, options) for name in options.part or parts.PARTS]
    with open(path, "w", encoding="utf-8") as file:
        file.write(merge(old, new))
    print("".join(new))


if __name__ == "__main__":
    main()
