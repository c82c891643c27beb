"""Whether queues have something for those who wait on them."""

from __future__ import annotations

from mqgate.storage.statements.texts import Statement

_READY = "SELECT 1 FROM msg WHERE world = {} AND queue = {} AND state = 0{} AND +expires > {}"
_DUE = (
    "SELECT due FROM msg WHERE world = {} AND queue = {} AND state IN (1, 2)"
    " AND +expires > {} ORDER BY due LIMIT 1"
)


def _first(world: str, queue: str, now: str, heads: str) -> str:
    ready = _READY.format(world, queue, heads, now)
    return f"CASE WHEN EXISTS ({ready}) THEN 0 ELSE ({_DUE.format(world, queue, now)}) END"


_IN_ORDER = " AND head = 1"
_LINE = ("l.world", "l.queue", "l.now")
_ALL = (
    "SELECT CASE WHEN l.heads THEN {heads} ELSE {any} END"
    " FROM (SELECT *, %s::bigint AS now FROM unnest(%s::bigint[], %s::bigint[], %s::boolean[])"
    " WITH ORDINALITY AS t(world, queue, heads, place)) l ORDER BY l.place"
)

#: When one queue's first message is due: world, shelf, now. On PostgreSQL those of many: now,
#: their worlds, their shelves, and for which of them only heads count.
FIRST = Statement(
    sqlite="SELECT " + _first("?1", "?2", "?3", ""),
    postgresql=_ALL.format(heads=_first(*_LINE, _IN_ORDER), any=_first(*_LINE, "")),
)
#: The same where only heads count; on PostgreSQL `FIRST` does both.
FIRST_IN_ORDER = "SELECT " + _first("?1", "?2", "?3", _IN_ORDER)
