"""``twistd mqgate``: its options, and what becomes of them before there is a server."""

from __future__ import annotations

import gc
import io
import os
import socket
import sys
from pathlib import Path

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from mqgate import __version__
from mqgate.config.first_run import DATABASE
from mqgate.config.problems import ConfigurationError
from mqgate.config.values import Configuration
from mqgate.dialects import ALL
from mqgate.listening import Lent
from mqgate.storage.interface import StoreError
from mqgate.storage.sharing import Seat
from mqgate.storage.sqlite.lock import FileLock
from mqgate.tap import (
    COLLECTOR_THRESHOLDS,
    Options,
    build,
    build_crew,
    build_worker,
    check_unused,
    configure,
    makeService,
    random_hex,
    settle_collector,
    shows_log,
)
from mqgate.terminal import Terminal
from mqgate.workers.task import Task


class TapTestCase(SynchronousTestCase):
    """Gives each test an empty folder."""

    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())
        os.mkdir(self.folder)

    def path(self, *names: str) -> str:
        return os.path.join(self.folder, *names)

    def options(self, *arguments: str) -> Options:
        options = Options()
        options.parseOptions(arguments)
        return options


class OptionTests(TapTestCase):
    def test_without_any_the_data_is_here(self) -> None:
        options = self.options()
        self.assertEqual((options["config"], options["data"], options.listen), (None, None, []))

    def test_listeners_can_be_given_several_times(self) -> None:
        options = self.options("--listen", "tcp:1", "-l", "ssl:2", "-c", "a", "-d", "b")
        self.assertEqual(options.listen, ["tcp:1", "ssl:2"])
        self.assertEqual((options["config"], options["data"]), ("a", "b"))

    def test_nothing_else_is_taken(self) -> None:
        """The one line for it shows where twistd's own options stand."""
        for word, said in (
            ("start", "'start' is no option"),
            ("-n", "option -n not recognized"),
            ("--workers=2", "option --workers not recognized"),
            ("--config", "option --config requires argument"),
        ):
            error = self.assertRaises(SystemExit, self.options, word)
            self.assertEqual(
                error.code,
                f"mqgate: {said}: write twistd -n --pidfile= mqgate [--config FILE] [--data DIR]"
                " [--listen ENDPOINT]... (twistd's own options stand before mqgate)",
            )

    def test_the_version_is_ours(self) -> None:
        """Not Twisted's, which the option of that name would show by itself."""
        shown = io.StringIO()
        self.patch(sys, "stdout", shown)
        self.assertRaises(SystemExit, self.options, "--version")
        self.assertEqual(shown.getvalue(), f"mqgate {__version__}\n")


class ConfigureTests(TapTestCase):
    def test_a_first_start_makes_its_own_configuration(self) -> None:
        first = configure(self.options("--data", self.path("data"), "--listen", "tcp:1"))
        self.assertEqual(first.data, self.path("data"))
        again = configure(self.options("--data", self.path("data")))
        self.assertEqual(again.worlds, first.worlds)
        self.assertEqual(
            [each.listener for each in again.listeners], [each.listener for each in first.listeners]
        )

    def test_a_configuration_that_is_named_has_to_be_there(self) -> None:
        options = self.options("--config", self.path("none.toml"), "--data", self.path("data"))
        self.assertRaises(ConfigurationError, configure, options)
        self.assertFalse(os.path.exists(self.path("data")))

    def test_its_data_folder_is_made_for_the_owner_alone(self) -> None:
        configure(self.options("--data", self.path("data")))
        options = self.options("--config", self.path("data", "mqgate.toml"))
        options["data"] = self.path("elsewhere", "data")
        self.assertEqual(configure(options).data, self.path("elsewhere", "data"))
        self.assertEqual(os.stat(self.path("elsewhere", "data")).st_mode & 0o777, 0o700)

    def test_what_is_wrong_with_it_ends_the_process_with_one_line(self) -> None:
        """As a text, which Python writes to standard error, with exit status 1."""
        with open(self.path(DATABASE), "w"):
            pass
        error = self.assertRaises(SystemExit, makeService, self.options("-d", self.folder))
        self.assertEqual(
            error.code,
            f"{self.folder}: has a database but no mqgate.toml: put that back,"
            " or use --config FILE",
        )


class LogTests(SynchronousTestCase):
    def test_the_log_is_on_the_terminal_in_the_foreground_unless_told_otherwise(self) -> None:
        foreground = {"nodaemon": True, "logfile": None, "syslog": False, "logger": None}
        changes: list[tuple[dict[str, object], bool]] = [
            ({}, True),
            ({"logfile": "-"}, True),
            ({"logfile": "mq.log"}, False),
            ({"syslog": True}, False),
            ({"logger": object()}, False),
            ({"nodaemon": False}, False),
        ]
        for change, shown in changes:
            self.assertEqual(shows_log({**foreground, **change}), shown, change)
        self.assertFalse(shows_log(None))


class DatabaseTests(TapTestCase):
    """A database that cannot be meant is told of before anything is opened."""

    def refused(self, database: str) -> str:
        configure(self.options("--data", self.path("data"), "--listen", "tcp:1"))
        with open(self.path("data", "mqgate.toml"), "r+", encoding="utf-8") as file:
            text = file.read()
            file.seek(0)
            file.write(text.replace('database = "sqlite"', f'database = "{database}"'))
            file.truncate()
        error = self.assertRaises(SystemExit, makeService, self.options("-d", self.path("data")))
        self.assertNotIn("s3cret", str(error.code))
        return str(error.code)

    def test_it_is_neither_a_file_nor_an_address(self) -> None:
        line = self.refused("mysql://me:s3cret@db/mq")
        self.assertIn("database is text that cannot be used: use", line)

    def test_it_is_an_address_that_makes_no_sense(self) -> None:
        line = self.refused("postgresql://me:s3cret@s3cret@db/mq")
        self.assertIn("database: the address falls apart", line)


class OccupiedTests(TapTestCase):
    def test_a_folder_that_another_server_has_ends_the_process_with_one_line(self) -> None:
        """Before its ports are tried, which that server has as well."""
        path = self.path(DATABASE + ".lock")
        configure(self.options("-d", self.folder))
        lock = FileLock(path)
        lock.take()
        self.addCleanup(lock.release)
        error = self.assertRaises(SystemExit, makeService, self.options("-d", self.folder))
        self.assertEqual(
            error.code,
            f"{path} is held by another server (process {os.getpid()}): stop that one first, or"
            " give this one another data folder",
        )

    def test_looking_leaves_the_lock_to_the_store(self) -> None:
        """Which takes it, or makes it, once the process has only the rights that it keeps."""
        lock = FileLock(self.path(DATABASE + ".lock"))
        check_unused(self.folder)
        self.assertEqual(os.listdir(self.folder), [])
        lock.take()
        lock.release()
        check_unused(self.folder)
        lock.take()
        lock.release()


class DialectTests(SynchronousTestCase):
    def test_no_dialect_overlooks_a_misspelt_key(self) -> None:
        for declaration in ALL:
            for table in (declaration.settings, declaration.namespace):
                self.assertTrue(table.__struct_config__.forbid_unknown_fields, table)


class BuildTests(TapTestCase):
    def test_the_server_is_built_but_not_started(self) -> None:
        """twistd starts it, in the background after its way there: no thread may run before."""
        reactor = MemoryReactorClock()
        options = self.options("--data", self.path("data"))
        gate = build(configure(options), reactor, Terminal(-1, -1))
        self.assertEqual(gate.ready(), "starting")
        self.assertEqual(reactor.tcpServers, [])
        self.assertFalse(os.path.exists(self.path("data", DATABASE)))
        self.assertEqual(reactor.whenRunningHooks, [(settle_collector, (), {})])

    def test_so_is_one_of_several_processes(self) -> None:
        reactor = MemoryReactorClock()
        crew = build_crew(self.with_workers(), reactor, Terminal(-1, -1))
        self.assertEqual((reactor.tcpServers, reactor.sslServers), ([], []))
        self.assertFalse(os.path.exists(self.path("data", DATABASE)))
        self.successResultOf(crew.stopService())

    def test_and_each_of_them(self) -> None:
        """Its database is looked for, not made: that is its parent's to do."""
        reactor = MemoryReactorClock()
        inbox, outlet = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        with inbox, outlet:
            seat = Seat(1, os.dup(inbox.fileno()), (os.dup(outlet.fileno()),))
        task = Task(seat, self.with_workers(), Lent((), None), 12.5)
        gate = build_worker(task, reactor)
        self.assertEqual(gate.ready(), "starting")
        error = self.assertRaises(StoreError, gate._store.open)
        self.assertIn("there is no database", str(error))

    def with_workers(self) -> Configuration:
        options = self.options("--data", self.path("data"))
        configure(options)
        file = Path(self.path("data", "mqgate.toml"))
        file.write_text(f"workers = 2\n{file.read_text()}")
        return configure(options)


class ProcessTests(SynchronousTestCase):
    def test_random_digits_are_as_many_as_asked_for(self) -> None:
        for length in (1, 24, 27):
            digits = random_hex(length)
            self.assertEqual(len(digits), length)
            int(digits, 16)
            self.assertNotEqual(random_hex(24), random_hex(24))

    def test_the_collector_is_left_what_comes_after_the_start(self) -> None:
        self.addCleanup(gc.set_threshold, *gc.get_threshold())
        self.addCleanup(gc.unfreeze)
        settle_collector()
        self.assertEqual(gc.get_threshold(), COLLECTOR_THRESHOLDS)
        self.assertGreater(gc.get_freeze_count(), 0)
