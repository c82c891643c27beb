"""What the command says when something is wrong, and how it writes for people."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

from twisted.trial.unittest import SynchronousTestCase

from mqgate.operator.errors import Interrupted
from mqgate.operator.signals import Signals
from mqgate.operator.text import beginning, duration, escaped, instant, table, width
from mqgate.storage.sqlite import schema
from mqgate.storage.sqlite.lock import FileLock
from tests import stores
from tests.operator.case import PROJECTS, CommandCase

A = PROJECTS[0]


class RefusalTests(CommandCase):
    def test_a_wrong_command_line_is_one_line_and_status_2(self) -> None:
        for words in ([], ["what"], ["peek", A, "q", "-n", "0"], ["import", "f", "--skip", "x"]):
            with redirect_stderr(StringIO()) as said, self.assertRaises(SystemExit) as ended:
                self.run_command(*words)
            self.assertEqual(ended.exception.code, 2)
            self.assertEqual(said.getvalue().count("\n"), 1, said.getvalue())

    def test_help_is_there_for_every_command(self) -> None:
        for word in ("queues", "show", "peek", "purge", "delete", "export", "import", "verify"):
            with redirect_stdout(StringIO()) as said, self.assertRaises(SystemExit) as ended:
                self.run_command(word, "--help")
            self.assertEqual(ended.exception.code, 0)
            self.assertIn("WORLD", said.getvalue())

    def test_a_missing_configuration_is_named(self) -> None:
        line = self.refused("--data", "/nowhere", "queues", data=False)
        self.assertIn("there is no /nowhere/mqgate.toml: use --config FILE or --data DIR", line)
        self.assertIn("cannot be read", self.refused("queues", "--config", "/nowhere"))

    def test_places_can_be_said_after_the_command_too(self) -> None:
        self.did("queues", "--data", str(self.folder), data=False)
        config = self.folder / "elsewhere.toml"
        (self.folder / "mqgate.toml").rename(config)
        self.did("queues", "-c", str(config), data=False)

    @stores.only_sqlite
    def test_a_missing_database_is_not_made(self) -> None:
        (self.folder / "empty").mkdir()
        text = (self.folder / "mqgate.toml").read_text()
        (self.folder / "empty" / "mqgate.toml").write_text(text)
        self.assertIn(
            "there is no database", self.refused("verify", "-d", str(self.folder / "empty"))
        )

    @stores.only_sqlite
    def test_databases_of_others_are_refused(self) -> None:
        for pragma, reason in (
            ("user_version = 99", "was written by a newer mqgate"),
            ("user_version = 0", "is of an older mqgate: start the server once"),
            ("application_id = 1", "is no database of mqgate"),
        ):
            connection = sqlite3.connect(self.path)
            connection.execute(f"PRAGMA {pragma}")
            connection.close()
            self.assertIn(reason, self.refused("queues"))

    @stores.only_sqlite
    def test_a_file_that_is_no_database_is_one_line(self) -> None:
        other = self.folder / "other"
        other.mkdir()
        (other / "mqgate.db").write_bytes(b"x" * 10_000)
        line = self.refused("queues", "-c", str(self.folder / "mqgate.toml"), "-d", str(other))
        self.assertIn("is damaged, or no SQLite database at all", line)

    @stores.only_sqlite
    def test_two_commands_do_not_change_things_at_once(self) -> None:
        self.post(b"x")
        lock = FileLock(self.path + ".command.lock", "command")
        lock.take()
        self.addCleanup(lock.release)
        self.assertIn("another command", self.refused("purge", A, "jobs", "--yes"))
        self.did("queues")

    @stores.only_sqlite
    def test_a_database_that_stays_busy_is_told_after_a_while(self) -> None:
        self.post(b"x")
        self.patch(schema, "BUSY_SECONDS", 0.0)
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        began = self.clock.seconds()
        line = self.refused("purge", A, "jobs", "--yes")
        self.assertIn("is locked by another program", line)
        self.assertGreater(self.clock.seconds() - began, 59)
        self.assertEqual(self.did("queues", "--json").json["queues"][0]["size"], 1)

    @stores.only_sqlite
    def test_a_busy_database_is_waited_for(self) -> None:
        self.post(b"x")
        self.patch(schema, "BUSY_SECONDS", 0.0)
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        self.clock.callLater(1, other.execute, "ROLLBACK")
        self.did("purge", A, "jobs", "--yes")
        self.assertEqual(self.size(), 0)

    def test_a_fault_of_our_own_is_no_traceback(self) -> None:
        self.patch(self.clock, "seconds", lambda: None)
        self.assertIn("a fault of mqgate's own", self.refused("queues"))


class SignalTests(SynchronousTestCase):
    def test_a_signal_is_heeded_at_once(self) -> None:
        with self.assertRaises(Interrupted) as raised:
            Signals().came(signal.SIGINT)
        self.assertEqual(raised.exception.number, signal.SIGINT)

    def test_a_step_is_done_whole_before(self) -> None:
        signals, done = Signals(), []

        def work() -> None:
            with signals.step():
                with signals.step():
                    signals.came(signal.SIGTERM)
                    done.append(1)
                done.append(2)
            done.append(3)

        self.assertRaises(Interrupted, work)
        self.assertEqual(done, [1, 2])


class TextTests(SynchronousTestCase):
    def test_what_is_not_printable_is_escaped(self) -> None:
        self.assertEqual(
            escaped("a\x1b\x9b\u2028\U000e0001\udc80é"), r"a\x1b\x9b\u2028\U000e0001\udc80é"
        )

    def test_a_beginning_fits_its_columns(self) -> None:
        for body, expected in (
            (b"1234", "1234"),
            (b"12345", "123…"),
            ("日本".encode(), "日本"),
            ("日本語".encode(), "日…"),
            (b"\n\n", r"\n\n"),
            (b"\n" * 100, r"\n\…"),
            (b"", ""),
        ):
            self.assertEqual(beginning(body, 4), expected)

    def test_lengths_of_time_have_two_units(self) -> None:
        for milliseconds, expected in (
            (-5, "0ms"),
            (999, "999ms"),
            (61_000, "1m 1s"),
            (3_600_000, "1h"),
            (90_061_000, "1d 1h"),
        ):
            self.assertEqual(duration(milliseconds), expected)

    def test_instants_that_no_calendar_has_are_never(self) -> None:
        self.assertEqual(instant(1 << 62), "never")

    def test_wide_and_combining_characters_are_aligned(self) -> None:
        self.assertEqual((width("日本"), width("e\u0301"), width("ab")), (4, 1, 2))
        text = table(("A", "N"), [("日", 1), ("xyz", 10), ("", None)])
        self.assertEqual(text, "A     N\n日    1\nxyz  10\n\n")
