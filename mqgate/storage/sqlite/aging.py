"""Messages that live for long enter the index of expiries when they have grown old.

Hardly any does: they are handed out and deleted before. For a message in batches, to be put into
that index and taken out of it was a tenth of all CPU. Ids go by the time, so that those who have
grown old are a run of ids, and only the end of the last one has to be known.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from mqgate.storage import statements as sql
from mqgate.storage.interface import EPOCH, INSTANT_SHIFT, PostRow

#: SQLite's integers go no further.
LARGEST = (1 << 63) - 1
#: A message is young for so long, in milliseconds, …
YOUNG = 3_600_000
#: … if it does not expire before it is twice as old. There is time enough to find it.
LONG = 2 * YOUNG
#: So much time is looked through together, if there is no reason to hurry.
STEP = 60_000
#: So many messages are looked at in one transaction.
AT_ONCE = 5000


class Aging:
    """What one connection knows of it; used inside a transaction. Times are in milliseconds.

    A ``visitor`` leaves it to the server to go on. Its clock may be hours ahead of the server's
    time, which is not read again: what came then, the server would take for young, and it is not.
    """

    def __init__(self, connection: sqlite3.Connection, *, visitor: bool = False) -> None:
        self._execute = connection.execute
        self._visitor = visitor
        #: Up to this id nothing is young. Another process may be further, but not by an hour.
        (self._upto,) = self._execute(sql.AGED_UP_TO).fetchone()
        #: Whether there is more to look at, after a long time off or very many messages.
        self.behind = False

    def is_young(self, rows: Sequence[PostRow]) -> bool:
        """Whether new messages begin young, which all expire at once."""
        ids = [row.id for row in rows]
        expires = rows[0].expires
        return min(ids) > self._upto and expires - (max(ids) >> INSTANT_SHIFT) - EPOCH >= LONG

    def go_on(self, now: int) -> None:
        """Enter those that have grown old, so many at a time."""
        if self._visitor:
            return
        bound = min((now - YOUNG - EPOCH) << INSTANT_SHIFT, LARGEST)
        (upto,) = self._execute(sql.AGED_UP_TO).fetchone()
        step = 1 if self.behind else STEP << INSTANT_SHIFT
        self.behind = False
        if bound - upto < step:
            return
        row = self._execute(sql.LAST_OF_SLICE, (upto, bound, AT_ONCE - 1)).fetchone()
        if row is not None:
            (bound,) = row
            self.behind = True
        self._execute(sql.GROW_OLD, (upto, bound))
        self._execute(sql.SET_AGED_UP_TO, (bound,))
        self._upto = bound
