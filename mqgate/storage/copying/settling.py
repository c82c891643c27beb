"""Rows as they are when no gateway is at work: what one was at, nobody is at any more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mqgate.storage.copying.tables import BY_NAME, Table

Row = tuple[Any, ...]

_LEASE = BY_NAME["gateway"].columns.index("lease")
_SLOT = BY_NAME["qstat"].columns.index("slot")
_STEP, _TRIES, _STATUS, _CLAIM = map(
    BY_NAME["push"].columns.index, ("step", "tries", "status", "claim")
)
_QUEUED, _RETRYING = 0, 2


def settled(table: Table, rows: Iterator[Row]) -> Iterator[Row]:
    """A table's rows as they are to be written into another database."""
    match table.name:
        case "gateway":
            return (_with(row, {_LEASE: 0}) for row in rows)
        case "push":
            return (_released(row) for row in rows)
        case "qstat":
            # Rows of no gateway have sums of bytes, which are counted anew where a limit asks.
            return (row for row in rows if row[_SLOT] >= 0)
    return rows


def _released(row: Row) -> Row:
    """An entry without its claim, as a gateway that starts again finds those of its own.

    It is due when the claim would have run out. The last try was counted as it began.
    """
    if row[_CLAIM] == 0:
        return row
    begins = row[_STEP] == 0
    status = _QUEUED if row[_TRIES] == 1 and begins else _RETRYING
    return _with(row, {_CLAIM: 0, _STATUS: status, _TRIES: row[_TRIES] - begins})


def _with(row: Row, changed: dict[int, object]) -> Row:
    values = list(row)
    for index, value in changed.items():
        values[index] = value
    return tuple(values)
