"""Files as older versions wrote them: ``fixtures/N.sql`` is one of schema N.

``python -m tests.storage.aged`` writes that of the present schema, to be kept when the next
migration is added. If one was forgotten, it writes that as well, upgraded from the one before. They
are dumped as statements, so that a change of them can be read.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from mqgate.engine.engine import Engine
from mqgate.engine.values import NewMessage
from mqgate.storage.sqlite import Inline, SQLiteStore
from mqgate.storage.sqlite.backup import Backups
from mqgate.storage.sqlite.schema import migrations, open_file
from tests.engine.case import POLICIES, START

T = TypeVar("T")

FIXTURES = Path(__file__).parent / "fixtures"
#: A body that does not stand in its message's row.
LARGE = b"large " * 150
#: The file was left so many seconds after `START`.
AGE = 5


def versions() -> list[int]:
    """The schemas that there is a file of."""
    return sorted(int(path.stem) for path in FIXTURES.glob("*.sql"))


def restore(version: int, path: str) -> None:
    """Make the file of that schema."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((FIXTURES / f"{version}.sql").read_text(encoding="utf-8"))


class _Writer:
    """An engine whose chores are never done, so that it leaves everything where it is."""

    def __init__(self, path: str) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.store = SQLiteStore(path, Inline())
        opened = self.store.open()
        self.world, self.other = self.store.worlds([["a:one"], ["a:two", "b:two"]])
        self.engine = Engine(self.store, self.clock, self.now, POLICIES, opened=opened)

    def now(self) -> int:
        return int(self.clock.seconds() * 1000)

    def done(self, deferred: Deferred[T]) -> T:
        results: list[T] = []
        deferred.addCallback(results.append)
        while not results:
            self.clock.advance(0)
        return results[0]

    def post(self, queue: str, *messages: NewMessage) -> list[int]:
        return self.done(self.engine.post(self.world, queue, messages, policy="back"))

    def write(self) -> None:
        """A message in each state, bodies small and large, a cleared queue and a removed one."""
        properties = [NewMessage(body, props=b"p") for body in (b"ready 1", b"ready 2", LARGE)]
        self.post("all", *properties, NewMessage(b"delayed", delay=60_000))
        self.post("all", NewMessage(b"expires soon", expires_in=1000))
        for body in (b"reserved", b"reserved and large " + LARGE):
            self.post("held", NewMessage(body, timeout=30_000))
        self.done(self.engine.reserve(self.world, "held", 9))
        gone = [b"deleted", b"deleted and large " + LARGE, b"deleted 3"]
        self.delete(gone)
        self.clock.advance(AGE)
        self.delete([b"deleted later"])
        self.post("gone", NewMessage(b"taken for good"))
        self.done(self.engine.reserve(self.world, "gone", remove=True))
        self.delete([b"deleted, to expire before it is forgotten"], expires_in=2000)
        self.post("cleared", NewMessage(b"on an old shelf"), NewMessage(b"and large " + LARGE))
        self.done(self.engine.reserve(self.world, "cleared"))
        self.done(self.engine.clear(self.world, "cleared"))
        self.post("cleared", NewMessage(b"after it was cleared"))
        self.post("removed", NewMessage(b"of a removed queue"))
        self.done(self.engine.delete_queue(self.world, "removed"))
        place = [NewMessage(b"in place")]
        self.done(self.engine.post(self.other, "place", place, policy="place"))
        self.store.close()

    def delete(self, bodies: list[bytes], expires_in: int | None = None) -> None:
        ids = self.post("gone", *(NewMessage(body, expires_in=expires_in) for body in bodies))
        self.done(self.engine.delete(self.world, "gone", ids))


def dump(connection: sqlite3.Connection) -> Iterator[str]:
    """The statements that make a file anew, what the dump of sqlite3 leaves out included."""
    for name in ("auto_vacuum", "application_id", "user_version"):
        (value,) = connection.execute(f"PRAGMA {name}").fetchone()
        yield f"PRAGMA {name} = {value};"
    yield from connection.iterdump()


def keep(path: str, how: str) -> None:
    """Make a fixture of a file."""
    with closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        lines = [f"-- A database of schema {version}, {how}.", *dump(connection)]
    fixture = FIXTURES / f"{version}.sql"
    fixture.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"wrote {fixture}")


def main() -> None:
    """Write what is missing, and the file of the present schema."""
    with tempfile.TemporaryDirectory() as folder:
        steps = migrations()
        for version in sorted(set(range(1, len(steps))) - set(versions())):
            path = f"{folder}/{version}.db"
            restore(version - 1, path)
            open_file(path, steps[:version], backups=Backups(wanted=False)).close()
            keep(path, f"upgraded from that of schema {version - 1}")
        path = f"{folder}/queues.db"
        _Writer(path).write()
        keep(path, f"as that version left it {AGE} seconds after {START:.0f} of its clock")


if __name__ == "__main__":
    main()
