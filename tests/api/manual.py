# SPDX-License-Identifier: ISC
"""Section 3 of the manual: a page for each function, with a program that runs.

Each page shows a program and then what it prints.
"""
import glob
import os
import re
import subprocess
import tempfile
import textwrap
import unittest

import fixture
from fixture import linking

MAN = os.path.join(linking.SOURCE, "man")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def declarations():
    """{name: the whole declaration} of <proxyproto.h>."""
    text = re.sub(r"/\*.*?\*/", "",
                  read(os.path.join(linking.SOURCE, "src/api/proxyproto.h")),
                  flags=re.S)
    return {match[2]: plain(match[0]) for match in re.finditer(
        r"^([a-z][\w *]*?)\b(proxyproto_\w+)\(([^;{]*)\);", text, re.M)}


def plain(declaration):
    """Without what blanks and line ends do not change."""
    return re.sub(r" ?([(),;*]) ?", r"\1", " ".join(declaration.split()))


def page_of(name):
    """The text of a page; a page may say where it is."""
    text = read(f"{MAN}/{name}.3")
    while match := re.fullmatch(r"\.so man3/(\w+)\.3\n", text):
        name = match[1]
        text = read(f"{MAN}/{name}.3")
    return name, text


def synopsis(text):
    """{name: declaration} of a page."""
    found = {}
    for kind, name, arguments in re.findall(
            r"^\.Ft (.*)\n\.Fo (\w+)\n((?:\.Fa .*\n)*)\.Fc$", text, re.M):
        each = re.findall(r'^\.Fa "?(.*?)"?$', arguments, re.M)
        kind = kind.strip('"')
        found[name] = plain(f"{kind} {name}({', '.join(each)});")
    return found


def displays(page):
    """What the page shows under EXAMPLES, as it is shown."""
    text = subprocess.run(["mandoc", "-T", "ascii", "-O", "width=200",
                           f"{MAN}/{page}.3"], stdout=subprocess.PIPE,
                          text=True, check=True).stdout
    text = re.sub(".\b", "", text)
    examples = re.search(r"^EXAMPLES$(.*?)^\S", text, re.M | re.S)[1]
    shown, = re.findall(r"^ +(#include.*?)^ +It prints:$(.*)", examples,
                        re.M | re.S)
    return [textwrap.dedent(" " * 5 + part).strip() + "\n" for part in shown]


class Pages(unittest.TestCase):
    def test_each_function_has_one(self):
        self.assertGreater(len(declarations()), 10)
        for name, declaration in declarations().items():
            with self.subTest(name):
                _, text = page_of(name)
                self.assertIn(f".Nm {name}", text)
                self.assertEqual(synopsis(text)[name], declaration)

    def test_each_page_is_of_a_function(self):
        pages = {os.path.basename(path)[:-2]
                 for path in glob.glob(MAN + "/*.3")}
        self.assertEqual(pages, {"proxyproto", *declarations()})

    def test_the_first_page_names_all(self):
        text = read(MAN + "/proxyproto.3")
        for name in declarations():
            self.assertIn(f"Xr {name} 3", text)

    def test_constants(self):
        """Each that the header has is named, and no other."""
        header = read(os.path.join(linking.SOURCE, "src/api/proxyproto.h"))
        known = set(re.findall(r"\b(PROXYPROTO_\w+)\b(?! *\n#define)",
                               re.sub(r"/\*.*?\*/", "", header,
                                      flags=re.S))) - {"PROXYPROTO_H"}
        named = set()
        for path in glob.glob(MAN + "/*.3"):
            text = re.sub(r"^\.Dt.*", "", read(path), flags=re.M)
            named |= set(re.findall(r"\bPROXYPROTO_[A-Z0-9_]+\b", text))
        self.assertEqual(named, known)


class Examples(unittest.TestCase):
    def test_each_runs_and_prints_what_it_shows(self):
        fixture.need("cc", "mandoc")
        pages = {page_of(name)[0] for name in declarations()}
        with tempfile.TemporaryDirectory() as folder:
            for page in sorted(pages):
                with self.subTest(page):
                    program, output = displays(page)
                    source = f"{folder}/{page}.c"
                    with open(source, "w", encoding="ascii") as file:
                        file.write(program)
                    self.check(source, output, page)

    def check(self, source, output, page):
        """With the codec alone, too, where the page says that it will do."""
        packages = {"libproxyproto"}
        if "codec" in re.search(r"^\.Sh LIBRARY$(.*?)^\.Sh",
                                page_of(page)[1], re.M | re.S)[1]:
            packages.add("libproxyproto-codec")
        for package in packages:
            program = linking.build(source, source[:-2], package)
            done = subprocess.run([program], env=fixture.environment(),
                                  stdout=subprocess.PIPE, check=True)
            self.assertEqual(done.stdout.decode().replace("\r\n", "\n"),
                             output)


if __name__ == "__main__":
    fixture.main()
