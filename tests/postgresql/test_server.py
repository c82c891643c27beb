"""The tests' own PostgreSQL: it is there, it can be killed, and nothing of it stays."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from twisted.trial.unittest import SynchronousTestCase

from tests.postgresql import programs
from tests.postgresql.databases import database, give_back, lend, server
from tests.postgresql.programs import Missing, find, prepare
from tests.postgresql.server import Server, new_guard

#: How long something may take to be gone, in seconds.
PATIENCE = 20.0

#: Starts a server, says where, and never ends by itself.
_ENDLESS = """
import signal
from tests.postgresql.databases import server
started = server()
print(started.folder.parent, started._pid, flush=True)
signal.pause()
"""


def came_true(what: Callable[[], bool]) -> bool:
    """Whether this is so within some time."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_gone(pid: int) -> bool:
    """Whether there is no such process, or only what is left of one until somebody asks for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


class SharedTests(SynchronousTestCase):
    """The server that the tests share, and its databases."""

    def test_databases_are_apart_and_empty(self) -> None:
        first, second = database(), database()
        with psycopg.connect(first, autocommit=True) as connection:
            connection.execute("CREATE TABLE t(a bigint)")
        with psycopg.connect(second, autocommit=True) as connection:
            tables = connection.execute("SELECT * FROM pg_tables WHERE schemaname = 'public'")
            self.assertEqual(tables.fetchall(), [])
            encoding = connection.execute("SHOW server_encoding").fetchone()
        self.assertEqual(encoding, ("UTF8",))

    def test_it_answers_over_the_loopback_to_those_who_know_its_password(self) -> None:
        with psycopg.connect(server().dsn(tcp=True)) as connection:
            self.assertEqual(connection.execute("SELECT 1").fetchone(), (1,))
        with self.assertRaises(psycopg.OperationalError):
            psycopg.connect(server().dsn(tcp=True, password="wrong"))

    def test_a_lent_one_is_emptied_and_lent_again(self) -> None:
        lent = lend()
        lent.connection.execute("CREATE TABLE IF NOT EXISTS lent(a bigserial, b bigint)")
        self.addCleanup(give_back, lent)
        self.addCleanup(lent.alter, "DROP TABLE lent")
        for _ in range(2):
            lent.change("INSERT INTO lent(b) VALUES(?)", 7)
            self.assertEqual(lent.rows("SELECT a, b FROM lent WHERE b = ?", 7), [(1, 7)])
            left = psycopg.connect(lent.dsn)  # in a transaction, with a lock
            self.addCleanup(left.close)
            left.execute("UPDATE lent SET b = 8")
            give_back(lent)
            self.assertIs(lend(), lent)
            self.assertEqual(lent.rows("SELECT * FROM lent"), [])

    def test_one_that_was_altered_is_never_lent_again(self) -> None:
        lent = lend()
        lent.alter("CREATE TABLE odd(a bigint)")
        give_back(lent)
        with self.assertRaises(psycopg.OperationalError):
            psycopg.connect(lent.dsn)
        again = lend()
        self.addCleanup(give_back, again)
        self.assertNotEqual(again.dsn, lent.dsn)


class LifeTests(SynchronousTestCase):
    """Servers of a test's own."""

    def setUp(self) -> None:
        self.guard = new_guard()
        self.addCleanup(self.guard.close)
        self.primary = Server.made(self.guard, "primary")
        self.primary.start()
        self.primary.execute("CREATE TABLE t(a bigint)")

    def test_one_that_was_killed_has_what_was_committed(self) -> None:
        self.primary.execute("INSERT INTO t VALUES(1)")
        self.primary.kill()
        with self.assertRaises(psycopg.OperationalError):
            self.primary.execute("SELECT 1")
        self.primary.start()
        self.assertEqual(self.primary.execute("SELECT a FROM t"), [(1,)])
        self.primary.stop()

    def test_a_standby_has_each_commit_and_takes_over(self) -> None:
        standby = self.primary.standby("standby")
        self.primary.execute("INSERT INTO t VALUES(1)")
        self.primary.kill()
        standby.promote()
        self.assertEqual(standby.execute("SELECT a FROM t"), [(1,)])
        standby.execute("INSERT INTO t VALUES(2)")  # it waits for no standby of its own

    def test_a_frozen_one_takes_connections_and_answers_nothing(self) -> None:
        self.primary.freeze()
        self.addCleanup(self.primary.thaw)
        with self.assertRaises(psycopg.OperationalError):
            psycopg.connect(self.primary.dsn(tcp=True, connect_timeout=2))

    def test_nothing_is_left_whatever_state_they_are_in(self) -> None:
        standby = self.primary.standby("standby", synchronous=False)
        standby.freeze()
        self.primary.kill()
        self.guard.close()
        self.assertFalse(self.guard.programs.scratch.exists())


class EndTests(SynchronousTestCase):
    """The server ends with the tests, however they end."""

    def test_it_ends_with_tests_that_are_killed(self) -> None:
        tests = subprocess.Popen(
            [sys.executable, "-c", _ENDLESS],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self.addCleanup(tests.wait)
        self.addCleanup(tests.kill)
        assert tests.stdout is not None
        folder, pid = tests.stdout.readline().split()
        tests.stdout.close()
        self.assertTrue(Path(folder).exists())
        tests.send_signal(signal.SIGKILL)
        self.assertTrue(came_true(lambda: is_gone(int(pid))))
        self.assertTrue(came_true(lambda: not Path(folder).exists()))


class ProgramsTests(SynchronousTestCase):
    """Which programs are run, by whom and where."""

    def test_the_package_for_pip_does_as_well(self) -> None:
        self.patch(os, "environ", {**os.environ, programs.CHOICE: "pip"})
        guard = new_guard()
        self.addCleanup(guard.close)
        packaged = Server.made(guard, "packaged")
        packaged.start()
        self.assertEqual(packaged.execute("SELECT 1"), [(1,)])

    def test_programs_that_the_user_cannot_get_to_are_copied(self) -> None:
        if os.geteuid():
            return  # they are this user's own
        hidden = Path(self.mktemp()).absolute()
        hidden.mkdir(mode=0o700)
        package = find("pip").parent.parent
        os.symlink(package, hidden / package.name)
        os.symlink(package.with_name(f"{package.name}.libs"), hidden / f"{package.name}.libs")
        found = prepare(str(hidden / package.name / find("pip").parent.name / "bin"))
        self.addCleanup(os.rmdir, found.scratch)
        self.addCleanup(shutil.rmtree, found.scratch / "programs")
        self.assertTrue(found.folder.is_relative_to(found.scratch))

    def test_where_there_are_none_one_line_says_what_to_do(self) -> None:
        with self.assertRaises(Missing) as raised:
            find("/nowhere")
        self.assertIn("MQGATE_TEST_POSTGRESQL='/nowhere'", str(raised.exception))
        self.assertNotIn("\n", str(raised.exception))
