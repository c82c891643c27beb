"""``purge``, ``delete`` and ``verify``."""

from __future__ import annotations

import signal
import sqlite3

from mqgate.engine.errors import QueueNotFound
from mqgate.storage.sqlite import schema
from tests import stores
from tests.operator.case import PROJECTS, CommandCase

A = PROJECTS[0]


class RemovingTests(CommandCase):
    def test_a_purged_queue_is_empty_and_goes_on(self) -> None:
        self.post(*[b"x"] * 5)
        self.post(b"later", delay=5_000)
        self.take(2)
        outcome = self.did("purge", A, "jobs", "--yes")
        self.assertEqual(outcome.err, "purged queue 'jobs' of 6 messages\n")
        self.assertEqual(self.size(), 0)
        self.post(b"next")
        self.assertEqual(self.take(10), [b"next"])
        self.check()

    def test_a_deleted_queue_is_gone_for_the_server_too(self) -> None:
        self.post(*[b"x"] * 5)
        outcome = self.did("delete", A, "jobs", "--yes", "--json")
        self.assertEqual(outcome.json["messages"], 5)
        asked = self.engine.info(self.world, "jobs")
        self.clock.advance(0)
        self.failureResultOf(asked, QueueNotFound)
        self.check()

    def test_the_rows_are_gone_when_the_command_ends(self) -> None:
        """The server does not look for them by itself."""
        self.post(*[b"x"] * 1200)
        self.did("purge", A, "jobs", "--yes")
        for table in ("msg", "body", "old_shelf"):
            self.assertEqual(self.database.rows(f"SELECT count(*) FROM {table}"), [(0,)])

    def test_without_a_terminal_nobody_can_agree(self) -> None:
        self.post(b"x")
        for verb in ("purge", "delete"):
            self.assertIn("use --yes", self.refused(verb, A, "jobs"))
        self.assertEqual(self.size(), 1)

    def test_somebody_at_a_terminal_is_asked(self) -> None:
        self.post(b"x")
        for answer in (b"\n", b"no\n", b""):
            outcome = self.run_command("purge", A, "jobs", given=answer, terminal=True)
            self.assertEqual(outcome.status, 1)
            question = f"Delete 1 message in queue 'jobs' of demo/ironmq/{A}? [y/N] "
            self.assertEqual(outcome.err, question + "mqgate: nothing was done\n")
            self.assertEqual(self.size(), 1)
        outcome = self.did("delete", A, "jobs", given=b"y\n", terminal=True)
        self.assertIn("Delete the queue, with 1 message in", outcome.err)

    def test_a_signal_does_not_cut_it_in_two(self) -> None:
        """It is done and told, and the rest is left to the server."""
        self.post(*[b"x"] * 1200)
        self.signals.pending = None
        calls = iter(range(100))

        def sleep(seconds: float) -> None:
            if next(calls) == 1:
                self.signals.came(signal.SIGTERM)

        self.patch(self.clock, "advance", sleep)
        outcome = self.run_command("purge", A, "jobs", "--yes")
        self.assertEqual(outcome.status, 128 + 15)
        purged, interrupted = outcome.err.splitlines()
        self.assertEqual(purged, "purged queue 'jobs' of 1,200 messages")
        self.assertIn("it is done", interrupted)
        self.check()


class VerifyTests(CommandCase):
    def test_a_sound_database_adds_up(self) -> None:
        self.post(b"x")
        self.assertIn("adds up", self.did("verify").out)
        self.assertEqual(self.did("verify", "--json").json, {"ok": True, "problems": []})

    @stores.only_sqlite
    def test_a_damaged_file_is_a_problem_too(self) -> None:
        self.post(*[b"x" * 3000] * 100)
        connection = sqlite3.connect(self.path)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        with open(self.path, "r+b") as file:
            file.seek(3 * 4096)
            file.write(b"\xff" * 60 * 4096)
        for words in (["verify"], ["verify", "--json"]):
            outcome = self.run_command(*words)
            self.assertEqual((outcome.status, outcome.err), (1, ""))
            self.assertIn("damaged", outcome.out)
        self.assertIn("is damaged", self.refused("queues"))

    @stores.only_sqlite
    def test_slices_wait_for_a_busy_server(self) -> None:
        self.post(*[b"x"] * 1200)
        self.patch(schema, "BUSY_SECONDS", 0.0)
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        rests = []

        def rest(seconds: float) -> None:
            rests.append(seconds)
            if len(rests) in (1, 3):
                other.execute("BEGIN IMMEDIATE" if len(rests) == 1 else "ROLLBACK")

        self.patch(self, "sleep", rest)
        self.did("purge", A, "jobs", "--yes")
        self.assertGreater(len(rests), 3)
        self.check()

    def test_what_does_not_add_up_is_told(self) -> None:
        self.post(b"x")
        self.database.change("UPDATE qstat SET n = 7, total = 7")
        outcome = self.run_command("verify")
        self.assertEqual((outcome.status, outcome.err), (1, ""))
        self.assertIn("counts 7 messages but has 1", outcome.out)
        self.assertFalse(self.run_command("verify", "--json").json["ok"])
