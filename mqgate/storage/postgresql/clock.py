"""By how much the database's clock is ahead of this machine's, as far as round trips tell."""

from __future__ import annotations

import math


class Offset:
    """What is known of it, in milliseconds.

    The database read its clock at some moment of a round trip, nobody knows at which. Of a long
    one, the middle would set this gateway's time forward by half of it, and end reservations too
    early. So what was known is kept as long as it may be true.
    """

    def __init__(self) -> None:
        self._known: int | None = None

    def measured(self, before: float, theirs: int, after: float) -> int:
        """By how much, after one more round trip, which began and ended then (in seconds)."""
        least, most = theirs - math.ceil(after * 1000), theirs - math.floor(before * 1000)
        known = (least + most) // 2 if self._known is None else self._known
        self._known = min(max(known, least), most)
        return self._known
