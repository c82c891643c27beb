"""The places that a process can have at a file: alone, as one of several, or as a visitor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import attrs

from mqgate.storage.sqlite.lock import FileLock
from mqgate.storage.sqlite.neighbours import Neighbours
from mqgate.storage.sqlite.turns import NoTurns, Turns, VisitorsTurns, WorkersTurns

#: That of a server of one process; workers have one each, from here on.
SLOT = 0
#: That of an operator's command, far from them.
COMMAND_SLOT = 1023


class Lock(Protocol):
    """What keeps others out."""

    def take(self) -> None:
        """Take it; raises `StoreError` if somebody else has it."""

    def release(self) -> None:
        """Let others take it. Harmless when it is not held."""


class _ParentsLock:
    """That of a worker: its parent has taken it."""

    def take(self) -> None:
        """There is nobody to be kept out."""

    release = take


@attrs.frozen
class Place:
    """What a process may do with a file, and how it gets on with others."""

    #: Ten bits of every id made here.
    slot: int
    lock: Lock
    turns: Turns
    #: Whether it makes and upgrades the file.
    owns: bool = True
    #: Whether it comes beside the server, or while there is none.
    visits: bool = False
    #: Those that work on the same file all the time, if there are any.
    neighbours: Neighbours | None = None


def alone(path: str) -> Place:
    """Of a server that is one process."""
    return Place(SLOT, FileLock(path + ".lock"), NoTurns())


def visitor(path: str) -> Place:
    """Of an operator's command, beside a server or not; one at a time."""
    lock = FileLock(path + ".command.lock", "command")
    return Place(COMMAND_SLOT, lock, VisitorsTurns(path), owns=False, visits=True)


def first(path: str) -> Place:
    """Of the parent of workers, before they come; it has the file's lock already."""
    return Place(SLOT, _ParentsLock(), NoTurns())


def worker(path: str, slot: int, seconds: Callable[[], float], neighbours: Neighbours) -> Place:
    """Of one of several workers; ``seconds`` never run backwards, and are the same for all."""
    turns = WorkersTurns(path, slot, seconds)
    return Place(slot, _ParentsLock(), turns, owns=False, neighbours=neighbours)
