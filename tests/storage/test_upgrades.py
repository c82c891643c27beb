"""A file that an older version wrote is upgraded, and nothing in it is lost or changed."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mqgate.engine.errors import MessageNotFound
from mqgate.engine.values import Message
from mqgate.storage.sqlite import Inline, SQLiteStore
from mqgate.storage.sqlite.schema import migrations, open_file
from mqgate.storage.verify import verify
from tests import stores
from tests.engine.case import START, EngineCase
from tests.storage.aged import AGE, LARGE, restore, versions

#: Deleted messages that are still to be read, in the order of their ids.
DELETED = [
    b"deleted",
    b"deleted and large " + LARGE,
    b"deleted 3",
    b"deleted later",
    b"taken for good",
    b"deleted, to expire before it is forgotten",
]


def described(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
    """Tables and indexes."""
    return connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()


class Upgraded(EngineCase):
    """A file with a message in every state, left some seconds ago by an older version."""

    #: Its schema.
    version: int

    def setUp(self) -> None:
        self.folder = self.mktemp()
        os.makedirs(self.folder)
        self.path = os.path.join(self.folder, "queues.db")
        restore(self.version, self.path)
        self.database = stores.SQLiteFile(Path(self.folder), "queues")
        self.clock = Clock()
        self.clock.advance(START + AGE)
        self.start()
        self.addCleanup(self.finish)
        with self.connected() as connection:
            deleted = connection.execute("SELECT id FROM msg WHERE state = 3 ORDER BY id")
            ids = [id_ for (id_,) in deleted]
        self.deleted = dict(zip(DELETED, ids, strict=True))

    @contextmanager
    def connected(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.path)
        try:
            yield connection
        finally:
            connection.close()

    def assert_sound(self) -> None:
        with self.connected() as connection:
            self.assertEqual(verify(connection), [])

    def read(self, id_: int) -> Message:
        return self.done(self.engine.get(self.world, "gone", id_))

    def size(self, queue: str, world: int | None = None) -> tuple[int, int]:
        info = self.done(self.engine.info(world or self.world, queue))
        return info.size, info.total

    def test_it_has_todays_schema_and_adds_up(self) -> None:
        self.assert_sound()
        with self.connected() as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            schema = described(connection)
        self.assertEqual(version, len(migrations()))
        self.path = os.path.join(self.folder, "new.db")
        store = SQLiteStore(self.path, Inline())
        store.open()
        store.close()
        with self.connected() as connection:
            self.assertEqual(schema, described(connection))

    def test_it_makes_no_difference_which_versions_came_in_between(self) -> None:
        steps = migrations()
        newest = len(steps)
        found = []
        for name, stops in (("direct", [newest]), ("late", range(self.version + 1, newest + 1))):
            path = os.path.join(self.folder, f"{name}.db")
            restore(self.version, path)
            for stop in stops:
                open_file(path, steps[:stop]).close()
            with closing(sqlite3.connect(path)) as connection:
                found.append(list(connection.iterdump()))
        self.assertEqual(found[0], found[1])

    def test_messages_are_handed_out_in_their_order(self) -> None:
        self.assertEqual(self.size("all"), (4, 5))  # one has expired
        self.assertEqual(self.take(9, "all"), [b"ready 1", b"ready 2", LARGE])
        (other,) = self.store.worlds([["b:two"]])
        (found,) = self.done(self.engine.reserve(other, "place", 9))
        self.assertEqual((found.body, found.count), (b"in place", 1))

    def test_properties_are_kept(self) -> None:
        found = self.done(self.engine.peek(self.world, "all", 9))
        self.assertEqual([message.props for message in found], [b"p"] * 3)

    def test_what_was_held_becomes_ready_in_its_time(self) -> None:
        self.assertEqual(self.take(9, "held"), [])
        self.pass_time(25)
        self.assertEqual(self.take(9, "held"), [b"reserved", b"reserved and large " + LARGE])
        self.pass_time(31)
        self.assertEqual(self.take(9, "all")[-1:], [b"delayed"])

    def test_what_was_deleted_is_readable_until_its_time(self) -> None:
        for body, id_ in self.deleted.items():
            self.assertEqual(self.read(id_).body, body)
        self.assertEqual(self.size("gone"), (0, 6))
        self.pass_time(595)
        self.refused(self.engine.get(self.world, "gone", self.deleted[b"deleted"]), MessageNotFound)
        self.assertEqual(self.read(self.deleted[b"deleted later"]).body, b"deleted later")
        self.pass_time(5)
        self.refused(
            self.engine.get(self.world, "gone", self.deleted[b"deleted later"]), MessageNotFound
        )

    def test_what_was_deleted_and_expires_sooner_is_gone_then(self) -> None:
        brief = self.deleted[DELETED[-1]]
        self.assertEqual(self.read(brief).count, 0)
        self.pass_time(2)
        self.refused(self.engine.get(self.world, "gone", brief), MessageNotFound)

    def test_all_of_it_can_be_deleted_and_nothing_is_left(self) -> None:
        self.assertEqual(self.take(9, "cleared"), [b"after it was cleared"])
        self.pass_time(61)
        for world, queue in (
            *((self.world, name) for name in ("all", "held", "cleared")),
            (self.store.worlds([["b:two"]])[0], "place"),
        ):
            found = self.done(self.engine.reserve(world, queue, 9))
            self.done(self.engine.delete(world, queue, [message.id for message in found]))
            self.assertEqual(self.size(queue, world)[0], 0)
        self.assert_sound()
        for _ in range(8):
            self.pass_time(100)
        self.assert_sound()
        with self.connected() as connection:
            for table in ("msg", "body", "remembered", "old_shelf"):
                self.assertEqual(connection.execute(f"SELECT * FROM {table}").fetchall(), [])


for _version in versions():
    globals()[f"Schema{_version}Tests"] = type(
        f"Schema{_version}Tests",
        (Upgraded,),
        {"__doc__": f"A file of schema {_version}.", "version": _version},
    )
del Upgraded, EngineCase  # or they would be run as well


class FixtureTests(SynchronousTestCase):
    """``tests.storage.aged`` says how a file comes to be there."""

    def test_there_is_a_file_of_every_schema_that_was(self) -> None:
        older = set(range(1, len(migrations())))
        self.assertEqual(older - set(versions()), set(), "run python -m tests.storage.aged")
