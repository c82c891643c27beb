"""Rows as they are taken: small bodies come with them, larger ones when it is their turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mqgate.storage import statements as sql
from mqgate.storage.postgresql.line import Line, Row

#: Bodies are fetched so many bytes at a time (of one body, all). What is fetched and not taken,
#: because an answer is full, is fetched in vain.
FETCHED_AT_ONCE = 1 << 20


class LazyRows(Iterator[Row]):
    """What a statement with `POSTGRESQL_MESSAGE` found; implements `session.Rows`.

    Rows that are only looked at may go meanwhile, with their bodies: then they are left out.
    """

    def __init__(self, line: Line, world: int, rows: Sequence[Row]) -> None:
        self._line = line
        self._world = world
        self._rows = rows
        self._next = 0
        #: None for those that have gone.
        self._data: dict[int, bytes | None] = {}

    def __next__(self) -> Row:
        while self._next < len(self._rows):
            *row, data, size = self._rows[self._next]
            if size is not None:
                body = row[9]
                if body not in self._data:
                    self._fetch()
                data = self._data[body]
            self._next += 1
            if data is not None:
                return (*row, data)
        raise StopIteration

    def close(self) -> None:
        """Read no more of them."""
        self._next = len(self._rows)

    def _fetch(self) -> None:
        """Get the bodies of the next rows."""
        wanted: list[int] = []
        room = FETCHED_AT_ONCE
        for row in self._rows[self._next :]:
            size = row[-1]
            if size is None:
                continue
            room -= size
            if wanted and room < 0:
                break
            wanted.append(row[9])
        values = (self._world, wanted)
        found = self._line.ask(sql.LARGE_BODIES, values).all()
        self._data = {**dict.fromkeys(wanted), **dict(found)}
