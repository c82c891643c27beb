"""Turns at a file that several processes write to."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from mqgate.storage.interface import StoreError

#: What is added to the database's name for the file that turns are taken with.
SUFFIX = ".turn"

_HOLDER = struct.Struct("=qd")
#: The slot of a holder that is no worker.
_NONE = -1


class Turns(Protocol):
    """Who may write to the file, and when."""

    def open(self) -> None:
        """Get ready; raises `StoreError`."""

    def take(self) -> None:
        """Wait for one's turn. Raises `OSError` if it cannot be had."""

    def begun(self) -> None:
        """SQLite's own lock is held now as well."""

    def leave(self) -> None:
        """It is somebody else's turn. Harmless when it was not one's own."""

    def close(self) -> None:
        """No turn is taken any more."""


class NoTurns:
    """For a server of one process: only SQLite's own lock is between it and others."""

    def open(self) -> None:
        """Nothing to get ready."""

    take = begun = leave = close = open


class _Lock:
    """A file's lock. Waiting for it costs nothing: SQLite's own is asked for over and over, and
    whoever sleeps longest between two tries starves.

    The system takes it back from a process that ends, however it ends.
    """

    def __init__(self, database: str) -> None:
        self._path = database + SUFFIX
        self._file: int | None = None

    def open(self) -> None:
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(
                f"{self._path} cannot be written ({error.strerror}):"
                " check its owner and mode, and its folder's"
            ) from error

    @property
    def file(self) -> int:
        """Its descriptor, once it is open."""
        assert self._file is not None
        return self._file

    def take(self) -> None:
        fcntl.flock(self.file, fcntl.LOCK_EX)

    def write_down(self, slot: int, since: float) -> None:
        """Who has it, for `TurnWatch`."""
        try:
            os.pwrite(self.file, _HOLDER.pack(slot, since), 0)
        except OSError:  # some file systems need room even for what is written over
            self.leave()
            raise

    def leave(self) -> None:
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


class WorkersTurns(_Lock):
    """Those of one of several workers: it has its turn until the end of its transaction.

    It writes down which one it is and since when, for `TurnWatch`. ``seconds`` tells seconds that
    are the same in every process, and never run backwards.
    """

    def __init__(self, database: str, slot: int, seconds: Callable[[], float]) -> None:
        super().__init__(database)
        self._slot = slot
        self._seconds = seconds

    def take(self) -> None:
        super().take()
        self.write_down(self._slot, self._seconds())

    def begun(self) -> None:
        """It stays one's turn: the next in line then need not ask SQLite twice."""


class VisitorsTurns(_Lock):
    """Those of a command beside the server, which queues up as the workers do.

    From then on SQLite's own lock is enough, of which workers wait for no more than some seconds:
    they go on serving while a command is stopped in the middle of something.
    """

    def take(self) -> None:
        super().take()
        # Else the worker that had its turn before would seem to have it all the time.
        self.write_down(_NONE, 0.0)

    def begun(self) -> None:
        self.leave()


class Holder(NamedTuple):
    """Whose turn it is."""

    slot: int
    #: By the workers' clock.
    since: float


class TurnWatch:
    """Looks whose turn it is, from outside."""

    def __init__(self, database: str) -> None:
        self._lock = _Lock(database)

    def open(self) -> None:
        """Get ready; raises `StoreError`."""
        self._lock.open()

    def look(self) -> Holder | None:
        """Which worker's turn it is, or none's. Never blocks.

        One who has only just got it may not have written that down: then it is whose turn it was
        before, so that only what is seen twice is sure.
        """
        file = self._lock.file
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            written = os.pread(file, _HOLDER.size, 0)
            if len(written) < _HOLDER.size:
                return None
            holder = Holder(*_HOLDER.unpack(written))
            return None if holder.slot == _NONE else holder
        fcntl.flock(file, fcntl.LOCK_UN)
        return None

    def close(self) -> None:
        """Look no more."""
        self._lock.close()


@contextmanager
def turn(turns: Turns) -> Iterator[None]:
    """One's turn, from the time that it comes."""
    turns.take()
    try:
        yield
    finally:
        turns.leave()
