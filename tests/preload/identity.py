# SPDX-License-Identifier: ISC
"""Each client says whom its header named, and the server compares that.

identity.c is both; bench/README has the figures of a million connections.
"""
import unittest

import fixture

COUNT = 20000


class Identity(unittest.TestCase):
    def counts(self, library, count):
        """{what: how many}, whether it ended well, and all that it said."""
        with fixture.Program([fixture.probe("identity"), str(count)],
                             fixture.environment(library)) as program:
            said = program.wait_line(r"^\d+ right, .* spawns$")[0]
            return ({what: int(number) for number, what in
                     map(str.split, said.split(", "))},
                    program.wait() == 0, program.output())

    def test_under_churn(self):
        """With forks, spawns, and descriptors that are used again."""
        counts, well, output = self.counts(fixture.SERVER_LIBRARY,
                                           COUNT)
        self.assertEqual((counts["right"], counts["wrong"], counts["lost"]),
                         (COUNT, 0, 0), output)
        self.assertTrue(well)
        for what in "moved", "forks", "spawns":
            self.assertGreater(counts[what], COUNT / 1000, output)

    def test_bare(self):
        """Without the library only those who have no header are right."""
        counts, well, _ = self.counts(None, 800)
        self.assertEqual((counts["right"], counts["lost"]), (100, 0))
        self.assertFalse(well)


if __name__ == "__main__":
    fixture.main()
