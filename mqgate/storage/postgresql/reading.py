"""Looking at how much is in the queues, and at the server, beside whoever writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from psycopg import Error

from mqgate.storage.interface import Census, QueueFigures
from mqgate.storage.postgresql import advice
from mqgate.storage.postgresql.address import Address
from mqgate.storage.postgresql.connecting import connect
from mqgate.storage.postgresql.errors import raise_as_told
from mqgate.storage.postgresql.line import Line
from mqgate.storage.statements import census as sql

T = TypeVar("T")


class Observer:
    """Looks when asked to, over a connection of its own."""

    def __init__(self, address: Address, seconds: float, monotonic: Callable[[], float]) -> None:
        self._address = address
        self._seconds = seconds
        self._monotonic = monotonic
        self._line: Line | None = None

    def census(self, worlds: Sequence[int], now: int, limit: int) -> Census:
        """The fullest queues of these worlds, so many at most. Blocking. Raises `Unavailable`."""
        return self._look(lambda line: _census(line, worlds, now, limit))

    def warn_of_idle_sessions(self, idle: int) -> None:
        """See `mqgate.storage.postgresql.advice`. Blocking. Raises `Unavailable`."""
        self._look(lambda line: advice.warn_of_idle_sessions(line, self._address.name, idle))

    def _look(self, function: Callable[[Line], T]) -> T:
        try:
            if self._line is None:
                self._line = Line(connect(self._address, self._seconds), self._monotonic)
            self._line.deadline = self._monotonic() + self._seconds
            return function(self._line)
        except Error as error:
            self.close()
            raise_as_told(error)

    def close(self) -> None:
        """Hang up."""
        if self._line is not None:
            self._line.close()
            self._line = None


def _census(line: Line, worlds: Sequence[int], now: int, limit: int) -> Census:
    line.ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")  # as of one moment
    count = line.ask(sql.COUNT_QUEUES.postgresql, (list(worlds),))
    largest = line.ask(sql.LARGEST.postgresql, (list(worlds), limit)).all()
    looks = [
        (
            line.ask(sql.HELD.postgresql, (world, shelf, now, now)),
            line.ask(sql.PUSHED.postgresql, (world, shelf)),
        )
        for world, _, shelf, _, _ in largest
    ]
    line.ask("ROLLBACK")
    queues = []
    for (world, name, _, size, total), (held, pushes) in zip(largest, looks, strict=True):
        reserved, delayed = held.one()
        (pushed,) = pushes.one()
        ready = max(0, size - reserved - delayed - pushed)
        queues.append(QueueFigures(world, name, ready, reserved, delayed, total, pushed))
    return Census(tuple(queues), count.one()[0])
