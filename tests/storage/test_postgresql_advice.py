"""What a server is warned of, with the line that cures it."""

from __future__ import annotations

from typing import Any

import psycopg
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from mqgate.storage.postgresql import PostgreSQLStore, advice
from mqgate.storage.postgresql.store import LOOK_SECONDS
from mqgate.storage.runners import Inline
from tests.postgresql.databases import Database, give_back, lend, server


class Saying:
    """A line on which every statement has one answer, of one row."""

    def __init__(self, *row: object) -> None:
        self._row = row

    def ask(self, statement: str) -> Saying:
        return self

    def one(self) -> tuple[object, ...]:
        return self._row


class AdviceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.database: Database = lend()
        self.addCleanup(give_back, self.database)
        self.clock = Clock()

    def opened(self, **other: Any) -> list[str]:
        """What is told when a store is opened."""
        with capturedLogs() as events:
            self.store = PostgreSQLStore(
                self.database.dsn, Inline(), monotonic=self.clock.seconds, **other
            )
            self.store.open()
        self.addCleanup(self.store.close)
        return [str(formatEvent(each)) for each in events if each["log_level"].name == "warn"]

    def configure(self, **settings: str) -> None:
        """Change settings, and wait until sessions have them."""
        for name, value in settings.items():
            server().configure(name, value)
            while self.setting(name) != value:
                pass

    def test_of_a_server_that_cleans_up_often_nothing_is_told(self) -> None:
        self.assertEqual(self.opened(), [])

    def test_one_that_cleans_up_seldom_is_told_of_with_the_cure(self) -> None:
        """The tests' own server cannot be told to."""
        for seconds, warnings in ((10, 0), (60, 1)):
            with capturedLogs() as events:
                advice.warn_of_settings(Saying(seconds, True), "a")  # type: ignore[arg-type]
            self.assertEqual(len(events), warnings)
        told = str(formatEvent(events[0]))
        self.assertIn("a cleans up every 60 s", told)
        self.assertIn("ALTER SYSTEM SET autovacuum_naptime = '2s'; SELECT pg_reload_conf();", told)

    def test_one_that_never_does_is_told_of(self) -> None:
        self.configure(autovacuum="off")
        self.addCleanup(self.configure, autovacuum="on")
        (told,) = self.opened()
        self.assertIn("ALTER SYSTEM SET autovacuum = on", told)

    def setting(self, name: str) -> str:
        ((value,),) = self.database.rows("SELECT current_setting(?)", name)
        return str(value)

    def test_a_session_that_sits_in_a_transaction_is_told_of_at_the_start_and_each_minute(
        self,
    ) -> None:
        with psycopg.connect(self.database.dsn, application_name="idler") as beside:
            beside.execute("SELECT 1")
            pid = beside.info.backend_pid
            (told,) = self.opened(idle=0)
            self.assertIn("(idler)", told)
            self.assertIn(f"SELECT pg_terminate_backend({pid});", told)
            with capturedLogs() as events:
                self.assertEqual(self.successResultOf(self.store.tidy()), False)
                self.assertEqual(events, [])
                self.clock.advance(LOOK_SECONDS)
                self.assertEqual(self.successResultOf(self.store.tidy()), False)
                self.assertEqual(self.successResultOf(self.store.tidy()), False)
            self.assertEqual(len([each for each in events if "pid" in each]), 1)
