# SPDX-License-Identifier: ISC
"""Which folder of src may include which, and that nothing goes in circles."""
import os
import re
import unittest

import fixture

SOURCE = os.path.join(os.environ.get("PP_SRCDIR", "."), "src")

# A folder includes itself and those that it names here; "" is src itself,
# which has what is everybody's.
ALLOWED = {
    "": set(),
    "protocol": {""},
    "settings": {"", "protocol"},
    "connection": {"", "protocol", "settings"},
    "preload": {"", "protocol", "settings", "connection"},
    "preload/server": {"", "protocol", "settings", "connection", "preload",
                       "api"},
    "preload/client": {"", "protocol", "settings", "connection", "preload"},
    "preload/udp": {"", "protocol", "settings", "connection", "preload"},
    "api": {"", "protocol"},
    "supervisor": {"", "protocol", "settings", "connection"},
    "command": {"", "protocol", "settings", "connection", "supervisor",
                "api"},
}


def files():
    """The C files below src, by their path from there."""
    for folder, _, names in os.walk(SOURCE):
        for name in names:
            if name.endswith((".c", ".h", ".def")):
                yield os.path.relpath(os.path.join(folder, name), SOURCE)


def included(path):
    """What a file includes of src; a list of hooks is named by PP_HOOKS."""
    with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
        return re.findall(r'^\s*#\s*include\s+"(.+?)"', file.read(), re.M)


class Layers(unittest.TestCase):
    def test_order(self):
        against = []
        for path in files():
            folder = os.path.dirname(path)
            self.assertIn(folder, ALLOWED, path)
            for other in included(path):
                where = os.path.dirname(other)
                if where != folder and where not in ALLOWED[folder]:
                    against.append(f"{path} includes {other}")
        self.assertEqual(against, [])

    def test_there_is_what_is_included(self):
        """By its path from src, so that the order can be seen."""
        known = set(files())
        self.assertGreater(len(known), 50)
        for path in known:
            self.assertLessEqual(set(included(path)), known, path)

    def test_no_circle(self):
        graph = {path: included(path) for path in files()}
        done = set()

        def follow(path, way):
            self.assertNotIn(path, way, " -> ".join([*way, path]))
            if path not in done:
                for other in graph[path]:
                    follow(other, [*way, path])
                done.add(path)

        for path in graph:
            follow(path, [])


if __name__ == "__main__":
    fixture.main()
