"""Statements on topics and their groups.

``state IN (0, 1)`` stands beside ``state = 0`` where it lets SQLite use the index of keys.
"""

from __future__ import annotations

from functools import cache

from mqgate.storage.statements import IDS, MESSAGE

# -- groups

LIVE_GROUPS = "SELECT queue FROM consumer_group WHERE world = ? AND topic = ? AND live = 1"
GROUP = "SELECT live, cursor_pos FROM consumer_group WHERE world = ? AND topic = ? AND name = ?"
OPEN_GROUP = (
    "INSERT INTO consumer_group(world, topic, name, queue, live, cursor_pos, cursor_id, polled_at,"
    " removed, version) VALUES(?, ?, ?, ?, 0, 0, 0, ?, 0, 0)"
)
NOTE_POLL = "UPDATE consumer_group SET polled_at = ? WHERE world = ? AND topic = ? AND name = ?"
ADVANCE_GROUP = (
    "UPDATE consumer_group SET cursor_pos = ?, live = ? WHERE world = ? AND topic = ? AND name = ?"
)
REST_GROUP = (
    "UPDATE consumer_group SET cursor_pos = 0, live = 0 WHERE world = ? AND topic = ? AND name = ?"
)
IDLE_GROUPS = (
    "SELECT g.world, q.name, g.polled_at FROM consumer_group g"
    " CROSS JOIN queue q WHERE q.world = g.world AND q.number = g.queue AND q.removed = 0"
    " AND g.live = 1 AND g.polled_at < ?"
)

# -- rows that come


@cache
def store_rows(rows: int) -> str:
    """Insert so many messages of topics at once."""
    return (
        "INSERT INTO msg(id, world, queue, state, pos, due, expires, timeout, rcount, first_at,"
        " body, origin, tag, grp) VALUES" + ",".join(["(?,?,?,?,?,?,?,0,0,0,?,?,?,?)"] * rows)
    )


LAST_PLACE = "SELECT max(pos) FROM msg WHERE world = ? AND queue = ? AND state = 5"
SHARE_BODIES = "UPDATE body SET refs = refs + ? WHERE id = ?"
_FOUND = "id, rcount, pos, due, expires, body, origin, tag, grp"
LOGGED = (
    f"SELECT {_FOUND} FROM msg WHERE world = ? AND queue = ? AND state = 5 AND pos > ?"
    " AND +expires > ? ORDER BY pos LIMIT ?"
)
HALVES = (
    f"SELECT {_FOUND} FROM msg WHERE id IN {IDS} AND +world = ? AND +queue = ?"
    " AND state IN (1, 2) AND due > ? AND expires > ?"
)

# -- what is handed out

LAPSED = (
    "SELECT id, state, rcount, grp FROM msg WHERE world = ? AND queue = ? AND state IN (1, 2)"
    " AND due <= ? AND +expires > ? ORDER BY due LIMIT ?"
)
EXHAUSTED = (
    f"SELECT {_FOUND} FROM msg WHERE world = ? AND queue = ? AND state IN (1, 2) AND state = 1"
    " AND due <= ? AND rcount >= ? AND +expires > ? ORDER BY due LIMIT ?"
)
MAKE_READY = f"UPDATE msg SET state = 0, due = 0 WHERE id IN {IDS}"
NEXT_AFTER = (
    "SELECT due FROM msg WHERE world = ? AND queue = ? AND state IN (1, 2) AND due > ?"
    " AND +expires > ? ORDER BY due LIMIT 1"
)
_READY = f"SELECT {MESSAGE} FROM msg m WHERE m.world = ?"
_NEXT = " AND +m.expires > ? ORDER BY m.pos, m.id LIMIT ?"
READY_WITH_TAG = f"{_READY} AND m.queue = ? AND m.tag = ? AND m.state = 0{_NEXT}"
READY_OF_KEY = (
    f"{_READY} AND m.queue = ? AND m.grp = ? AND m.state IN (0, 1) AND m.state = 0{_NEXT}"
)
READY_OF_KEY_WITH_TAG = (
    f"{_READY} AND m.queue = ? AND m.grp = ? AND m.tag = ? AND m.state = 0{_NEXT}"
)
HEADS = (
    "SELECT grp FROM msg WHERE world = ? AND queue = ? AND state = 0 AND head = 1 ORDER BY pos, id"
)
KEYS_WITH_TAG = (
    "SELECT pos, id, grp FROM msg WHERE world = ? AND queue = ? AND tag = ? AND state = 0"
    " ORDER BY pos, id"
)
HOLD = (
    "UPDATE msg SET state = 1, due = ?, lease = ?, rcount = rcount + 1, head = 0,"
    f" first_at = CASE first_at WHEN 0 THEN ? ELSE first_at END WHERE id IN {IDS}"
)
DELIVERED = (
    f"SELECT id, rcount, body, grp FROM msg WHERE id IN {IDS} AND world = ? AND queue = ?"
    " AND state = 1 AND due > ? AND expires > ?"
)

# -- heads

_LOWEST = (
    "(SELECT id FROM msg l WHERE l.world = ? AND l.queue = ? AND l.grp = {key}"
    " AND l.state IN (0, 1) AND l.state = 0 ORDER BY l.pos, l.id LIMIT 1)"
)
_RESERVED = (
    "EXISTS (SELECT 1 FROM msg r WHERE r.world = ? AND r.queue = ? AND r.grp = {key}"
    " AND r.state IN (0, 1) AND r.state = 1)"
)
IS_RESERVED = f"SELECT {_RESERVED.format(key='?')}"
_KEYS = "SELECT value FROM json_each(?)"
SET_HEADS = (
    f"UPDATE msg SET head = 1 WHERE head = 0 AND id IN (SELECT {_LOWEST.format(key='k.value')}"
    f" FROM json_each(?) k WHERE NOT {_RESERVED.format(key='k.value')})"
)
CLEAR_HEADS = (
    "UPDATE msg SET head = 0 WHERE id IN (SELECT h.id FROM msg h WHERE h.world = ? AND h.queue = ?"
    f" AND h.state = 0 AND h.head = 1 AND h.grp IN ({_KEYS})"
    f" AND (h.id <> {_LOWEST.format(key='h.grp')} OR {_RESERVED.format(key='h.grp')}))"
)
UNMAKE_HEADS = (
    "UPDATE msg SET head = 0 WHERE id IN (SELECT h.id FROM msg r CROSS JOIN msg h WHERE"
    f" r.id IN {IDS} AND h.world = ? AND h.queue = ? AND h.grp = r.grp AND h.state = 0"
    " AND h.head = 1)"
)
