"""PostgreSQL's tables can be spread over servers by world, and chores are done world by world."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
from twisted.trial.unittest import SynchronousTestCase

import mqgate
from mqgate.storage import interface as ops
from mqgate.storage import postgresql, statements
from mqgate.storage.interface import BindingRow, Change
from mqgate.storage.postgresql.session import READY_TAKEN
from mqgate.storage.statements import catalogue, groups, pushes, topics
from mqgate.storage.statements.texts import Statement
from tests.storage.contract import NOW, row
from tests.storage.test_postgresql_gateways import GatewaysCase, done

PAGE = Path(mqgate.__file__).parent.parent / "docs" / "operations.md"
#: A statement that locks rows, and the tables that it names.
_LOCKS = re.compile(r"\bFOR (?:NO KEY )?(?:UPDATE|SHARE)|\bSKIP LOCKED")
_TABLE = re.compile(r"\b(?:FROM|JOIN|UPDATE|USING|INTO) (\w+)")
_WORLD = re.compile(r"\bworld = (?:\$\d+|%s)")
_ID = re.compile(r"\bid = (?:\$\d+|%s)")


def described() -> tuple[dict[str, str], set[str], set[str]]:
    """What the page does with the tables.

    The column by which each distributed one is, those that are everywhere, and the ordinary ones.
    """
    section = PAGE.read_text(encoding="utf-8").split("\n### Citus\n")[1].split("\n### ")[0]
    columns = dict(re.findall(r"create_distributed_table\('(\w+)', '(\w+)'", section))
    lists = re.findall(r"SELECT (\w+)\(name.*?ARRAY\[(.*?)\]", section, re.DOTALL)
    found = {function: set(re.findall(r"'(\w+)'", names)) for function, names in lists}
    columns |= dict.fromkeys(found["create_distributed_table"], "world")
    ordinary = re.search(r"`(\w+)` and `(\w+)` stay ordinary tables", section)
    assert ordinary is not None
    return columns, found["create_reference_table"], set(ordinary.groups())


def texts() -> Iterator[str]:
    """Every statement that PostgreSQL is given, and pieces of some."""
    yield READY_TAKEN
    for module in pkgutil.iter_modules(statements.__path__, f"{statements.__name__}."):
        yield from _texts(vars(importlib.import_module(module.name)).values())
    yield from _texts(vars(statements).values())


def _texts(values: object) -> Iterator[str]:
    for value in values if isinstance(values, (tuple, type({}.values()))) else ():
        if isinstance(value, Statement):
            yield value.postgresql
        elif isinstance(value, str):
            yield value
        elif isinstance(value, tuple):
            yield from _texts(value)


def is_of_no_world(text: str, columns: dict[str, str]) -> bool:
    """Whether a statement locks rows and leaves open, of one of its tables, in which world."""
    if not _LOCKS.search(text):
        return False
    tables = [each for each in _TABLE.findall(text) if each in columns]
    by_id = tables.count("world")
    return len(_WORLD.findall(text)) < len(tables) - by_id or len(_ID.findall(text)) < by_id


class StatementsTests(SynchronousTestCase):
    def test_whatever_locks_rows_names_one_world_for_each_table(self) -> None:
        columns, _, _ = described()
        locking = {text for text in texts() if _LOCKS.search(text)}
        for known in (
            *(statements.TAKE_EXPIRED, statements.TAKE_NOTES, statements.LOCK_BODIES, READY_TAKEN),
            *(catalogue.TAKE_OLD_SHELVES, pushes.TAKE_NOTES, pushes.FIND.postgresql),
            *(statements.OLDEST_READY.postgresql, topics.LOCK_FIGURES),
        ):
            self.assertIn(known, locking)
        self.assertEqual([text for text in locking if is_of_no_world(text, columns)], [])

    def test_one_that_does_not_is_noticed(self) -> None:
        columns, _, _ = described()
        for text in (
            "SELECT id FROM msg WHERE expires <= $1 ORDER BY expires LIMIT $2 FOR UPDATE"
            " SKIP LOCKED",
            "SELECT m.id FROM msg m JOIN body b ON b.world = m.world WHERE m.world = $1 FOR UPDATE",
            "SELECT id FROM world WHERE id = ANY($1) FOR NO KEY UPDATE",
        ):
            self.assertTrue(is_of_no_world(text, columns), text)
        self.assertFalse(is_of_no_world(groups.LAPSED.postgresql, columns))

    def test_no_others_lock_rows(self) -> None:
        """All statements stand where the others are looked for."""
        for path in Path(postgresql.__path__[0]).glob("*.py"):
            self.assertIsNone(re.search("SKIP LOCKED|FOR UPDATE", path.read_text()), path.name)


class WorldsCase(GatewaysCase):
    """A second world, and somebody who has a row locked."""

    def setUp(self) -> None:
        super().setUp()
        _, self.other = self.stores[0].worlds([["a:one"], ["a:two"]])
        queue = self.queue(0, 100)._replace(world=self.other)
        done(self.stores[0], changes=(Change(self.other, 1, 50, (queue,), ()),))

    def locked(
        self, statement: LiteralString, *values: object
    ) -> psycopg.Connection[tuple[object, ...]]:
        """Have another session lock what a statement finds, until it rolls back."""
        connection = psycopg.connect(self.database.dsn)
        self.addCleanup(connection.close)
        self.assertEqual(len(connection.execute(statement, values).fetchall()), 1)
        return connection


class KeysTests(WorldsCase):
    def test_every_table_is_described_and_its_keys_have_the_world(self) -> None:
        columns, everywhere, ordinary = described()
        tables = self.database.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        self.assertEqual({name for (name,) in tables}, {*columns, *everywhere, *ordinary})
        keys = self.database.rows(
            "SELECT t.relname, i.indexrelid::regclass::text, array_agg(a.attname::text)"
            " FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid"
            " JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY(i.indkey)"
            " WHERE i.indisunique AND t.relnamespace = 'public'::regnamespace GROUP BY 1, 2"
        )
        of_worlds = [each for each in keys if each[0] in columns]
        self.assertEqual({name for name, *_ in of_worlds}, columns.keys())
        wrong = [key for table, key, names in of_worlds if columns[table] not in names]
        self.assertEqual(wrong, [])


class ChoresTests(WorldsCase):
    """What somebody is at is passed over, without a wait, and done the next time."""

    def post(self, *expires: int) -> None:
        """A message for each, with ids from 1, in one world and the other by turns."""
        for id_, each in enumerate(expires, 1):
            world = self.world if id_ % 2 else self.other
            done(self.stores[0], ops.Post(world, 100, (row(id_, expires=each),)))

    def left(self) -> list[int]:
        return [id_ for (id_,) in self.database.rows("SELECT id FROM msg ORDER BY id")]

    def test_expired_messages(self) -> None:
        self.post(*(NOW - n for n in range(1, 7)))
        other = self.locked("SELECT id FROM msg WHERE id = 5 FOR UPDATE")
        self.assertEqual(done(self.stores[0], ops.Sweep(100))[0].removed, 5)
        self.assertEqual(self.left(), [5])
        other.rollback()
        self.assertEqual(done(self.stores[0], ops.Sweep(100))[0].removed, 1)
        self.assert_adds_up()

    def test_the_messages_that_expired_first_go_first_whatever_their_world(self) -> None:
        self.post(NOW - 1, NOW - 5, NOW - 4, NOW - 2, NOW - 3, NOW + 1)
        self.assertEqual(done(self.stores[0], ops.Sweep(3))[0].removed, 3)
        self.assertEqual(self.left(), [1, 4, 6])

    def test_a_sweep_beside_another_ones_finds_nothing_and_does_not_wait(self) -> None:
        self.post(NOW - 1, NOW - 2)
        other = psycopg.connect(self.database.dsn)
        self.addCleanup(other.close)
        self.assertEqual(len(other.execute("SELECT id FROM msg FOR UPDATE").fetchall()), 2)
        self.assertEqual(done(self.stores[0], ops.Sweep(100))[0].removed, 0)
        other.execute("DELETE FROM msg WHERE id = 1")
        other.commit()
        self.assertEqual(done(self.stores[0], ops.Sweep(100))[0].removed, 1)
        self.assertEqual(self.left(), [])

    def test_messages_in_a_world_that_is_just_changed(self) -> None:
        self.post(NOW - 1, NOW - 1)
        self.locked("SELECT pg_advisory_xact_lock(%s, %s)", catalogue.APPLICATION, self.other)
        self.assertEqual(done(self.stores[0], ops.Sweep(100))[0].removed, 1)
        self.assertEqual(self.left(), [2])

    def test_deleted_messages_that_are_readable_no_longer(self) -> None:
        self.post(*[NOW * 2] * 4)
        for world, ids in ((self.world, (1, 3)), (self.other, (2, 4))):
            for id_ in ids:
                done(self.stores[0], ops.Delete(world, 100, (id_,), ops.Memory(7, 5 + id_)))
        later = {"now": NOW + 100}
        other = self.locked("SELECT note FROM remembered WHERE ids = ARRAY[2::bigint] FOR UPDATE")
        self.assertEqual(done(self.stores[0], ops.Sweep(100), **later)[0].removed, 3)
        self.assertEqual(self.left(), [2])
        other.rollback()
        self.assertEqual(done(self.stores[0], ops.Sweep(100), **later)[0].removed, 1)
        self.assert_adds_up()

    def test_entries_of_messages_that_are_gone(self) -> None:
        until = NOW - 1
        for number in range(1, 60):
            self.database.change(
                "INSERT INTO push_remembered(until, world, queue, ids) VALUES(?, ?, 100, '{1}')",
                until - number,
                self.world if number % 2 else self.other,
            )
        other = self.locked("SELECT note FROM push_remembered WHERE note = 30 FOR UPDATE")
        done(self.stores[0], ops.Sweep(100))
        self.assertEqual(self.database.rows("SELECT note FROM push_remembered"), [(30,)])
        other.rollback()
        done(self.stores[0], ops.Sweep(100))
        self.assertEqual(self.database.rows("SELECT note FROM push_remembered"), [])

    def test_shelves_that_were_left(self) -> None:
        self.post(NOW * 2, NOW * 2)
        for world in (self.world, self.other):
            queue = self.queue(0, 300, 2)._replace(world=world)
            moved = (ops.Reshelf(world, 100, 300),)
            done(self.stores[0], changes=(Change(world, 2, 50, (queue,), moved),))
        other = self.locked("SELECT shelf FROM old_shelf ORDER BY world DESC LIMIT 1 FOR UPDATE")
        self.assertEqual(done(self.stores[0], ops.EmptyShelves(100)), [False])
        self.assertEqual(self.left(), [2])
        other.rollback()
        done(self.stores[0], ops.EmptyShelves(100))
        self.assertEqual(self.left(), [])
        self.assert_adds_up()

    def test_tombstones_in_a_world_that_is_just_read(self) -> None:
        for world in (self.world, self.other):
            gone = self.queue(0, 100, 2)._replace(world=world, removed=NOW)
            binding = BindingRow(world, "amq.topic", 0, "key", NOW, 2)
            moved = (ops.Reshelf(world, 100, None),)
            change = Change(world, 2, 50, (gone,), moved, bindings=(binding,))
            done(self.stores[0], changes=(change,))
        lock = (catalogue.APPLICATION, self.other)
        other = self.locked("SELECT pg_advisory_xact_lock_shared(%s, %s)", *lock)
        forget = ops.Forget(NOW + 1, 100)
        # The bindings of queues that are gone are nobody's to read.
        self.assertEqual(done(self.stores[0], forget), [3])
        self.assertEqual(self.forgotten(), [(self.world, 2), (self.other, 0)])
        other.rollback()
        self.assertEqual(done(self.stores[0], forget), [1])
        self.assertEqual(self.forgotten(), [(self.world, 2), (self.other, 2)])

    def forgotten(self) -> list[tuple[int, int]]:
        """Up to which version each world has forgotten what was removed."""
        return self.database.rows("SELECT id, forgotten FROM world ORDER BY id")
