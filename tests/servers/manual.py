# SPDX-License-Identifier: ISC
"""The manual pages have no fault, and name what the tables of settings have.

That their examples work is shown by readme.py.
"""
import os
import re
import subprocess
import unittest

import fixture
from fixture import manual, recipes

SOURCE = os.environ["PP_SRCDIR"]
PAGES = {"server": "libproxyproto.7", "client": "libproxyproto_connect.7"}
FILE_PAGE = "libproxyproto.conf.5"
ALL_PAGES = (*PAGES.values(), FILE_PAGE, "libproxyproto_udp.7", "proxyproto.1")

TABLES = {"server": "src/settings/settings.c",
          "client": "src/settings/client.c"}

# Defaults that the source has a name for.
WORDS = {"PP_BYTES_NONE": "none", "ACTUAL": "actual",
         "PP_NETWORKS_EVERYONE": "everyone", "PP_PORTS_ALL": "all",
         "PP_ENDPOINTS_ALL": "all"}

# Depends on what is installed, and on whether that has an index; and what the
# pages of a BSD's own programs leave to it, as the name of the system.
UNRELATED = re.compile("referenced manual not found|outdated mandoc.db|"
                       "operating system explicitly specified")


def read(path):
    """A file of the source, or one by its absolute path."""
    with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
        return file.read()


def linted():
    """Every page that does not only say where another one is."""
    return sorted({page for name in os.listdir(SOURCE + "/man")
                   if (page := manual.page_of(name))[-2:] in (".1", ".3", ".5", ".7")
                   and not read("man/" + name).startswith(".so ")})


def table(side):
    """{name: default} of one library, from the source."""
    text = re.search(rf"pp_{side}_settings\[\] = {{(.*?)^}};",
                     read(TABLES[side]), re.M | re.S).group(1)
    words = WORDS | {
        "PP_SETTINGS_FILE": manual.settings_file(fixture.SERVER_LIBRARY)}
    text = re.sub("|".join(words), lambda word: f'"{words[word.group()]}"',
                  text)
    return {"LIBPROXYPROTO_" + name: default for name, default
            in re.findall(r'{ "(\w+)", "([^"]*)"', text)}


def stated(text):
    """{name: default} as a document states it."""
    return dict(re.findall(
        r"^ *(LIBPROXYPROTO_\w+)(?:=\w+)? \(default (.*)\)$", text, re.M))


def run(*command):
    """What a program that must not fail has to say on stderr."""
    result = subprocess.run(command, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, check=False,
                            env=os.environ | {"LC_ALL": "C.UTF-8",
                                              "MANWIDTH": "80"})
    return result.stdout, result.stderr


def rendered(page):
    fixture.need("mandoc")
    text, _ = run("mandoc", "-T", "ascii", "-O", "width=200",
                  manual.path(page))
    return re.sub(".\b", "", text)


class Lint(unittest.TestCase):
    def check(self, *command):
        fixture.need(command[0])
        for page in linted():
            with self.subTest(page):
                output, errors = run(*command, manual.path(page))
                self.assertEqual([line for line in errors.splitlines()
                                  if not self.is_long_path(line)], [])
                self.assertIn(page.rpartition(".")[0],
                              re.sub(".\b", "", output))

    @staticmethod
    def is_long_path(line):
        """Is it about a settings file that is longer than a line?"""
        path = manual.settings_file(fixture.SERVER_LIBRARY)
        return line.endswith("can't break line") and len(path) > 40

    def test_man(self):
        self.check("man", "--warnings", "-E", "UTF-8", "-l")

    def test_groff(self):
        self.check("groff", "-mandoc", "-ww", "-T", "ascii", "-P", "-c")

    def test_mandoc(self):
        fixture.need("mandoc")
        for page in linted():
            with self.subTest(page):
                output, errors = run("mandoc", "-T", "lint",
                                     manual.path(page))
                self.assertEqual(
                    [line for line in (output + errors).splitlines()
                     if not UNRELATED.search(line)], [])


class Rendered(unittest.TestCase):
    """What both programs make of the macros is what was meant."""

    def check(self, check_text, *command):
        fixture.need(command[0])
        for page in linted():
            with self.subTest(page):
                text, _ = run(*command, manual.path(page))
                check_text(re.sub(".\b", "", text))

    def both(self, check_text):
        self.check(check_text, "mandoc", "-T", "ascii")
        self.check(check_text, "groff", "-mandoc", "-T", "ascii", "-P", "-c")

    def test_no_word_of_a_sentence_is_a_macro(self):
        """As In, which makes what follows the name of a header."""
        self.both(lambda text: self.assertEqual(
            re.findall(r"<\w+>", text), []))

    def test_whose_page_it_is(self):
        """Not that of the system, which .Os alone would name."""
        self.both(lambda text: self.assertRegex(
            text.rstrip().rpartition("\n")[2],
            r"^libproxyproto +\w+ \d+, \d+ +"
            r"(libproxyproto|[\w.]+\(\d\))$"))


class Recipes(unittest.TestCase):
    def test_each_is_followed_by_a_server(self):
        """By the name of its title: see fixture.recipes."""
        tests = "".join(read(path) for path in (
            "tests/fixture/recipes.py",
            *(f"tests/servers/{name}"
              for name in sorted(os.listdir(SOURCE + "/tests/servers"))
              if name.endswith(".py"))))
        followed = re.findall(r'^ *(?:recipe|MACHINE) = "(.*)"', tests, re.M)
        self.assertEqual(sorted(followed), sorted(recipes.examples()))


class Settings(unittest.TestCase):
    def test_tables_are_found(self):
        for side in PAGES:
            self.assertIn("LIBPROXYPROTO_VERSION", table(side))

    def test_manual_pages_have_each_default(self):
        for side, page in PAGES.items():
            with self.subTest(page):
                self.assertEqual(stated(rendered(page)), table(side))

    def test_manual_page_of_the_file_has_each_default(self):
        expected = table("server")
        for name in ("CONFIG", "INETD", "UNIX"):
            del expected["LIBPROXYPROTO_" + name]
        self.assertEqual(
            {"LIBPROXYPROTO_" + name.upper(): default for name, default
             in re.findall(r"^ *(\w+) = \w+ \(default (.*)\)$",
                           rendered(FILE_PAGE), re.M)}, expected)

    def test_manual_pages_name_the_file_that_is_read(self):
        path = manual.settings_file(fixture.SERVER_LIBRARY)
        for page in manual.BUILT:
            with self.subTest(page):
                self.assertEqual(
                    set(re.findall(r"[^ ]*/libproxyproto\.conf\b(?!\.\w)",
                                   rendered(page))), {path})

    def test_readme_has_each_default(self):
        server, client = re.search(
            r"^## Server: (.*)^## Client: (.*?)^# ", read("README"),
            re.M | re.S).groups()
        expected = table("server")
        # whoever builds it says where
        expected["LIBPROXYPROTO_CONFIG"] = "SYSCONFDIR/libproxyproto.conf"
        self.assertEqual(stated(server), expected)
        self.assertEqual(stated(client), table("client"))

    def test_no_document_names_another_variable(self):
        known = {*table("server"), *table("client")}
        for path in ("README", "NEWS", "ChangeLog",
                     "doc/deployment.md", "doc/libproxyproto.conf.example",
                     *map(manual.path, ALL_PAGES)):
            with self.subTest(path):
                text = re.sub("^[.]Dt .*", "", read(path), flags=re.M)
                named = set(re.findall(r"\bLIBPROXYPROTO_\w+", text))
                self.assertLessEqual(named, known)


if __name__ == "__main__":
    fixture.main()
