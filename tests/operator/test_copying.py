"""``mqgate copy``: from one database into another.

A file is the configured one, in whatever database the others' tests are.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing

import psycopg

from mqgate.engine.engine import Engine
from mqgate.engine.values import NewMessage
from mqgate.storage.databases import Database, choose
from mqgate.storage.runners import Inline
from tests.live.server import PATIENCE_SECONDS, environment
from tests.operator.case import PROJECTS, CommandCase
from tests.postgresql.databases import database as new_database
from tests.storage.test_copying import content, problems
from tests.stores import only_sqlite

A = PROJECTS[0]


@only_sqlite
class CopyTests(CommandCase):
    """Of a file that no server has open any more."""

    def setUp(self) -> None:
        super().setUp()
        self.post(b"1", b"2" * 1000)
        self.post(b"later", delay=20_000)
        self.take()

    def stop(self) -> Database:
        """Stop the server; the database that it leaves."""
        self.successResultOf(self.store.close())
        return choose(None, self.path)

    def test_a_database_goes_to_a_server_and_back(self) -> None:
        source, address = self.stop(), new_database()
        name = choose(address, "").name
        outcome = self.did("copy", "--to", address)
        self.assertRegex(
            outcome.err,
            rf"^copied 3 messages and \d+ other rows from {source.name} to {name}\n$",
        )
        back = self.folder / "back.db"
        outcome = self.did("copy", "--from", address, "--to", f"sqlite:{back}", "--json")
        self.assertEqual((outcome.json["copied"], outcome.json["rows"]["msg"]), (True, 3))
        self.assertEqual((outcome.json["from"], outcome.json["to"]), (name, str(back)))
        self.assertEqual(content(choose(None, str(back))), content(source))

    def test_a_server_goes_on_with_it_exactly(self) -> None:
        """What is reserved, delayed and remembered stays so, and no id is given out again."""
        before = self.post(b"deleted", b"at the back")
        self.done(self.engine.delete(self.world, "jobs", before[:1]))
        self.stop()
        address = new_database()
        self.did("copy", "--to", address)
        self.store = choose(address, "").store(Inline(), Inline())
        opened = self.store.open()
        self.assertEqual(opened.secret, self.opened.secret)
        self.assertEqual(self.store.worlds([[f"ironmq/{A}"]]), [self.world])
        self.engine = Engine(self.store, self.clock, self.now, self.policies, opened=opened)
        self.assertEqual(self.size(), 4)
        self.assertEqual(self.done(self.engine.get(self.world, "jobs", before[0])).body, b"deleted")
        self.assertEqual(self.take(9), [b"2" * 1000, b"at the back"])
        self.assertGreater(self.post(b"new")[0], max(before))
        self.clock.advance(20)
        self.assertEqual(self.take(9), [b"new", b"later"])
        self.clock.advance(40)
        self.assertEqual(self.take(9)[:1], [b"1"])
        self.successResultOf(self.store.close())
        self.assertEqual(problems(choose(address, "")), [])

    def test_one_that_is_there_already_is_not_copied_again(self) -> None:
        self.stop()
        address = new_database()
        self.did("copy", "--to", address)
        self.assertIn("holds all of", self.did("copy", "--to", address).err)
        outcome = self.did("copy", "--to", address, "--json")
        self.assertEqual((outcome.json["copied"], outcome.json["rows"]), (False, {}))
        self.store.open()
        self.stop()
        self.assertIn("copy into an empty database", self.refused("copy", "--to", address))

    def test_the_other_one_may_be_the_configured_one(self) -> None:
        source, address = self.stop(), new_database()
        (self.folder / "address").write_text(address + "\n")
        config = self.folder / "mqgate.toml"
        config.write_text('database = { file = "address" }\n' + config.read_text())
        self.did("copy", "--from", "sqlite")
        self.assertEqual(content(choose(address, "")), content(source))
        os.unlink(self.path)
        self.did("copy", "--to", "sqlite")
        self.assertEqual(content(choose(None, self.path)), content(choose(address, "")))

    def test_an_address_need_not_stand_on_the_command_line(self) -> None:
        self.stop()
        file = self.folder / "address"
        file.write_text(new_database() + "\n")
        self.did("copy", "--to", f"@{file}")
        self.assertIn("No such file", self.refused("copy", "--to", "@/nowhere/address"))

    def test_what_cannot_be_meant_is_told(self) -> None:
        self.stop()
        for words, reason in (
            ([], "cannot be copied into itself: use --to, or --from"),
            (["--to", "sqlite"], "cannot be copied into itself"),
            (["--to", "sqlite:"], "has no path behind sqlite:"),
            (["--to", "mysql://db"], "--to is no database: use sqlite, sqlite:PATH, @FILE or"),
            (["--from", "sqlite:/nowhere/x.db"], "there is no database /nowhere/x.db"),
        ):
            self.assertIn(reason, self.refused("copy", *words))

    def test_a_running_server_is_in_the_way(self) -> None:
        line = self.refused("copy", "--to", new_database())
        self.assertIn("is held by another server", line)

    def test_no_password_is_shown(self) -> None:
        self.stop()
        for address in (
            "postgresql://me:s3cret@127.0.0.1:1/mq",
            "postgresql://me:s3cret@s3cret@127.0.0.1:1/mq",
            "postgresql://me:s3cret@127.0.0.1:1/mq?s3cret=1",
            "host=127.0.0.1 port=1 password=not s3cret",
        ):
            self.assertNotIn("s3cret", self.refused("copy", "--to", address))

    def test_the_wheel_s_extra_is_named_where_it_is_missing(self) -> None:
        program = "import sys; sys.modules['psycopg'] = None\n"
        program += "from mqgate.operator.command import run; run()"
        done = subprocess.run(
            [sys.executable, "-c", program, "-d", str(self.folder), "copy", "--to", "host=x"],
            env=environment(),
            capture_output=True,
            timeout=PATIENCE_SECONDS,
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"pip install 'mqgate[postgresql]'", done.stderr)
        self.assertEqual(done.stderr.count(b"\n"), 1)


@only_sqlite
class ConfiguredTests(CommandCase):
    def test_an_address_in_a_variable_has_to_be_set_here_too(self) -> None:
        config = self.folder / "mqgate.toml"
        config.write_text('database = { env = "NO_DATABASE" }\n' + config.read_text())
        line = self.refused("queues")
        self.assertIn("the database is in the environment variable NO_DATABASE: set it", line)

    def test_gateways_hear_of_what_the_command_brings(self) -> None:
        self.post(b"1")
        exported = self.did("export", A).out.encode()
        self.successResultOf(self.store.close())
        address = new_database()
        config = self.folder / "mqgate.toml"
        config.write_text(f'database = "{address}"\n' + config.read_text())
        self.did("copy", "--from", "sqlite")
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("LISTEN mqgate")
            self.did("import", "-", given=exported)
            [told] = connection.notifies(timeout=PATIENCE_SECONDS, stop_after=1)
        self.assertEqual(json.loads(told.payload), [[self.world, "jobs"]])


@only_sqlite
class KilledTests(CommandCase):
    """Killed in the middle, and called again."""

    messages = 20_000

    def setUp(self) -> None:
        super().setUp()
        for start in range(0, self.messages, 500):
            posted = [NewMessage(b"%d" % n * 20) for n in range(start, start + 500)]
            self.done(self.engine.post(self.world, "jobs", posted, policy="ironmq"))
        self.successResultOf(self.store.close())
        self.source = choose(None, self.path)

    def kill_once(self, reached: Callable[[], bool], *words: str) -> None:
        """Call the command, and kill it when something is reached."""
        command = [sys.executable, "-m", "mqgate.operator", "-d", str(self.folder), *words]
        process = subprocess.Popen(command, env=environment())
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not reached():
            self.assertIsNone(process.poll(), "it was done before it could be killed")
            self.assertLess(time.monotonic(), deadline)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def check_copy(self, target: Database) -> None:
        self.assertEqual(content(target), content(self.source))
        self.assertEqual(problems(target), [])

    def test_on_its_way_to_a_server(self) -> None:
        address = new_database()
        with psycopg.connect(address, autocommit=True) as connection:

            def copies_messages() -> bool:
                statement = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'COPY msg%'"
                return bool(connection.execute(statement).fetchall())

            self.kill_once(copies_messages, "copy", "--to", address)
        server = choose(address, "")
        with closing(server.target()) as target:
            self.assertFalse(target.used())
        self.did("copy", "--to", address)
        self.check_copy(server)

    def test_on_its_way_into_a_file(self) -> None:
        path = self.folder / "back.db"
        part = self.folder / "back.db.copy"

        def writes() -> bool:
            return part.exists() and part.stat().st_size > 1_000_000

        self.kill_once(writes, "copy", "--to", f"sqlite:{path}")
        self.assertFalse(path.exists())
        self.did("copy", "--to", f"sqlite:{path}")
        self.assertFalse(part.exists())
        self.check_copy(choose(None, str(path)))
