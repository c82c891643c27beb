"""Statements on topics and their groups.

In SQLite ``state IN (0, 1)`` stands beside ``state = 0`` where that lets it use the index of keys.
In PostgreSQL each of these statements can use one index only, whatever it believes of its tables;
the schema says how. A ``+`` at a column keeps it from being looked up in one.
"""

from __future__ import annotations

from functools import cache

from mqgate.storage.statements import BODIES, IDS, MESSAGE, POSTGRESQL_MESSAGE
from mqgate.storage.statements.texts import Statement, numbered, plain

_IDS = "ANY(%s::bigint[])"

# -- locks


def lock_of(world: int, shelf: int) -> int:
    """The number of the lock on a topic's shelf.

    There is room for 6,400 locks in a PostgreSQL as it is set up, for all its sessions together, so
    there are only so many of these: some shelves share one, and wait for each other for no reason.
    """
    return (world * 7919 + shelf) % 1024


#: Above the numbers of the worlds' locks, which are of one number; these are of two.
SHELF_LOCKS = 1
#: In the order of the numbers: nobody waits for a lower one than he has.
LOCK_SHELVES = f"SELECT pg_advisory_xact_lock({SHELF_LOCKS}, n) FROM unnest(%s::int[]) AS s(n)"
TRY_SHELVES = (
    f"SELECT n FROM unnest(%s::int[]) AS s(n) WHERE pg_try_advisory_xact_lock({SHELF_LOCKS}, n)"
)

# -- groups

LIVE_GROUPS = plain("SELECT queue FROM consumer_group WHERE world = ? AND topic = ? AND live = 1")
GROUP = plain(
    "SELECT live, cursor_pos FROM consumer_group WHERE world = ? AND topic = ? AND name = ?"
)
OPEN_GROUP = plain(
    "INSERT INTO consumer_group(world, topic, name, queue, live, cursor_pos, cursor_id, polled_at,"
    " removed, version) VALUES(?, ?, ?, ?, 0, 0, 0, ?, 0, 0)"
)
NOTE_POLL = plain(
    "UPDATE consumer_group SET polled_at = ? WHERE world = ? AND topic = ? AND name = ?"
)
ADVANCE_GROUP = plain(
    "UPDATE consumer_group SET cursor_pos = ?, live = ? WHERE world = ? AND topic = ? AND name = ?"
)
REST_GROUP = plain(
    "UPDATE consumer_group SET cursor_pos = 0, live = 0 WHERE world = ? AND topic = ? AND name = ?"
)
IDLE_GROUPS = plain(
    "SELECT g.world, q.name, g.polled_at FROM consumer_group g"
    " CROSS JOIN queue q WHERE q.world = g.world AND q.number = g.queue AND q.removed = 0"
    " AND g.live = 1 AND g.polled_at < ?"
)

# -- rows that come


@cache
def store_rows(rows: int) -> str:
    """Insert so many messages of topics at once, in SQLite."""
    return (
        "INSERT INTO msg(id, world, queue, state, pos, due, expires, timeout, rcount, first_at,"
        " body, origin, tag, grp) VALUES" + ",".join(["(?,?,?,?,?,?,?,0,0,0,?,?,?,?)"] * rows)
    )


#: The same in PostgreSQL, where each column is a list.
STORE_ROWS = (
    "INSERT INTO msg(id, world, queue, state, pos, due, expires, timeout, rcount, first_at,"
    " body, origin, tag, grp) SELECT id, world, queue, state, pos, due, expires, 0, 0, 0, body,"
    f" origin, tag, grp FROM unnest({', '.join(['%s::bigint[]'] * 9)}, %s::text[], %s::text[])"
    " AS r(id, world, queue, state, pos, due, expires, body, origin, tag, grp)"
)
STORE_BODIES = (
    "INSERT INTO body(id, world, refs, props, data) SELECT * FROM"
    " unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bytea[], %s::bytea[])"
)
#: PostgreSQL may look for a maximum through all of an index, but not for the first row of an order.
LAST_PLACE = Statement(
    sqlite="SELECT max(pos) FROM msg WHERE world = ? AND queue = ? AND state = 5",
    postgresql=(
        "SELECT pos FROM msg WHERE world = %s AND queue = %s AND state = 5"
        " ORDER BY pos DESC LIMIT 1"
    ),
)
SHARE_BODIES = Statement(
    sqlite="UPDATE body SET refs = refs + ? WHERE id = ?",
    postgresql=f"UPDATE body SET refs = refs + %s WHERE world = %s AND id = {_IDS}",
)
_FOUND = "id, rcount, pos, due, expires, body, origin, tag, grp"
LOGGED = Statement(
    sqlite=(
        f"SELECT {_FOUND} FROM msg WHERE world = ? AND queue = ? AND state = 5 AND pos > ?"
        " AND +expires > ? ORDER BY pos LIMIT ?"
    ),
    postgresql=(
        f"SELECT {_FOUND} FROM msg WHERE world = %s AND queue = %s AND state = 5 AND pos > %s"
        " AND +expires > %s ORDER BY pos LIMIT %s"
    ),
)
HALVES = Statement(
    sqlite=(
        f"SELECT {_FOUND} FROM msg WHERE id IN {IDS} AND +world = ? AND +queue = ?"
        " AND state IN (1, 2) AND due > ? AND expires > ?"
    ),
    postgresql=(
        f"SELECT {_FOUND} FROM msg WHERE id = {_IDS} AND world = %s AND queue + 0 = %s"
        " AND state + 0 IN (1, 2) AND due + 0 > %s AND +expires > %s"
    ),
)

# -- what is handed out

LAPSED = Statement(
    sqlite=(
        "SELECT id, state, rcount, grp FROM msg WHERE world = ? AND queue = ?"
        " AND state IN (1, 2) AND due <= ? AND +expires > ? ORDER BY due LIMIT ?"
    ),
    postgresql=(
        "SELECT id, state, rcount, grp FROM msg WHERE world = %s AND queue = %s"
        " AND state IN (1, 2) AND due <= %s AND +expires > %s ORDER BY due LIMIT %s"
    ),
)
EXHAUSTED = Statement(
    sqlite=(
        f"SELECT {_FOUND} FROM msg WHERE world = ? AND queue = ? AND state IN (1, 2)"
        " AND state = 1 AND due <= ? AND rcount >= ? AND +expires > ? ORDER BY due LIMIT ?"
    ),
    postgresql=(
        f"SELECT {_FOUND} FROM msg WHERE world = %s AND queue = %s AND state IN (1, 2)"
        " AND state = 1 AND due <= %s AND rcount >= %s AND +expires > %s ORDER BY due, id LIMIT %s"
    ),
)
MAKE_READY = Statement(
    sqlite=f"UPDATE msg SET state = 0, due = 0 WHERE id IN {IDS}",
    postgresql=f"UPDATE msg SET state = 0, due = 0 WHERE world = %s AND id = {_IDS}",
)
NEXT_AFTER = Statement(
    sqlite=(
        "SELECT due FROM msg WHERE world = ? AND queue = ? AND state IN (1, 2) AND due > ?"
        " AND +expires > ? ORDER BY due LIMIT 1"
    ),
    postgresql=(
        "SELECT due FROM msg WHERE world = %s AND queue = %s AND state IN (1, 2) AND due > %s"
        " AND +expires > %s ORDER BY due LIMIT 1"
    ),
)


def _ready(which: str, sqlite: str, postgresql: str) -> Statement:
    """Ready messages of a queue, in their order; ``state`` in words that choose the index."""
    text = (
        "SELECT {message} WHERE m.world = ? AND m.queue = ? AND {which}"
        " AND {state} AND +m.expires > ? ORDER BY m.pos, m.id LIMIT ?"
    )
    return Statement(
        text.format(message=f"{MESSAGE} FROM msg m", which=which, state=sqlite),
        numbered(
            text.format(
                message=f"{POSTGRESQL_MESSAGE} FROM msg m{BODIES}", which=which, state=postgresql
            )
        ),
    )


READY_WITH_TAG = _ready("m.tag = ?", "m.state = 0", "m.state < 1")
READY_OF_KEY = _ready("m.grp = ?", "m.state IN (0, 1) AND m.state = 0", "m.state < 1")
READY_OF_KEY_WITH_TAG = _ready("m.grp = ? AND m.tag = ?", "m.state = 0", "m.state + 0 = 0")
HEADS = Statement(
    sqlite=(
        "SELECT grp FROM msg WHERE world = ? AND queue = ? AND state = 0 AND head = 1"
        " ORDER BY pos, id"
    ),
    # Page by page, as a statement there is read to its end before the first row is seen.
    postgresql=(
        "SELECT pos, id, grp FROM msg WHERE world = %s AND queue = %s AND head = 1"
        " AND (pos, id) > (%s, %s) ORDER BY pos, id LIMIT %s"
    ),
)
KEYS_WITH_TAG = Statement(
    sqlite=(
        "SELECT pos, id, grp FROM msg WHERE world = ? AND queue = ? AND tag = ? AND state = 0"
        " ORDER BY pos, id"
    ),
    postgresql=(
        "SELECT pos, id, grp FROM msg WHERE world = %s AND queue = %s AND tag = %s AND state < 1"
        " AND (pos, id) > (%s, %s) ORDER BY pos, id LIMIT %s"
    ),
)
_HELD_NOW = (
    "rcount = rcount + 1, head = 0, first_at = CASE first_at WHEN 0 THEN {now} ELSE first_at END"
)
HOLD = Statement(
    sqlite=(
        "UPDATE msg SET state = 1, due = ?, lease = ?,"
        f" {_HELD_NOW.format(now='?')} WHERE id IN {IDS}"
    ),
    postgresql=(
        "UPDATE msg SET state = 1, due = %s, lease = %s,"
        f" {_HELD_NOW.format(now='%s')} WHERE world = %s AND id = {_IDS}"
    ),
)
DELIVERED = Statement(
    sqlite=(
        f"SELECT id, rcount, body, grp FROM msg WHERE id IN {IDS} AND world = ? AND queue = ?"
        " AND state = 1 AND due > ? AND expires > ?"
    ),
    postgresql=(
        f"SELECT id, rcount, body, grp FROM msg WHERE id = {_IDS} AND world = %s"
        " AND queue + 0 = %s AND state + 0 = 1 AND due + 0 > %s AND +expires > %s"
    ),
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
# PostgreSQL turns EXISTS into a join, of which it may begin with either side; a value it looks up.
_LOWEST_P = (
    "(SELECT l.id FROM msg l WHERE l.world = %s AND l.queue = %s AND l.grp = {key}"
    " AND l.state < 1 ORDER BY l.pos, l.id LIMIT 1)"
)
_RESERVED_P = (
    "(SELECT r.id FROM msg r WHERE r.world = %s AND r.queue = %s AND r.grp = {key}"
    " AND r.state + 0 = 1 ORDER BY r.due LIMIT 1)"
)
_HEAD_P = (
    "CROSS JOIN LATERAL (SELECT h.id FROM msg h WHERE h.world = %s AND h.queue = %s"
    " AND h.grp BETWEEN {key} AND {key} AND h.head > 0 ORDER BY h.grp LIMIT 1) h"
)
IS_RESERVED = Statement(
    sqlite=f"SELECT {_RESERVED.format(key='?')}",
    postgresql=f"SELECT {_RESERVED_P.format(key='%s')} IS NOT NULL",
)
_KEYS = "SELECT value FROM json_each(?)"
SET_HEADS = Statement(
    sqlite=(
        "UPDATE msg SET head = 1 WHERE head = 0 AND id IN"
        f" (SELECT {_LOWEST.format(key='k.value')}"
        f" FROM json_each(?) k WHERE NOT {_RESERVED.format(key='k.value')})"
    ),
    postgresql=(
        "UPDATE msg SET head = 1 WHERE head = 0 AND world = %s AND id = ANY(ARRAY("
        f"SELECT {_LOWEST_P.format(key='k.key')} FROM unnest(%s::text[]) AS k(key)"
        f" WHERE {_RESERVED_P.format(key='k.key')} IS NULL))"
    ),
)
CLEAR_HEADS = Statement(
    sqlite=(
        "UPDATE msg SET head = 0 WHERE id IN (SELECT h.id FROM msg h WHERE h.world = ?"
        f" AND h.queue = ? AND h.state = 0 AND h.head = 1 AND h.grp IN ({_KEYS})"
        f" AND (h.id <> {_LOWEST.format(key='h.grp')} OR {_RESERVED.format(key='h.grp')}))"
    ),
    postgresql=(
        "UPDATE msg SET head = 0 WHERE world = %s AND id = ANY(ARRAY("
        f"SELECT h.id FROM unnest(%s::text[]) AS k(key) {_HEAD_P.format(key='k.key')}"
        f" WHERE h.id <> {_LOWEST_P.format(key='k.key')}"
        f" OR {_RESERVED_P.format(key='k.key')} IS NOT NULL))"
    ),
)
UNMAKE_HEADS = Statement(
    sqlite=(
        "UPDATE msg SET head = 0 WHERE id IN (SELECT h.id FROM msg r CROSS JOIN msg h WHERE"
        f" r.id IN {IDS} AND h.world = ? AND h.queue = ? AND h.grp = r.grp AND h.state = 0"
        " AND h.head = 1)"
    ),
    postgresql=(
        "UPDATE msg SET head = 0 WHERE world = %s AND id = ANY(ARRAY("
        f"SELECT h.id FROM msg r {_HEAD_P.format(key='r.grp')}"
        f" WHERE r.world = %s AND r.id = {_IDS}))"
    ),
)
