"""Message ids: 63 bits, sorted by time, unique across gateways."""

from __future__ import annotations

from mqgate.storage.interface import EPOCH, INSTANT_SHIFT, SLOT_SHIFT

#: How far ahead of use the upper bound of the ids given out is written down, in milliseconds. The
#: first ids after a crash are ahead of the clock by no more than this less the time the start took,
#: so that they do not line up behind what comes due meanwhile.
AHEAD = 100

#: A start with a wall clock that was set back goes on from the time that is known on disk: from the
#: last ids, or noted when these are older than so many milliseconds.
NOTED = 1000

#: The largest id there can be; a larger number is nobody's.
LARGEST = (1 << 63) - 1

_SEQUENCE = (1 << SLOT_SHIFT) - 1
_SLOTS = (1 << INSTANT_SHIFT) - 1 - _SEQUENCE


class Ids:
    """Makes the ids of one gateway.

    They never fall below one given out before, whatever the clock does: ``high`` is the bound
    that the database knew at start, whichever gateway's ids it bounds.
    """

    def __init__(self, slot: int, high: int) -> None:
        self._slot = slot << SLOT_SHIFT
        #: The one made last.
        self.last = self._at_least(high)
        self._high = high

    def move(self, slot: int, high: int) -> None:
        """Make the ids of another slot from now on, of which those up to ``high`` are taken."""
        self._slot = slot << SLOT_SHIFT
        self.last = self._at_least(max(high, self.last))
        self._high = high

    def _at_least(self, high: int) -> int:
        """The lowest number from here on behind which one of this slot's ids may come."""
        if not high or high & _SLOTS == self._slot:
            return high
        return ((high >> INSTANT_SHIFT) + 1) << INSTANT_SHIFT | self._slot

    def new(self, now: int) -> int:
        """An id for this instant, or for the first one after the last id's that has room."""
        fresh = (now - EPOCH) << INSTANT_SHIFT | self._slot
        if fresh <= self.last:
            fresh = self.last + 1
            if not fresh & _SEQUENCE:  # this millisecond's ids are used up
                fresh = ((self.last >> INSTANT_SHIFT) + 1) << INSTANT_SHIFT | self._slot
        self.last = fresh
        return fresh

    def several(self, now: int, n: int) -> list[int]:
        """So many at once, in their order."""
        first = self.new(now)
        if first & _SEQUENCE <= _SEQUENCE + 1 - n:
            # They follow each other: a seventh of what it costs to make a hundred one by one.
            self.last = first + n - 1
            return list(range(first, first + n))
        return [first, *(self.new(now) for _ in range(n - 1))]

    def bound_to_write(self) -> int:
        """The bound that has to reach the disk with the ids made last, or 0: it still holds."""
        if self.last <= self._high:
            return 0
        return self.last + (AHEAD << INSTANT_SHIFT)

    def time_to_note(self, now: int) -> int:
        """The bound that says what time it is, or 0: the one on disk says it well enough."""
        known = (self._high >> INSTANT_SHIFT) + EPOCH
        return (now - EPOCH) << INSTANT_SHIFT if now - known >= NOTED else 0

    def written(self, bound: int) -> None:
        """The bound is on disk."""
        self._high = bound
