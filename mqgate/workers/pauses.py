"""How long to wait before a worker that has ended is replaced."""

from __future__ import annotations

#: One that lived for so long ended for a reason that need not come back at once.
LIVED_SECONDS = 30.0
#: The pauses after the ends of those that lived shorter, the last one for all that follow.
PAUSES = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)


class Pauses:
    """The pauses of one place: none at first, longer each time a worker ends soon."""

    def __init__(self) -> None:
        self._ends = 0

    def after(self, lived: float) -> float:
        """How many seconds to wait, now that a worker has ended that lived for ``lived``."""
        if lived >= LIVED_SECONDS:
            self._ends = 0
        pause = PAUSES[min(self._ends, len(PAUSES) - 1)]
        self._ends += 1
        return pause
