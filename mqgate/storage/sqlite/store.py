"""A store in one SQLite file: WAL, an fsync for each commit, one transaction at a time."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Callable, Collection, Sequence

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from mqgate.storage.executor import SlotLost, execute
from mqgate.storage.interface import (
    Batch,
    Census,
    Damaged,
    Moved,
    Opened,
    Peers,
    Results,
    Stale,
    StoreError,
    Unavailable,
)
from mqgate.storage.reads import only_reads
from mqgate.storage.runners import Runner
from mqgate.storage.sqlite import metering, schema
from mqgate.storage.sqlite.backup import Backups, free_space
from mqgate.storage.sqlite.places import Place, alone, visitor
from mqgate.storage.sqlite.reading import Observer
from mqgate.storage.sqlite.session import SMALL, SQLiteSession
from mqgate.storage.sqlite.turns import turn
from mqgate.storage.statements.catalogue import HIGHEST, MAKE_SECRET, SECRET, TAKE_SLOT
from mqgate.storage.worlds import worlds_of

#: Unused pages are given back so many at a time (which takes milliseconds) …
PAGES_AT_ONCE = 500
#: … and so many are kept for what comes next.
PAGES_KEPT = 500

#: What is the disk's, the lock's or the memory's fault, and may pass; anything else is a bug, or
#: an operation that cannot be done.
_PASSING = frozenset(
    {
        sqlite3.SQLITE_ABORT,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class SQLiteStore:
    """The store of one gateway; implements `mqgate.storage.interface.Store`.

    ``free_space_minimum`` is in bytes: below it `has_room` says no, so that what is there can
    still be handed out and deleted, which takes some space too.

    ``observing`` makes the calls that only look, which may take long; without it ``runner`` does.
    Bodies of up to ``small`` bytes stand in their messages' rows.

    With ``beside`` it is the store of an operator's command, which may work beside a server: it
    has a slot of its own, and makes and upgrades nothing. Otherwise it is that of a server which
    is one process, unless ``place`` says what part of one it is.
    """

    _log = Logger()

    def __init__(
        self,
        path: str,
        runner: Runner,
        *,
        observing: Runner | None = None,
        free_space_minimum: int = 0,
        free_space: Callable[[str], int] = free_space,
        backups: Backups = schema.ALL_COPIED,
        beside: bool = False,
        place: Place | None = None,
        small: int = SMALL,
    ) -> None:
        self.path = path
        self._runner = runner
        self._observing = observing or runner
        self._observer = Observer(path)
        self._free_space_minimum = free_space_minimum
        self._free_space = free_space
        self._had_room = True
        self._backups = backups
        self._small = small
        self._place = place or (visitor(path) if beside else alone(path))
        self._turns = self._place.turns
        self._connection: sqlite3.Connection | None = None
        self._session: SQLiteSession | None = None

    def open(self) -> Opened:
        if not os.path.exists(self.path):
            if not self._place.owns:
                raise StoreError(f"there is no database {self.path}")
            self._log.info("Making a new database, {path}", path=self.path)
        self._place.lock.take()
        try:
            self._turns.open()
            connection = schema.open_file(
                self.path, may_upgrade=self._place.owns, backups=self._backups
            )
            with schema.told_plainly(self.path), turn(self._turns):
                owner, high = self._take_slot(connection)
                connection.execute(MAKE_SECRET.sqlite, (secrets.token_bytes(32),))
                (secret,) = connection.execute(SECRET.sqlite).fetchone()
        except BaseException:
            self._let_go()
            raise
        self._connection = connection
        self._session = self._speaking(connection, owner)
        self._runner.start()
        if self._observing is not self._runner:
            self._observing.start()
        return Opened(self._place.slot, high, secret)

    def _speaking(self, connection: sqlite3.Connection, owner: str) -> SQLiteSession:
        place = self._place
        return SQLiteSession(connection, place.slot, owner, self._small, visitor=place.visits)

    def _take_slot(self, connection: sqlite3.Connection) -> tuple[str, int]:
        owner = secrets.token_hex(8)
        connection.execute(TAKE_SLOT, (self._place.slot, owner))
        (high,) = connection.execute(HIGHEST).fetchone()
        return owner, high

    def worlds(self, names: Sequence[Sequence[str]]) -> list[int]:
        connection = self._opened()
        with schema.told_plainly(self.path), turn(self._turns), schema.transaction(connection):
            return worlds_of(schema.WorldNames(connection), names)

    def meter(self, wanted: bool) -> None:
        connection = self._opened()
        with schema.told_plainly(self.path):
            if metering.is_as_wanted(connection, wanted):
                return
            self._log.info(
                "Counting the bytes of all messages, for the limits; this may take a while"
                if wanted
                else "The bytes of messages are no longer counted: no limit asks for it"
            )
            with turn(self._turns), schema.transaction(connection):
                (metering.begin if wanted else metering.end)(connection)

    def run_now(self, batch: Batch) -> Results:
        try:
            return self._transact(batch)
        except Unavailable as error:
            raise StoreError(f"{self.path} cannot be used: {error}") from error

    def run(self, batch: Batch) -> Deferred[Results]:
        return self._runner.call(lambda: self._transact(batch))

    @property
    def shared(self) -> bool:
        # Operator's commands do not wait for anything.
        return self._place.neighbours is not None

    def attend(self, peers: Peers) -> None:
        if self._place.neighbours is not None:
            self._place.neighbours.attend(peers)

    def announce(self, queues: Collection[tuple[int, str]]) -> None:
        if self._place.neighbours is not None:
            self._place.neighbours.announce(queues)

    def has_room(self) -> bool:
        if not self._free_space_minimum:
            return True
        try:
            free = self._free_space(os.path.dirname(self.path) or ".")
        except OSError:
            return True  # what is wrong there, the commit will say
        has_room = free >= self._free_space_minimum
        if has_room != self._had_room:
            self._had_room = has_room
            self._tell_of_room(free)
        return has_room

    def _tell_of_room(self, free: int) -> None:
        if self._had_room:
            self._log.info("There is room for new messages again: {free} MB", free=free >> 20)
        else:
            self._log.warn(
                "{path} has {free} MB of disk left, less than free_space_minimum ({minimum} MB):"
                " new messages are refused, fetching and deleting go on",
                path=self.path,
                free=free >> 20,
                minimum=self._free_space_minimum >> 20,
            )

    def census(self, worlds: Sequence[int], now: int, limit: int) -> Deferred[Census]:
        return self._observing.call(lambda: self._census(worlds, now, limit))

    def tidy(self) -> Deferred[bool]:
        return self._runner.call(self._tidy)

    def close(self) -> Deferred[None]:
        closed = self._observing.call(self._observer.close)
        closed.addCallback(lambda _: self._runner.call(self._close))
        return closed.addBoth(self._closed)

    # -- in the runner's thread

    def _transact(self, batch: Batch) -> Results:
        connection = self._opened()
        if connection.in_transaction:
            self._roll_back(connection)  # it could not be done when it was due
        if only_reads(batch):
            # It takes no lock, and need not wait for whoever holds it.
            return self._carry_out(connection, batch, "BEGIN")
        try:
            with turn(self._turns):
                return self._carry_out(connection, batch, "BEGIN IMMEDIATE")
        except OSError as error:
            raise Unavailable(f"{self.path} cannot be used: {error.strerror}") from error

    def _carry_out(self, connection: sqlite3.Connection, batch: Batch, begin: str) -> Results:
        session = self._session
        assert session is not None
        try:
            connection.execute(begin)
            self._turns.begun()
            result = execute(session, batch)
            if isinstance(result, Stale):
                connection.execute("ROLLBACK")
            else:
                connection.execute("COMMIT")
        except SlotLost:
            self._roll_back(connection)
            return self._take_slot_again(connection)
        except sqlite3.Error as error:
            self._roll_back(connection)
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in _DAMAGE:
                raise Damaged(schema.plainly(self.path, error)) from error
            if code in _PASSING:
                raise Unavailable(str(error)) from error
            raise
        except MemoryError as error:  # SQLite's own, too
            self._roll_back(connection)
            raise Unavailable("out of memory") from error
        except BaseException:
            self._roll_back(connection)
            raise
        return result

    def _take_slot_again(self, connection: sqlite3.Connection) -> Moved:
        try:
            owner, high = self._take_slot(connection)
        except sqlite3.Error as error:
            raise Unavailable(str(error)) from error
        self._session = self._speaking(connection, owner)
        return Moved(self._place.slot, high)

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        # SQLite itself rolls back after some errors, such as a full disk.
        if connection.in_transaction:
            try:
                connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                self._log.error("Rolling back failed: {error}", error=str(error))

    def _tidy(self) -> bool:
        connection = self._opened()
        (unused,) = connection.execute("PRAGMA freelist_count").fetchone()
        if unused <= PAGES_KEPT:
            return False
        try:
            with turn(self._turns):
                # Through execute() it would free one page only.
                connection.executescript(f"PRAGMA incremental_vacuum({PAGES_AT_ONCE})")
        except sqlite3.OperationalError as error:
            self._log.debug("Unused space is kept for now: {why}", why=str(error))
            return False
        return bool(unused - PAGES_AT_ONCE > PAGES_KEPT)

    def _close(self) -> None:
        if self._connection is not None:
            with turn(self._turns):  # the last one to close it cleans up
                self._connection.close()

    # -- in the observing runner's thread

    def _census(self, worlds: Sequence[int], now: int, limit: int) -> Census:
        try:
            return self._observer.census(worlds, now, limit)
        except sqlite3.Error as error:
            raise Unavailable(schema.plainly(self.path, error)) from error

    # -- in the reactor's thread

    def _closed(self, result: None) -> None:
        self._connection = self._session = None
        if self._observing is not self._runner:
            self._observing.stop()
        self._runner.stop()
        self._let_go()
        return result

    def _let_go(self) -> None:
        if self._place.neighbours is not None:
            self._place.neighbours.close()
        self._turns.close()
        self._place.lock.release()

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreError(f"{self.path} is not open")
        return self._connection
