"""Deleted messages that stay readable: one note for many of them, taken up when they lapse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mqgate.storage import statements as sql
from mqgate.storage.postgresql.line import Line
from mqgate.storage.postgresql.taking import take

#: Messages in one note, so that none is too long to be carried out at once.
TOGETHER = 500
#: So many notes are looked for, whatever is in them and whoever is at the first ones; with fewer, a
#: sweep removed less than its limit, took it that this was all, and fell behind for good.
NOTES_LOOKED_FOR = 500
#: So many are taken at once.
NOTES_AT_ONCE = 20


class Remembered:
    """The notes of one connection; used inside a transaction. Times are in milliseconds."""

    def __init__(self, line: Line) -> None:
        self._ask = line.ask

    def note(self, world: int, until: int, ids: Sequence[int]) -> None:
        """Messages that were deleted, and are readable up to then."""
        for start in range(0, len(ids), TOGETHER):
            self._ask(sql.REMEMBER.postgresql, (world, until, ids[start : start + TOGETHER]))

    def forget(self, now: int, limit: int) -> tuple[int, list[tuple[int, int]]]:
        """Remove up to ``limit`` messages whose time is over; how many, and (world, body)s."""
        bodies: list[tuple[int, int]] = []
        if limit <= 0:
            return 0, bodies
        answers = []
        for note, world, ids in self._lapsed(now):
            if len(ids) > limit:
                self._ask(sql.LESSEN_REMEMBERED.postgresql, (ids[limit:], world, note))
            else:
                self._ask(sql.DROP_REMEMBERED.postgresql, (world, note))
            answers.append(self._ask(sql.FORGET.postgresql, (world, ids[:limit], now)))
            limit -= len(ids)
            if limit <= 0:
                break
        for answer in answers:
            bodies += answer.all()
        return len(bodies), bodies

    def _lapsed(self, now: int) -> Iterator[tuple[int, int, list[int]]]:
        """Notes whose time is over, as they are taken."""
        found = self._ask(sql.LAPSED.postgresql, (now, NOTES_LOOKED_FOR)).all()
        for start in range(0, len(found), NOTES_AT_ONCE):
            yield from take(self._ask, sql.TAKE_NOTES, found[start : start + NOTES_AT_ONCE])

    def next_lapse(self) -> int | None:
        """When the next of them is readable no longer."""
        row = self._ask(sql.NEXT_LAPSE.postgresql).one()
        return None if row is None else row[0]
