"""Opening the file: its settings, its schema, and what is said when it cannot be used."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import resources

from mqgate.storage.interface import StoreError
from mqgate.storage.sqlite.backup import Backups

#: Marks the file as ours ("mqga"), so that another program's database is not taken for one.
APPLICATION = 0x6D716761

#: How long another program (a shell, a backup) may hold the file before requests are refused.
BUSY_SECONDS = 5.0

ALL_COPIED = Backups()

#: Of a new file, in this order.
_BEFORE_TABLES = (
    # With SQLite's 4 KiB, a message in batches of 100 costs a twelfth more (more pages to log,
    # more of them to split), and a single caller's commit a twentieth less.
    "PRAGMA page_size = 8192",
    "PRAGMA auto_vacuum = INCREMENTAL",
)
_SETTINGS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    # Debian builds SQLite with it on: 16 kB deletes are 4.4 times slower.
    "PRAGMA secure_delete = OFF",
    # In KiB. With 40 MiB a million waiting messages take 103 MB, not 86, and are no quicker.
    "PRAGMA cache_size = -32768",
    "PRAGMA temp_store = MEMORY",
    # The log is cut back to this after a peak.
    "PRAGMA journal_size_limit = 67108864",
)


def migrations() -> list[str]:
    """The schema's steps: the first makes version 1 out of an empty file, and so on."""
    folder = resources.files("mqgate.storage") / "migrations"
    files = sorted(each.name for each in folder.iterdir() if each.name.endswith(".sql"))
    return [(folder / name).read_text() for name in files]


def open_file(
    path: str,
    steps: Sequence[str] | None = None,
    *,
    may_upgrade: bool = True,
    backups: Backups = ALL_COPIED,
) -> sqlite3.Connection:
    """Open the file, made or upgraded if need be and allowed. Raises `StoreError`."""
    steps = migrations() if steps is None else steps
    with told_plainly(path):
        _check_writable(path)
        connection = sqlite3.connect(
            path,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        try:
            _prepare(connection, path, steps, may_upgrade, backups)
        except BaseException:
            connection.close()
            raise
    return connection


def _prepare(
    connection: sqlite3.Connection,
    path: str,
    steps: Sequence[str],
    may_upgrade: bool,
    backups: Backups,
) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION and (version or tables):
        raise StoreError(f"{path} is the database of another program: give another data folder")
    if version > len(steps):
        raise StoreError(
            f"{path} was written by a newer mqgate (schema {version}, this one knows"
            f" {len(steps)}): install that version again"
        )
    if version < len(steps) and not may_upgrade:
        raise StoreError(f"{path} is of an older mqgate: start the server once to upgrade it")
    _keep_private(path)
    if not tables:
        for setting in _BEFORE_TABLES:
            connection.execute(setting)
    for setting in _SETTINGS:
        connection.execute(setting).fetchall()
    if 0 < version < len(steps):
        backups.make(connection, path, version)
    if version < len(steps):
        _upgrade(connection, version, steps)


def _check_writable(path: str) -> None:
    """SQLite itself would open it for reading, and leave a log that nobody may write to either."""
    if os.path.exists(path) and not os.access(path, os.W_OK):
        raise StoreError(f"{path} {_REASONS[sqlite3.SQLITE_READONLY]}")


def _keep_private(path: str) -> None:
    """A restored copy may come with another mode; its log takes on the file's.

    Who may not write to it still may not: that was somebody's will.
    """
    with suppress(PermissionError):  # somebody else's, made writable for us on purpose
        os.chmod(path, os.stat(path).st_mode & 0o700)


def _upgrade(connection: sqlite3.Connection, version: int, steps: Sequence[str]) -> None:
    """All steps in one transaction: a crash leaves the old schema or the new one."""
    script = "".join(steps[version:])
    connection.executescript(
        f"BEGIN IMMEDIATE;\n{script}\n"
        f"PRAGMA application_id = {APPLICATION};\n"
        f"PRAGMA user_version = {len(steps)};\n"
        "COMMIT;"
    )


class WorldNames:
    """Implements `mqgate.storage.worlds.WorldNames`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def find(self, name: str) -> int | None:
        row = self._execute("SELECT world FROM world_name WHERE name = ?", (name,)).fetchone()
        return None if row is None else row[0]

    def make(self) -> int:
        world = self._execute("INSERT INTO world DEFAULT VALUES").lastrowid
        assert world is not None
        return world

    def add(self, name: str, world: int) -> None:
        self._execute("INSERT INTO world_name(name, world) VALUES(?, ?)", (name, world))


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


_REASONS = {
    sqlite3.SQLITE_BUSY: "is locked by another program: close that one first",
    sqlite3.SQLITE_LOCKED: "is locked by another program: close that one first",
    sqlite3.SQLITE_CORRUPT: "is damaged: put a backup in its place",
    sqlite3.SQLITE_NOTADB: "is damaged, or no SQLite database at all: put a backup in its place",
    sqlite3.SQLITE_READONLY: "cannot be written: check its owner and mode, and its folder's",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: check its owner and mode, and its folder's",
    sqlite3.SQLITE_PERM: "cannot be opened: check its owner and mode, and its folder's",
    sqlite3.SQLITE_FULL: "cannot be opened: the disk is full",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk may be full or failing",
}


def plainly(path: str, error: sqlite3.Error) -> str:
    """What SQLite's error means for the operator, with the file and the cure."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    reason = _REASONS.get(code, "cannot be used")
    return f"{path} {reason} ({error})"


@contextmanager
def told_plainly(path: str) -> Iterator[None]:
    """Turn what SQLite raises into a sentence that names the file and the cure."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(plainly(path, error)) from error
    except OSError as error:
        raise StoreError(f"{path} cannot be used: {error.strerror}") from error
