"""A file that several processes share, as their parent sees it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence

from mqgate.storage.interface import Store
from mqgate.storage.sharing import Seat
from mqgate.storage.sqlite.lock import FileLock
from mqgate.storage.sqlite.turns import Holder, TurnWatch


class SharedFile:
    """Implements `mqgate.storage.sharing.Sharing`.

    ``first`` makes and upgrades it. ``seconds`` are the same in all processes; ``turn_seconds`` is
    how long one of them may have its turn.
    """

    def __init__(
        self,
        path: str,
        first: Store,
        processes: int,
        seconds: Callable[[], float],
        turn_seconds: float,
    ) -> None:
        self._first = first
        self._processes = processes
        self._seconds = seconds
        self._turn_seconds = turn_seconds
        self._lock = FileLock(path + ".lock")
        self._watch = TurnWatch(path)
        #: Whose turn it was when it was looked last.
        self._seen: Holder | None = None
        #: For each process a socket to hear with, and one to tell it something.
        self._boxes: list[tuple[socket.socket, socket.socket]] = []

    def open(self) -> Store | None:
        self._lock.take()
        self._watch.open()
        for _ in range(self._processes):
            self._boxes.append(socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM))
        return self._first

    def seat(self, slot: int) -> tuple[Seat, Sequence[int]]:
        inbox = self._boxes[slot][0].fileno()
        others = (outlet for other, (_, outlet) in enumerate(self._boxes) if other != slot)
        outlets = tuple(each.fileno() for each in others)
        # Whoever is left over keeps other servers out, should their parent be killed.
        return Seat(slot, inbox, outlets), (inbox, *outlets, self._lock.descriptor)

    def stuck(self) -> int | None:
        seen, self._seen = self._seen, self._watch.look()
        if seen is None or seen != self._seen:
            return None
        return seen.slot if self._seconds() - seen.since > self._turn_seconds else None

    def close(self) -> None:
        for box in self._boxes:
            for each in box:
                each.close()
        self._boxes.clear()
        self._watch.close()
        self._lock.release()
