"""Lines of waiters: long polls on a queue, served in the order in which they came.

A line belongs to a queue's name, not to the queue: a poll may wait on one that is yet to be
made. It is woken by what a batch makes available, and by its queue's next due time: one timer
for each queue that somebody waits on, none otherwise.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Mapping
from typing import Generic, Protocol, TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime

LineKey = tuple[int, str]


class Waiter(Protocol):
    """One poll in a line."""

    #: The (world, queue) it waits on, and its place among those who came before and after.
    key: LineKey
    arrival: int
    #: Whether it stands in its line; kept by `Lines`.
    parked: bool

    def give_up(self) -> None:
        """It waited long enough, or the server stops: answer with nothing."""


W = TypeVar("W", bound=Waiter)

#: So many look when a message comes due, as several may have come due together.
WOKEN_AT_ONCE = 8


class _Line(Generic[W]):
    __slots__ = ("due", "timer", "waiters")

    def __init__(self) -> None:
        self.waiters: list[W] = []
        self.timer: IDelayedCall | None = None
        self.due = 0


class Lines(Generic[W]):
    """All lines of one gateway.

    ``wake`` is called with waiters whose queue may have something: they try again.
    """

    def __init__(
        self, clock: IReactorTime, now: Callable[[], int], wake: Callable[[list[W]], None]
    ) -> None:
        self._clock = clock
        self._now = now
        self._wake = wake
        self._lines: dict[LineKey, _Line[W]] = {}
        self._arrivals = 0
        self.draining = False

    def __len__(self) -> int:
        """How many polls are waiting."""
        return sum(len(line.waiters) for line in self._lines.values())

    def next_arrival(self) -> int:
        """The place of the next poll to come."""
        self._arrivals += 1
        return self._arrivals

    def park(self, waiter: W, due: int | None) -> None:
        """Let a poll wait at its place; ``due`` is when its queue's next held message is ready."""
        line = self._lines.get(waiter.key)
        if line is None:
            line = self._lines[waiter.key] = _Line()
        insort(line.waiters, waiter, key=arrival)
        waiter.parked = True
        if due is not None:
            self.note_due(waiter.key, due)

    def leave(self, waiter: W) -> None:
        """A parked poll waits no longer."""
        line = self._lines[waiter.key]
        line.waiters.remove(waiter)
        waiter.parked = False
        if not line.waiters:
            self._close(waiter.key)

    def called(self, readied: Mapping[LineKey, int]) -> list[W]:
        """Take those out of their lines who are next in turn for so many messages."""
        called: list[W] = []
        if not self._lines:
            return called
        for key, messages in readied.items():
            line = self._lines.get(key)
            if line is not None:
                called += line.waiters[:messages]
                del line.waiters[:messages]
                if not line.waiters:
                    self._close(key)
        for waiter in called:
            waiter.parked = False
        return called

    def note_due(self, key: LineKey, due: int) -> None:
        """A message of this queue becomes ready then, so whoever waits has to look then."""
        line = self._lines.get(key)
        if line is None or (line.timer is not None and line.due <= due):
            return
        if line.timer is not None:
            line.timer.cancel()
        line.due = due
        delay = max(0, due - self._now()) / 1000
        line.timer = self._clock.callLater(delay, self._came_due, key)

    def drain(self) -> None:
        """Answer all who wait; from now on nobody waits."""
        self.draining = True
        for key in list(self._lines):
            for waiter in self._close(key):
                waiter.give_up()

    def _came_due(self, key: LineKey) -> None:
        self._lines[key].timer = None
        self.wake(key, WOKEN_AT_ONCE)

    def wake(self, key: LineKey, most: int = 1) -> None:
        """Have those who came first look again, without a message to count on.

        Whoever finds something is to wake the next one: so a long line costs no more than what
        there is to be had.
        """
        if key in self._lines:
            self._wake(self.called({key: most}))

    def _close(self, key: LineKey) -> list[W]:
        line = self._lines.pop(key)
        if line.timer is not None:
            line.timer.cancel()
        for waiter in line.waiters:
            waiter.parked = False
        return line.waiters


def arrival(waiter: Waiter) -> int:
    """Who came first is served first."""
    return waiter.arrival
