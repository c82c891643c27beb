"""How entries of pushes are written into rows, and read from them, in any database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from mqgate.storage.interface import ClaimedPush, PushKey, PushStatus
from mqgate.storage.push_session import Absent, DuePush


def dumped(value: object) -> bytes:
    """A value of lists, numbers and text."""
    return json.dumps(value, separators=(",", ":")).encode()


def found(key: PushKey, row: Sequence[Any]) -> ClaimedPush | Absent:
    """The row that the statement ``FIND`` gives, of an entry that is not claimed yet."""
    number, queue, targets, *middle, claimed, failures, timeout, body = row
    if number is None or timeout is None:
        return Absent.USELESS
    pairs = (_pairs(targets), *middle, claimed, _pairs(failures))
    return ClaimedPush._make((key, 0, number, queue, *pairs, timeout, body))


def due(rows: Iterable[Sequence[Any]]) -> list[DuePush]:
    """The rows that the statements ``DUE`` and ``DUE_IN_LANE`` give."""
    return [DuePush(lane, PushKey._make(key)) for lane, *key in rows]


def shown(rows: Sequence[Sequence[Any]]) -> tuple[PushStatus, ...] | None:
    """The rows that the statement ``SHOW`` gives: one at least if there is such a message."""
    if not rows:
        return None
    return tuple(PushStatus._make(row) for row in rows if row[0] is not None)


def _pairs(dumped: bytes | None) -> tuple[Any, ...]:
    """A list of lists, as tuples."""
    return tuple(map(tuple, json.loads(dumped))) if dumped else ()
