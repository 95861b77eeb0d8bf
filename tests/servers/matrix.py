# SPDX-License-Identifier: ISC
"""./dev servers: the tests of real programs, each in a throw-away Debian.

Arguments: the folder of the root; then --update, and tests by their names.
Every tests/servers/NAME.py is run that has a fixture.matrix.Row.
"""
import concurrent.futures
import difflib
import glob
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time

from fixture import matrix, root

HERE = os.path.dirname(os.path.abspath(__file__))
DOCUMENT = root.SOURCE + "/doc/compatibility.md"

# No test asserts on time; this only ends one that hangs.
PATIENCE = 400
TOGETHER = 2


def rows_of(path):
    """The rows of the table that a test fills in."""
    name = os.path.basename(path)[:-len(".py")]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [value for value in vars(module).values()
            if isinstance(value, type) and issubclass(value, matrix.Row)
            and value.program]


def tests():
    """{name: its rows}"""
    found = {}
    for path in sorted(glob.glob(HERE + "/*.py")):
        with open(path, encoding="utf-8") as file:
            if "fixture.main()" not in file.read():
                continue
        if rows := rows_of(path):
            found[os.path.basename(path)[:-len(".py")]] = rows
    with open(HERE + "/local.mk", encoding="utf-8") as file:
        distributed = file.read()
    for name in found:
        if f"\ttests/servers/{name}.py" not in distributed:
            sys.exit(f"{name}.py is not in EXTRA_DIST of local.mk")
    return found


def prepare(debian, chosen):
    """The packages of all the tests; they say in which layer."""
    layers = {}
    for rows in chosen.values():
        for row in rows:
            layers.setdefault(row.layer, set()).update(row.packages)
    debian.prepare(layers.pop(None, set()))
    for layer, packages in sorted(layers.items()):
        debian.prepare_layer(layer, packages)


def run(debian, name, rows):
    """Runs a test. (name, did it pass, how long it took)"""
    begin = time.monotonic()
    log = f"{debian.folder}/log/{name}.log"
    out = f"{debian.folder}/out/{name}"
    shutil.rmtree(out, ignore_errors=True)
    with open(log, "wb") as file:
        process = debian.popen(
            ["PP_NO_SKIP=1", "PP_SRCDIR=/src", "PP_ROWS=/out/rows.json",
             "PYTHONPATH=/src/tests", "PYTHONDONTWRITEBYTECODE=1", "python3",
             f"/src/tests/servers/{name}.py"],
            name, rows[0].layer, out, stdin=subprocess.DEVNULL, stdout=file,
            stderr=file)
        try:
            passed = process.wait(PATIENCE) == 0
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            file.write(b"\nFAIL: does not end; killed\n")
            passed = False
    passed = passed and os.path.exists(out + "/rows.json")
    seconds = time.monotonic() - begin
    print(f"{'PASS' if passed else 'FAIL'}: {name} ({seconds:.0f} s)",
          flush=True)
    return name, passed


def show(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        print(f"\n==== {path}\n{file.read()}", flush=True)


def table(debian, names):
    rows = []
    for name in names:
        with open(f"{debian.folder}/out/{name}/rows.json",
                  encoding="utf-8") as file:
            rows += json.load(file)
    return matrix.document(rows)


def check_document(made, update):
    """Does the committed table say of each program what was checked now?"""
    if update:
        shutil.copy(made, DOCUMENT)
        return True
    lasting = []
    for path in DOCUMENT, made:
        with open(path, encoding="utf-8") as file:
            lasting.append(matrix.lasting(file.read()).splitlines())
    differences = list(difflib.unified_diff(*lasting, DOCUMENT, made,
                                            lineterm="", n=0))
    if differences:
        print(f"FAIL: {DOCUMENT} is not what was seen; "
              "see ./dev servers --update")
    for line in differences:
        print(line)
    return not differences


def main(folder, *arguments):
    # this is process 1 of its namespace: all it started ends with it, at once
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        signal.signal(number, lambda caught, _: os._exit(128 + caught))
    update = "--update" in arguments
    known = tests()
    names = [name for name in arguments if name != "--update"]
    for name in names:
        if name not in known:
            sys.exit(f"no such test: {name}; there are: {' '.join(known)}")
    os.makedirs(folder + "/log", exist_ok=True)
    debian = root.Root(folder)
    # all of them: what was installed for some is no reason to begin anew
    prepare(debian, known)
    chosen = names or list(known)
    with concurrent.futures.ThreadPoolExecutor(TOGETHER) as pool:
        results = list(pool.map(lambda name: run(debian, name, known[name]),
                                chosen))
    failed = [name for name, passed in results if not passed]
    for name in failed:
        show(f"{folder}/log/{name}.log")
    if failed:
        sys.exit(f"FAIL: {' '.join(failed)}")
    made = folder + "/compatibility.md"
    with open(made, "w", encoding="utf-8") as file:
        file.write(table(debian, chosen))
    if names:
        print(f"PASS: {' '.join(names)}; what was seen is in {made}")
    elif not check_document(made, update):
        sys.exit(1)
    else:
        print(f"PASS: {len(chosen)} tests; what was seen is in {made}")


if __name__ == "__main__":
    main(*sys.argv[1:])
