"""What becomes of batches when the server, or the way to it, fails."""

from __future__ import annotations

import time
from typing import Any

import psycopg
from psycopg import conninfo
from twisted.logger import capturedLogs
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mqgate.storage import interface as ops
from mqgate.storage.interface import (
    Batch,
    Damaged,
    Moved,
    Operation,
    StoreError,
    Unavailable,
)
from mqgate.storage.postgresql import PostgreSQLStore, schema
from mqgate.storage.postgresql.address import Address
from mqgate.storage.postgresql.connecting import connect
from mqgate.storage.runners import Inline
from tests.postgresql.databases import Database, give_back, lend, server
from tests.storage.contract import NOW, row
from tests.storage.wire import COMMIT, Wire

SHELF = 2
#: Seconds that a batch may take in these tests.
SECONDS = 1.5


class FailuresCase(SynchronousTestCase):
    """A store over a wire, on a database with a world."""

    def setUp(self) -> None:
        self.database: Database = lend()
        self.addCleanup(give_back, self.database)
        name = self.database.connection.info.dbname
        self.wire = Wire(server().port)
        self.addCleanup(self.wire.close)
        dsn = conninfo.make_conninfo(server().dsn(name, tcp=True), port=self.wire.port)
        self.store = self.opened(dsn)
        (self.world,) = self.store.worlds([["a:one"]])

    def opened(self, dsn: str) -> PostgreSQLStore:
        store = PostgreSQLStore(dsn, Inline(), seconds=SECONDS)
        self.opened_as = store.open()
        self.addCleanup(store.close)
        return store

    def run_batch(self, *operations: Operation, **other: Any) -> Any:
        """What comes of a batch, or what it fails with."""
        results: list[Any] = []
        batch = Batch(NOW, (), (), operations, 0)._replace(**other)
        self.store.run(batch).addBoth(results.append)
        (result,) = results
        return result.value if isinstance(result, Failure) else result

    def post(self, id_: int) -> Any:
        return self.run_batch(ops.Post(self.world, SHELF, (row(id_),)))

    def get(self, id_: int) -> Any:
        found = self.run_batch(ops.Get(self.world, SHELF, 1, id_))
        return found[0] if isinstance(found, list) else found

    def ids(self) -> list[int]:
        return [id_ for (id_,) in self.database.rows("SELECT id FROM msg ORDER BY id")]


class CommitTests(FailuresCase):
    """The connection is lost while a transaction ends: what became of it is looked up."""

    def setUp(self) -> None:
        super().setUp()
        self.assertEqual(self.post(1), [None])

    def test_one_that_was_committed_is_told_as_done(self) -> None:
        self.wire.deliver = True
        self.cut_at_commit()
        self.assertEqual(self.post(2), [None])
        self.assertEqual(self.ids(), [1, 2])
        self.assertEqual(self.post(3), [None])

    def test_one_that_was_not_is_told_as_unavailable(self) -> None:
        self.cut_at_commit()
        self.assertIsInstance(self.post(2), Unavailable)
        self.assertEqual(self.ids(), [1])
        self.assertEqual(self.post(2), [None])

    def test_one_that_cannot_be_looked_up_in_time_is_told_as_unavailable(self) -> None:
        self.cut_at_commit()
        self.wire.deliver = self.wire.closes = True
        began = time.monotonic()
        self.assertIsInstance(self.post(2), Unavailable)
        self.assertLess(time.monotonic() - began, SECONDS + 0.5)
        self.assertEqual(self.ids(), [1, 2])

    def cut_at_commit(self) -> None:
        # The first one on a new connection: a read has made that.
        self.wire.cut()
        self.assertEqual(self.get(1).id, 1)
        self.wire.cut_at = COMMIT


class LossTests(FailuresCase):
    """The way to the server, or the server itself, is gone."""

    def test_a_connection_that_was_cut_is_made_anew_and_nobody_notices(self) -> None:
        self.post(1)
        self.wire.cut()
        self.assertEqual(self.post(2), [None])
        self.assertEqual(self.ids(), [1, 2])

    def test_the_first_batch_on_a_connection_is_one_transaction_as_any_other(self) -> None:
        """From the line that numbers it to its last row."""
        self.post(1)
        self.wire.cut()
        batch = (ops.Post(self.world, SHELF, (row(2),)), ops.Count(self.world, SHELF))
        self.assertEqual(len(self.run_batch(*batch, versions=((self.world, 0),))), 2)
        together = self.database.rows(
            "SELECT xmin::text FROM gateway UNION SELECT xmin::text FROM msg WHERE id = 2"
        )
        self.assertEqual(len(together), 1)

    def test_the_first_batch_of_a_new_connection_is_done_whole_or_not_at_all(self) -> None:
        self.post(1)
        self.post(2)
        self.wire.cut()
        again = ops.Post(self.world, SHELF, (row(1),))
        failed = self.run_batch(ops.Delete(self.world, SHELF, (2,), None), again)
        self.assertIsInstance(failed, psycopg.errors.UniqueViolation)
        self.assertEqual(self.ids(), [1, 2])

    def test_a_server_that_says_nothing_is_not_waited_for_beyond_the_deadline(self) -> None:
        self.post(1)
        self.wire.open.clear()
        began = time.monotonic()
        self.assertIsInstance(self.post(2), Unavailable)
        self.assertLess(time.monotonic() - began, SECONDS + 0.5)
        self.wire.open.set()
        self.assertEqual(self.post(3), [None])

    def test_while_nobody_listens_batches_fail_at_once(self) -> None:
        self.post(1)
        self.wire.close()
        self.post(2)
        began = time.monotonic()
        self.assertIsInstance(self.post(2), Unavailable)
        self.assertLess(time.monotonic() - began, 0.5)

    def test_a_session_that_was_ended_by_the_operator_is_made_anew(self) -> None:
        self.post(1)
        self.database.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        self.assertEqual(self.post(2), [None])

    def test_what_is_run_now_is_told_in_a_line(self) -> None:
        self.wire.close()
        with self.assertRaises(StoreError) as caught:
            self.store.run_now(Batch(NOW, (), (), (ops.Probe(),), 0))
        self.assertIn("cannot be used", str(caught.exception))

    def test_a_lock_held_beside_it_is_unavailability_for_writes_alone(self) -> None:
        self.post(1)
        with psycopg.connect(self.database.dsn) as beside:
            beside.execute("LOCK TABLE msg IN SHARE MODE")
            self.assertIsInstance(self.post(2), Unavailable)
            self.assertEqual(self.get(1).id, 1)
        self.assertEqual(self.post(2), [None])


class ServerTests(FailuresCase):
    """What the server refuses."""

    def raise_always(self, state: str, times: int) -> None:
        """Have the server fail the next inserts of messages, so many times."""
        self.database.alter("CREATE SEQUENCE tries")
        self.database.alter(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF nextval('tries') <= {times} THEN"
            f" RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END IF;"
            " RETURN NULL; END $$"
        )
        self.database.alter(
            "CREATE TRIGGER fail AFTER INSERT ON msg FOR EACH STATEMENT EXECUTE FUNCTION fail()"
        )

    def test_a_deadlock_is_tried_again(self) -> None:
        for state in ("40P01", "40001"):
            with self.subTest(state=state):
                self.raise_always(state, 3)
                self.assertEqual(self.post(1), [None])
                self.assertEqual(self.ids(), [1])
                self.database.alter("DROP FUNCTION fail CASCADE; DROP SEQUENCE tries")
                self.database.change("DELETE FROM msg")

    def test_one_that_does_not_end_is_unavailability(self) -> None:
        self.raise_always("40P01", 4)
        self.assertIsInstance(self.post(1), Unavailable)
        self.assertEqual(self.post(1), [None])

    def test_a_full_disk_is_unavailability_and_passes(self) -> None:
        self.raise_always("53100", 1)
        self.assertIsInstance(self.post(1), Unavailable)
        self.assertEqual(self.ids(), [])
        self.assertEqual(self.post(1), [None])

    def test_damage_is_told_apart_from_what_may_pass(self) -> None:
        self.raise_always("XX001", 1)
        self.assertIsInstance(self.post(1), Damaged)

    def test_anything_else_is_as_it_is(self) -> None:
        self.raise_always("22023", 1)
        self.assertIsInstance(self.post(1), psycopg.errors.InvalidParameterValue)
        self.assertEqual(self.post(1), [None])

    def test_a_server_that_only_reads_is_unavailability(self) -> None:
        name = self.database.connection.info.dbname
        self.database.connection.execute(
            f"ALTER DATABASE {name} SET default_transaction_read_only = on".encode()
        )
        self.wire.cut()
        for _ in range(2):
            self.assertIsInstance(self.post(1), Unavailable)
        with psycopg.connect(server().dsn(), autocommit=True) as beside:
            beside.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only".encode())
        self.assertEqual(self.post(1), [None])


class DurabilityTests(FailuresCase):
    """What is answered is on disk, whatever a role is set to."""

    def test_commits_are_waited_for(self) -> None:
        name = self.database.connection.info.dbname
        for setting, told in (("off", "on"), ("local", "local"), ("remote_apply", "remote_apply")):
            self.database.connection.execute(
                f"ALTER DATABASE {name} SET synchronous_commit = {setting}".encode()
            )
            with connect(Address.parse(self.database.dsn), SECONDS) as connection:
                found = connection.execute("SHOW synchronous_commit").fetchone()
            self.assertEqual(found, (told,))
        self.database.connection.execute(f"ALTER DATABASE {name} RESET ALL".encode())


class SlotTests(FailuresCase):
    """The slot, which another gateway takes when this one was gone for too long."""

    def test_a_batch_under_a_slot_that_was_lost_changes_nothing_and_tells_the_new_one(self) -> None:
        self.run_batch(high=77)
        self.database.change("UPDATE gateway SET owner = 'another', lease = ?", 1 << 60)
        with capturedLogs():
            moved = self.post(1)
        self.assertEqual(moved, Moved(self.opened_as.slot + 1, 0))
        self.assertEqual(self.ids(), [])
        self.assertEqual(self.post(1), [None])
        rows = self.database.rows("SELECT slot, owner = 'another', high FROM gateway ORDER BY slot")
        self.assertEqual(rows, [(0, True, 77), (1, False, 0)])

    def test_a_slot_that_was_given_up_is_the_next_ones_with_its_bound(self) -> None:
        self.run_batch(high=77)
        self.store.close()
        store = PostgreSQLStore(self.database.dsn, Inline())
        opened = store.open()
        self.addCleanup(store.close)
        self.assertEqual((opened.slot, opened.high), (0, 77))

    def test_a_slot_is_free_when_its_lease_is_over(self) -> None:
        self.database.change("UPDATE gateway SET lease = 1")
        store = PostgreSQLStore(self.database.dsn, Inline())
        self.addCleanup(store.close)
        self.assertEqual(store.open().slot, 0)
        self.assertIsInstance(self.post(1), Moved)


class ClosingTests(FailuresCase):
    """The end, which comes soon whatever the server does."""

    def test_a_server_that_says_nothing_keeps_nobody_from_ending(self) -> None:
        self.wire.open.clear()
        began = time.monotonic()
        self.store.close()
        self.assertLess(time.monotonic() - began, SECONDS + 1)
        self.wire.open.set()


class OpeningTests(SynchronousTestCase):
    """What keeps a store from being opened is told in a line, without a password."""

    def refusal(self, dsn: str, **other: Any) -> str:
        with self.assertRaises(StoreError) as caught:
            PostgreSQLStore(dsn, Inline(), **other).open()
        self.assertNotIn("\n", str(caught.exception))
        self.assertNotIn("s3cret", str(caught.exception))
        return str(caught.exception)

    def lent(self) -> Database:
        database = lend()
        self.addCleanup(give_back, database)
        return database

    def test_a_server_that_is_not_there(self) -> None:
        said = self.refusal("postgresql://u:s3cret@127.0.0.1:1/mq")
        self.assertIn("postgresql://127.0.0.1:1/mq", said)

    def test_a_database_with_as_many_gateways_as_there_are_slots(self) -> None:
        database = self.lent()
        PostgreSQLStore(database.dsn, Inline()).open()
        database.change(
            "INSERT INTO gateway(slot, owner, lease, batch, high)"
            " SELECT n, 'another', ?, 0, 0 FROM generate_series(1, 1022) n",
            1 << 60,
        )
        self.assertIn("1,023 gateways", self.refusal(database.dsn))

    def test_a_newer_schema(self) -> None:
        database = self.lent()
        PostgreSQLStore(database.dsn, Inline()).open()
        database.spoiled = True
        database.change("UPDATE schema_version SET version = 99")
        self.assertIn("newer mqgate (schema 99", self.refusal(database.dsn))

    def test_an_older_schema_is_upgraded_step_by_step_but_not_by_a_command(self) -> None:
        database = self.lent()
        database.alter("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        steps = [
            "CREATE TABLE one(n bigint)",
            "CREATE TABLE two(n bigint); INSERT INTO two VALUES(1)",
        ]
        for known in (1, 2, 2):
            schema.prepare(database.connection, "it", steps[:known])
            self.assertEqual(database.rows("SELECT version FROM schema_version"), [(known,)])
        self.assertEqual(database.rows("SELECT n FROM two"), [(1,)])
        with self.assertRaises(StoreError):
            schema.prepare(database.connection, "it", steps[:1])
        database.change("UPDATE schema_version SET version = 0")
        self.assertIn("start the server once", self.refusal(database.dsn, beside=True))

    def test_a_step_that_fails_leaves_the_schema_as_it_was(self) -> None:
        database = self.lent()
        database.alter("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        with self.assertRaises(psycopg.errors.SyntaxError):
            schema.prepare(database.connection, "it", ["CREATE TABLE one(n bigint)", "NONSENSE"])
        tables = database.rows("SELECT 1 FROM pg_tables WHERE schemaname = 'public'")
        self.assertEqual(tables, [])

    def test_tables_of_another_program(self) -> None:
        database = self.lent()
        database.alter("DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE msg(x text)")
        self.assertIn("another program", self.refusal(database.dsn))
        self.assertEqual(database.rows("SELECT count(*) FROM msg"), [(0,)])

    def test_text_that_is_not_unicode(self) -> None:
        with psycopg.connect(server().dsn(), autocommit=True) as beside:
            beside.execute(
                "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"
                " TEMPLATE template0"
            )
            self.addCleanup(server().execute, "DROP DATABASE latin")
        self.assertIn("ENCODING 'UTF8'", self.refusal(server().dsn("latin")))

    def test_a_command_makes_no_tables(self) -> None:
        database = self.lent()
        database.alter("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        self.assertIn("start the server once", self.refusal(database.dsn, beside=True))
        tables = database.rows("SELECT 1 FROM pg_tables WHERE schemaname = 'public'")
        self.assertEqual(tables, [])
