"""Lines of waiters: long polls on a queue, served in the order in which they came.

A line belongs to a queue's name, not to the queue: a poll may wait on one that is yet to be
made. It is woken by what a batch makes available, and by its queue's next due time: one timer
for each queue that somebody waits on, none otherwise. A group's queue has two lines: polls in
order pass over what others would take. Where polls ask for tags, a message wakes
nobody who would not take it; where the tags of what came are not known, each filter looks.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Generic, Protocol, TypeVar

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from mqgate.engine.names import HIDDEN, is_hidden

LineKey = tuple[int, str]


class Waiter(Protocol):
    """One poll in a line."""

    #: The (world, queue) it waits on, and its place among those who came before and after.
    key: LineKey
    arrival: int
    #: It takes messages with one of these tags; none = any message.
    tags: frozenset[str]
    #: Whether it stands in its line; kept by `Lines`.
    parked: bool

    def give_up(self) -> None:
        """It waited long enough, or the server stops: answer with nothing."""


W = TypeVar("W", bound=Waiter)


def in_order(key: LineKey) -> LineKey:
    """The line of a group's polls in order."""
    world, queue = key
    return world, queue + HIDDEN


def place_of(key: LineKey) -> tuple[int, str, bool]:
    """The world and the queue that a line is for, and whether it is of polls in order."""
    world, queue = key
    if is_hidden(queue) and queue.count(HIDDEN) == _PARTS_IN_ORDER:
        return world, queue[: -len(HIDDEN)], True
    return world, queue, False


#: How often the character that begins hidden names stands in that of a group's line in order.
_PARTS_IN_ORDER = 3

#: So many look when a message comes due, as several may have come due together.
WOKEN_AT_ONCE = 8


#: So many lines are remembered in which nobody stood; what is beyond is found by who looks.
MISSED_AT_MOST = 10_000


class _Line(Generic[W]):
    __slots__ = ("due", "filters", "timer", "waiters")

    def __init__(self) -> None:
        self.waiters: list[W] = []
        #: How many of them ask for tags.
        self.filters = 0
        self.timer: IDelayedCall | None = None
        self.due = 0

    def add(self, waiter: W) -> None:
        """Let it wait at its place."""
        insort(self.waiters, waiter, key=arrival)
        self.filters += bool(waiter.tags)
        waiter.parked = True

    def call(self, waiters: Sequence[W]) -> None:
        """Take some of them out."""
        if waiters == self.waiters[: len(waiters)]:
            del self.waiters[: len(waiters)]
        else:
            gone = set(map(id, waiters))
            self.waiters = [each for each in self.waiters if id(each) not in gone]
        for waiter in waiters:
            self.filters -= bool(waiter.tags)
            waiter.parked = False

    def first(self, n: int) -> list[W]:
        """The first ``n``, of each filter."""
        if not self.filters:
            return self.waiters[:n]
        seen: Counter[frozenset[str]] = Counter()
        found = []
        for waiter in self.waiters:
            if seen[waiter.tags] < n:
                seen[waiter.tags] += 1
                found.append(waiter)
        return found

    def takers(self, tags: Sequence[str]) -> list[W]:
        """Who is next in turn for messages with these tags, one for each."""
        if not self.filters:
            return self.waiters[: len(tags)]
        left, next_ = Counter(tags), 0
        found = []
        for waiter in self.waiters:
            if waiter.tags:
                tag = next((each for each in waiter.tags if left[each]), None)
            else:
                while next_ < len(tags) and not left[tags[next_]]:
                    next_ += 1
                tag = tags[next_] if next_ < len(tags) else None
            if tag is not None:
                left[tag] -= 1
                found.append(waiter)
        return found


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
        #: Lines of which was heard, while nobody stood in them, since a batch was planned last.
        self._missed: set[LineKey] = set()
        self.draining = False

    def __len__(self) -> int:
        """How many polls are waiting."""
        return sum(len(line.waiters) for line in self._lines.values())

    def keys(self) -> list[LineKey]:
        """The lines in which somebody waits."""
        return list(self._lines)

    def next_arrival(self) -> int:
        """The place of the next poll to come."""
        self._arrivals += 1
        return self._arrivals

    def park(self, waiter: W, due: int | None) -> None:
        """Let a poll wait at its place; ``due`` is when its queue's next held message is ready."""
        line = self._lines.get(waiter.key)
        if line is None:
            line = self._lines[waiter.key] = _Line()
        line.add(waiter)
        if due is not None:
            self.note_due(waiter.key, due)
        if waiter.key in self._missed:  # it may have looked just before that
            self._missed.discard(waiter.key)
            self.wake(waiter.key)

    def planned(self) -> None:
        """A batch is planned: who is in it looks after all that was heard until now."""
        self._missed.clear()

    def hear(self, key: LineKey) -> None:
        """Another gateway has something: have whoever came first look."""
        if key in self._lines:
            self.wake(key)
        elif len(self._missed) < MISSED_AT_MOST:
            self._missed.add(key)

    def leave(self, waiter: W) -> None:
        """A parked poll waits no longer."""
        line = self._lines[waiter.key]
        line.call([waiter])
        if not line.waiters:
            self._close(waiter.key)

    def called(
        self,
        readied: Mapping[LineKey, int],
        tagged: Mapping[LineKey, Sequence[str]] = MappingProxyType({}),
    ) -> list[W]:
        """Take those out of their lines who are next in turn for so many messages.

        Of ``tagged`` ones the tags are known.
        """
        called: list[W] = []
        if not self._lines:
            return called
        for key, messages in readied.items():
            if (line := self._lines.get(key)) is not None:
                called += self._call(key, line, line.first(messages))
        for key, tags in tagged.items():
            if (line := self._lines.get(key)) is not None:
                called += self._call(key, line, line.takers(tags))
        return called

    def _call(self, key: LineKey, line: _Line[W], waiters: list[W]) -> list[W]:
        line.call(waiters)
        if not line.waiters:
            self._close(key)
        return waiters

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

    def wake(self, key: LineKey, most: int = 1, tags: frozenset[str] | None = None) -> None:
        """Have those who came first look again, without a message to count on.

        Of each filter, or of the one given. Whoever finds something is to wake the next ones: so a
        long line costs little more than what there is to be had.
        """
        line = self._lines.get(key)
        if line is not None:
            waiters = line.first(most)
            if tags is not None and line.filters:
                waiters = [each for each in waiters if each.tags == tags]
            self._wake(self._call(key, line, waiters))

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
