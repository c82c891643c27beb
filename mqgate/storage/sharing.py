"""A database that several processes of one server share, as their parent sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from mqgate.storage.interface import Store

#: How long one process may keep the others from writing.
TURN_SECONDS = 10.0


class Seat(NamedTuple):
    """What a process gets from its parent. Descriptors have the same numbers in both."""

    #: Which one it is, from 0.
    slot: int
    #: A socket to hear the other processes with, if they tell each other something that way.
    inbox: int | None = None
    #: One to each of the others.
    outlets: tuple[int, ...] = ()


class Sharing(Protocol):
    """What a parent does with a database that it has no business with itself."""

    def open(self) -> Store | None:
        """Keep others out whom it is not for; raises `StoreError`.

        The store is to be opened, made ready and closed before the first process comes; None if
        processes can do that by themselves.
        """

    def seat(self, slot: int) -> tuple[Seat, Sequence[int]]:
        """The seat of a process, and the descriptors that it has to inherit."""

    def stuck(self) -> int | None:
        """The slot of a process that has kept the others from writing for too long.

        To be asked again and again: one that is found so has been for several of them.
        """

    def close(self) -> None:
        """All processes have ended. Harmless if it is not open."""


class SharedServer:
    """A database on a server, which is made to be shared."""

    def open(self) -> Store | None:
        return None

    def seat(self, slot: int) -> tuple[Seat, Sequence[int]]:
        return Seat(slot), ()

    def stuck(self) -> int | None:
        return None

    def close(self) -> None:
        """Nothing is open."""
