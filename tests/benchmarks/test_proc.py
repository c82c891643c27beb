"""Reading what the kernel tells."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.proc import (
    Stat,
    cpu_seconds,
    descendants,
    memory_mb,
    parse_busy,
    parse_pss,
    parse_stat,
    split_cores,
)


class ParsingTests(SynchronousTestCase):
    def test_cpu_time_of_reaped_children_counts(self) -> None:
        """A server could hide its work in children that end; and names may look like fields."""
        text = "42 (a) b (c) S 7 42 42 0 -1 4194560 10 20 0 0 100 20 3 4 20 0 2 0 5000 1 1"
        self.assertEqual(parse_stat(text), Stat(42, 7, 127))

    def test_memory_is_the_proportional_one(self) -> None:
        """Rss counts what is shared with others as a whole."""
        text = "00400000-7fff rollup\nRss:   900 kB\nPss:   512 kB\nPss_Dirty:  100 kB\n"
        self.assertEqual(parse_pss(text), 512)
        self.assertRaises(ValueError, parse_pss, "Rss: 1 kB\n")

    def test_idle_time_and_guests_are_not_busy(self) -> None:
        """A guest's time is in that of its host already."""
        self.assertEqual(parse_busy("cpu  1 2 4 800 1600 8 16 32 64 128\ncpu0 9\n"), 63)


class TreeTests(SynchronousTestCase):
    def test_only_the_tree_of_the_process_counts(self) -> None:
        """Grandchildren do, siblings do not."""
        stats = [Stat(4, 3, 0), Stat(1, 0, 0), Stat(2, 1, 0), Stat(3, 2, 0), Stat(5, 1, 0)]
        self.assertEqual([each.pid for each in descendants(2, stats)], [2, 3, 4])
        self.assertEqual(descendants(9, stats), [])

    def test_this_process_is_found(self) -> None:
        """The files are really there, and in this form."""
        self.assertGreater(cpu_seconds(os.getpid()), 0)
        self.assertGreater(memory_mb(os.getpid()), 1)


class CoresTests(SynchronousTestCase):
    def test_server_and_generator_keep_out_of_each_others_way(self) -> None:
        """As far as there are enough cores."""
        self.assertEqual(split_cores([0, 1, 2, 3]), ({0, 1}, {2, 3}))
        self.assertEqual(split_cores([4, 6, 7]), ({4, 6}, {7}))
        self.assertEqual(split_cores([0, 1]), ({0}, {1}))
        self.assertEqual(split_cores([3]), ({3}, {3}))
