"""Rows given by their ids: in a list or by runs, what is done to them is the same."""

from __future__ import annotations

import sqlite3

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mqgate.storage import statements as sql
from mqgate.storage.sqlite.rows import RowsById, runs_of

IDS = range(60)
MARK = f"UPDATE msg SET mark = mark + ? WHERE id IN {sql.IDS} AND mark < ?"

#: Mostly long runs, some of them broken, and some ids twice.
lists = st.lists(
    st.tuples(st.sampled_from(IDS), st.sampled_from([1, 1, 2, 9, 40])), max_size=4
).map(lambda runs: [id_ for first, length in runs for id_ in range(first, first + length)])


class RunsTests(SynchronousTestCase):
    def test_runs_are_told_by_their_ends(self) -> None:
        self.assertEqual(list(runs_of([5, 3, 4, 9, 11, 10])), [(3, 5), (9, 11)])
        self.assertEqual(list(runs_of([7])), [(7, 7)])
        self.assertEqual(list(runs_of([])), [])

    @given(lists)
    def test_each_id_is_in_one_run(self, ids: list[int]) -> None:
        found = [id_ for first, last in runs_of(ids) for id_ in range(first, last + 1)]
        self.assertEqual(found, sorted(ids))


class RowsByIdTests(SynchronousTestCase):
    """A table whose rows have marks, each of which may be set once."""

    def setUp(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.addCleanup(self.connection.close)
        self.rows = RowsById(self.connection)
        self.connection.execute("CREATE TABLE msg(id INTEGER PRIMARY KEY, mark INTEGER)")

    def begin(self) -> None:
        self.connection.execute("DELETE FROM msg")
        self.connection.executemany("INSERT INTO msg VALUES(?, 0)", [(id_,) for id_ in IDS])

    def marked(self) -> set[int]:
        return {row[0] for row in self.connection.execute("SELECT id FROM msg WHERE mark = 1")}

    @given(lists)
    def test_those_that_are_there_are_changed_once(self, ids: list[int]) -> None:
        self.begin()
        there = set(ids) & set(IDS)
        self.assertEqual(self.rows.change(MARK, ids, (1,), (1,)), len(there))
        self.assertEqual(self.marked(), there)

    @given(lists)
    def test_all_are_changed_or_none(self, ids: list[int]) -> None:
        self.begin()
        done = self.rows.change_all(MARK, ids, (1,), (1,))
        self.assertEqual(self.marked(), set(ids) if done else set())
        if done:
            self.assertEqual(len(set(ids)), len(ids))

    def test_many_that_are_there_are_changed_at_once(self) -> None:
        """By one statement for each run, whatever the order they come in."""
        self.begin()
        statements: list[str] = []
        self.connection.set_trace_callback(statements.append)
        ids = [*range(30, 40), *range(10, 20)]
        self.assertTrue(self.rows.change_all(MARK, ids, (1,), (1,)))
        self.assertEqual(sum("BETWEEN" in each for each in statements), 2)
        self.assertEqual(self.marked(), set(ids))
