"""Statements that are sent together, their values, and rows that are read as they are taken."""

from __future__ import annotations

import time
from typing import Any

import psycopg
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mqgate.storage.postgresql.line import Line, Overdue
from mqgate.storage.postgresql.rows import FETCHED_AT_ONCE, LazyRows
from mqgate.storage.postgresql.values import encoded
from tests.postgresql.databases import Database, give_back, lend

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.integers(-(2**63), 2**63 - 1)


class LineCase(SynchronousTestCase):
    """A line to a database."""

    def setUp(self) -> None:
        self.database: Database = lend()
        self.addCleanup(give_back, self.database)
        self.line = Line(psycopg.connect(self.database.dsn, autocommit=True), time.monotonic)
        self.addCleanup(self.line.close)


class ValueTests(LineCase):
    """What goes there comes back."""

    def assert_comes_back(self, kind: str, value: object) -> None:
        self.assertEqual(self.line.ask(f"SELECT $1::{kind}", (value,)).one(), (value,))

    @settings(max_examples=100, deadline=None)
    @given(
        st.one_of(
            st.tuples(st.just("bigint"), NUMBERS),
            st.tuples(st.just("text"), TEXTS),
            st.tuples(st.just("bytea"), st.binary(max_size=20)),
            st.tuples(st.just("bigint[]"), st.lists(st.none() | NUMBERS)),
            st.tuples(st.just("text[]"), st.lists(st.none() | TEXTS)),
            st.tuples(st.just("bytea[]"), st.lists(st.none() | st.binary(max_size=20))),
            st.tuples(st.just("boolean[]"), st.lists(st.booleans())),
            st.tuples(st.just("bytea"), st.none()),
        )
    )
    def test_values_and_lists_of_them_come_back(self, case: tuple[str, Any]) -> None:
        self.assert_comes_back(*case)

    def test_a_tuple_is_a_list(self) -> None:
        self.assertEqual(self.line.ask("SELECT $1::bigint[]", ((1, 2),)).one(), ([1, 2],))

    def test_what_is_no_value_is_refused(self) -> None:
        for value in (1.5, {"a": 1}, object()):
            with self.assertRaises(TypeError):
                encoded([value])


class FlightTests(LineCase):
    """What was sent before comes back with what is waited for."""

    def test_answers_are_their_own_statements(self) -> None:
        first = self.line.ask("SELECT %s::bigint", (1,))
        second = self.line.ask("SELECT n::bigint FROM generate_series(1, %s::bigint) n", (3,))
        third = self.line.ask("SELECT 1 WHERE false")
        self.assertEqual(third.one(), None)
        self.assertEqual((third.all(), third.count()), ([], 0))
        self.assertEqual((second.all(), second.count()), ([(1,), (2,), (3,)], 3))
        self.assertEqual(first.one(), (1,))

    def test_changed_rows_are_counted(self) -> None:
        self.line.ask("CREATE TEMPORARY TABLE t(n bigint)")
        added = self.line.ask("INSERT INTO t SELECT generate_series(1, 3)")
        changed = self.line.ask("UPDATE t SET n = 0 WHERE n > $1", (1,))
        self.assertEqual((added.count(), changed.count()), (3, 2))

    def test_what_stands_behind_a_failure_is_not_done_and_the_line_goes_on(self) -> None:
        self.line.ask("CREATE TEMPORARY TABLE t(n bigint)")
        self.line.wait()
        self.line.ask("SELECT 1 / $1::bigint", (0,))
        self.line.ask("INSERT INTO t VALUES(1)")
        with self.assertRaises(psycopg.errors.DivisionByZero):
            self.line.wait()
        self.assertFalse(self.line.is_lost)
        self.assertEqual(self.line.ask("SELECT count(*) FROM t").one(), (0,))
        # It was to be prepared then, and was not.
        self.assertEqual(self.line.ask("INSERT INTO t VALUES(1)").count(), 1)

    def test_a_statement_that_makes_no_sense_is_as_good_as_none(self) -> None:
        for _ in range(2):
            with self.assertRaises(psycopg.errors.SyntaxError):
                self.line.ask("SELEKT").all()
        self.assertEqual(self.line.ask("SELECT 1::bigint").one(), (1,))

    def test_a_transaction_is_abandoned_with_what_was_sent_in_it(self) -> None:
        self.line.ask("BEGIN")
        self.line.ask("SELECT 1 / 0")
        self.line.abandon()
        self.assertTrue(self.line.in_transaction())
        self.line.ask("ROLLBACK").count()
        self.assertFalse(self.line.in_transaction())

    def test_much_goes_both_ways_at_once(self) -> None:
        """More than fits into any buffer: nobody waits for the other one to read."""
        data = b"x" * 3_000_000
        answers = [self.line.ask("SELECT $1::bytea", (data,)) for _ in range(10)]
        self.assertEqual([answer.one() == (data,) for answer in answers], [True] * 10)

    def test_nothing_is_waited_for_beyond_the_deadline(self) -> None:
        self.line.deadline = time.monotonic() + 0.1
        with self.assertRaises(Overdue):
            self.line.ask("SELECT pg_sleep(5)").all()
        self.assertTrue(self.line.is_lost)


class Bodies:
    """A line that knows the bodies 1 to 99, but for some, and what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.gone: set[int] = set()

    def ask(self, statement: str, values: tuple[int, list[int]]) -> Bodies:
        self.asked.append(values[1])
        return self

    def all(self) -> list[tuple[int, bytes]]:
        return [(body, b"%d" % body) for body in self.asked[-1] if body not in self.gone]


class LazyRowsTests(SynchronousTestCase):
    """Large bodies are fetched when they are taken, some at a time."""

    def rows(self, *sizes: int | None) -> LazyRows:
        self.line = Bodies()
        rows = [
            (*range(9), body, 0, None, None if size else b"small", size)
            for body, size in enumerate(sizes, 1)
        ]
        return LazyRows(self.line, 1, rows)  # type: ignore[arg-type]

    def test_small_ones_are_there(self) -> None:
        self.assertEqual([row[-1] for row in self.rows(None, None)], [b"small"] * 2)
        self.assertEqual(self.line.asked, [])

    def test_large_ones_are_fetched_as_many_as_are_a_megabyte(self) -> None:
        third = FETCHED_AT_ONCE // 3
        rows = self.rows(third, None, third, third, third, third)
        self.assertEqual(next(rows)[-1], b"1")
        self.assertEqual(self.line.asked, [[1, 3, 4]])
        self.assertEqual([row[-1] for row in rows], [b"small", b"3", b"4", b"5", b"6"])
        self.assertEqual(self.line.asked, [[1, 3, 4], [5, 6]])

    def test_one_that_is_larger_comes_alone(self) -> None:
        rows = self.rows(FETCHED_AT_ONCE * 5, 9000)
        self.assertEqual([row[-1] for row in rows], [b"1", b"2"])
        self.assertEqual(self.line.asked, [[1], [2]])

    def test_what_somebody_else_deletes_meanwhile_is_left_out(self) -> None:
        rows = self.rows(9000, 9000, None, 9000)
        self.line.gone = {1, 4}
        self.assertEqual([row[-1] for row in rows], [b"2", b"small"])
        self.assertEqual(self.line.asked, [[1, 2, 4]])

    def test_what_is_not_taken_is_not_fetched(self) -> None:
        rows = self.rows(FETCHED_AT_ONCE, FETCHED_AT_ONCE)
        next(rows)
        rows.close()
        self.assertEqual((list(rows), self.line.asked), ([], [[1]]))
