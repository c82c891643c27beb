"""Every statement of the store, in one place; the plans they must have are in tests/storage.

Ids go in as one JSON array each, because SQLite cannot bind a list. ``+expires`` keeps SQLite
from walking the expiry index instead of the queue's own. A queue's order is (pos, id).
"""

from __future__ import annotations

from functools import cache

#: A small body stands in its message's row (`body` is 0), others in a row of their own.
MESSAGE = (
    "m.id, m.state, m.pos, m.due, m.expires, m.timeout, m.lease, m.rcount, m.first_at, m.body,"
    " m.origin,"
    " CASE m.body WHEN 0 THEN m.props ELSE (SELECT props FROM body WHERE id = m.body) END,"
    " CASE m.body WHEN 0 THEN m.data ELSE (SELECT data FROM body WHERE id = m.body) END"
)
IDS = "(SELECT value FROM json_each(?))"
#: The row is in this queue, and is there for those who look for it.
THERE = "world = ? AND queue = ? AND state < 3 AND expires > ?"


@cache
def by_run(statement: str) -> str:
    """The same for all ids from one to another, in place of a list."""
    return statement.replace(f"IN {IDS}", "BETWEEN ? AND ?")


# -- the catalogue

VERSIONS = f"SELECT id, version FROM world WHERE id IN {IDS}"
WORLD = "SELECT version, forgotten, next_number FROM world WHERE id = ?"
QUEUES = (
    "SELECT world, number, name, shelf, policy, settings, created, removed, version"
    " FROM queue WHERE world = ? AND version > ?"
)
LIVE_QUEUES = QUEUES + " AND removed = 0"
SET_WORLD = "UPDATE world SET version = ?, next_number = ? WHERE id = ?"
SET_QUEUE = (
    "INSERT INTO queue(world, number, name, shelf, policy, settings, created, removed, version)"
    " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(world, number) DO UPDATE SET"
    " shelf = excluded.shelf, policy = excluded.policy, settings = excluded.settings,"
    " removed = excluded.removed, version = excluded.version"
)
ADD_OLD_SHELF = "INSERT INTO old_shelf(world, shelf) VALUES(?, ?)"
OLD_SHELVES = "SELECT world, shelf FROM old_shelf LIMIT ?"
FORGET_SHELF = "DELETE FROM old_shelf WHERE world = ? AND shelf = ?"
NOTE_FORGOTTEN = (
    "UPDATE world SET forgotten = max(forgotten, (SELECT max(version) FROM queue"
    " WHERE world = world.id AND removed > 0 AND removed < ?))"
    " WHERE id IN (SELECT world FROM queue WHERE removed > 0 AND removed < ?)"
)
FORGET_QUEUES = (
    "DELETE FROM queue WHERE (world, number) IN"
    " (SELECT world, number FROM queue WHERE removed > 0 AND removed < ? LIMIT ?)"
)

# -- gateways

RAISE_HIGH = "UPDATE gateway SET high = max(high, ?) WHERE slot = ? AND owner = ?"
TAKE_SLOT = (
    "INSERT INTO gateway(slot, owner, lease, batch, high) VALUES(?, ?, 0, 0, 0)"
    " ON CONFLICT(slot) DO UPDATE SET owner = excluded.owner"
)
HIGHEST = "SELECT max(high) FROM gateway"
#: The first one to open the database makes it, and nobody changes it.
MAKE_SECRET = "INSERT INTO secret(name, value) VALUES('receipts', ?) ON CONFLICT(name) DO NOTHING"
SECRET = "SELECT value FROM secret WHERE name = 'receipts'"

# -- counters

COUNT = (
    "SELECT coalesce(sum(n), 0), coalesce(sum(total), 0) FROM qstat WHERE world = ? AND queue = ?"
)
USAGE = "SELECT coalesce(sum(n), 0), coalesce(sum(bytes), 0) FROM qstat WHERE world = ?"
HAS_COUNTS = "SELECT 1 FROM qstat WHERE world = ? AND queue = ? LIMIT 1"
ADD_COUNT = (
    "INSERT INTO qstat(world, queue, slot, n, total) VALUES(?, ?, ?, ?, ?)"
    " ON CONFLICT(world, queue, slot) DO UPDATE"
    " SET n = n + excluded.n, total = total + excluded.total"
)
DROP_COUNTS = "DELETE FROM qstat WHERE world = ? AND queue = ?"

# -- messages


@cache
def post_small(rows: int) -> str:
    """Insert so many messages with their bodies; the first two values are the shelf, for all."""
    row = "(?{},?1,?2,?{},?{},?{},?{},?{},0,0,0,?{},?{},?{})"
    return (
        "INSERT INTO msg(id, world, queue, state, pos, due, expires, timeout, rcount, first_at,"
        " body, origin, props, data) VALUES"
        + ",".join(row.format(*range(i, i + 6), i, i + 6, i + 7) for i in range(3, 3 + 8 * rows, 8))
    )


@cache
def post_plain(rows: int) -> str:
    """The same for messages that differ in id and body alone; what they share comes first."""
    row = "(?{0},?1,?2,0,?{0},0,?3,?4,0,0,0,?{0},?{1})"
    return (
        "INSERT INTO msg(id, world, queue, state, pos, due, expires, timeout, rcount, first_at,"
        " body, origin, data) VALUES"
        + ",".join(row.format(i, i + 1) for i in range(5, 5 + 2 * rows, 2))
    )


@cache
def post_messages(rows: int) -> str:
    """Insert so many messages whose bodies stand apart."""
    return (
        "INSERT INTO msg(id, world, queue, state, pos, due, expires, timeout, rcount, first_at,"
        " body, origin) VALUES" + ",".join(["(?,?,?,?,?,?,?,?,?,?,?,?)"] * rows)
    )


@cache
def post_bodies(rows: int) -> str:
    """Insert so many bodies at once."""
    return "INSERT INTO body(id, world, refs, props, data) VALUES" + ",".join(
        ["(?,?,?,?,?)"] * rows
    )


PROMOTE_TO_BACK = (
    "UPDATE msg SET state = 0, due = 0, pos = CASE state WHEN 1 THEN (due - ?) << 22 ELSE pos END"
    " WHERE id IN (SELECT id FROM msg WHERE world = ? AND queue = ? AND state IN (1, 2)"
    " AND due <= ? AND +expires > ? ORDER BY due LIMIT ?)"
)
PROMOTE_IN_PLACE = (
    "UPDATE msg SET state = 0, due = 0 WHERE id IN (SELECT id FROM msg WHERE world = ?"
    " AND queue = ? AND state IN (1, 2) AND due <= ? AND +expires > ? ORDER BY due LIMIT ?)"
)
READY = (
    f"SELECT {MESSAGE} FROM msg m WHERE m.world = ? AND m.queue = ?"
    " AND m.state = 0 AND +m.expires > ? ORDER BY m.pos, m.id LIMIT ?"
)
RESERVE = (
    "UPDATE msg SET state = 1, due = ? + coalesce(?, timeout), lease = coalesce(?, timeout),"
    " rcount = rcount + 1, first_at = CASE first_at WHEN 0 THEN ? ELSE first_at END"
    f" WHERE id IN {IDS}"
)
NEXT_DUE = (
    "SELECT due FROM msg WHERE world = ? AND queue = ? AND state IN (1, 2) AND +expires > ?"
    " ORDER BY due LIMIT 1"
)
GET = (
    f"SELECT {MESSAGE} FROM msg m"
    " WHERE m.id = ? AND m.world = ? AND m.queue IN (?, ?) AND m.expires > ?"
)

TOUCH = (
    f"UPDATE msg SET due = ? + timeout, lease = timeout WHERE id IN {IDS} AND {THERE}"
    " AND state = 1 AND due > ? RETURNING id, due"
)
THESE = f"SELECT id FROM msg WHERE id IN {IDS} AND {THERE}"
RELEASE_TO = f"UPDATE msg SET state = ?, due = ?, pos = ? WHERE id = ? AND {THERE}"
RELEASE_IN_PLACE = f"UPDATE msg SET state = ?, due = ?, pos = min(pos, ?) WHERE id = ? AND {THERE}"
GIVE_BACK = (
    "UPDATE msg SET state = 0, due = 0 WHERE id = ? AND rcount = ? AND world = ? AND queue = ?"
    " AND state = 1 AND due > ?"
)
DELETE_SMALL = f"DELETE FROM msg WHERE id IN {IDS} AND {THERE} AND body = 0"
DELETE = f"DELETE FROM msg WHERE id IN {IDS} AND {THERE} RETURNING id, body"
MARK_DELETED = (
    "UPDATE msg SET state = 3, queue = ?, due = 0, expires = min(expires, ?)"
    f" WHERE id IN {IDS} AND {THERE}"
)
MARK_DELETED_RETURNING = MARK_DELETED + " RETURNING id"
HAND_OUT_DELETED = (
    "UPDATE msg SET state = 3, queue = ?, due = 0, rcount = ?, first_at = ?,"
    " expires = min(expires, ?) WHERE id = ?"
)
UNDELETE = "UPDATE msg SET state = 0, queue = ?, expires = ? WHERE id = ? AND state = 3"
RESTORE = (
    "INSERT INTO msg(id, world, queue, state, pos, due, expires, timeout, rcount, first_at, body,"
    " origin, props, data) VALUES(?, ?, ?, 0, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?)"
)
EXISTS = "SELECT 1 FROM msg WHERE id = ?"

EXPIRED = (
    "SELECT id, world, queue, state, body, grp FROM msg WHERE state <> 3 AND expires <= ?"
    " ORDER BY expires LIMIT ?"
)
NEXT_EXPIRY = "SELECT min(expires) FROM msg WHERE state <> 3"
# Deleted messages that were readable. One that was put back since is there under another state,
# and one that was deleted again then is readable for longer.
REMEMBER = "INSERT INTO remembered(until, n, ids) VALUES(?, ?, ?)"
LAPSED = "SELECT rowid, ids FROM remembered WHERE until <= ? ORDER BY until LIMIT ?"
LESSEN_REMEMBERED = "UPDATE remembered SET n = ?, ids = ? WHERE rowid = ?"
DROP_REMEMBERED = "DELETE FROM remembered WHERE rowid = ?"
NEXT_LAPSE = "SELECT min(until) FROM remembered"
FORGET_SMALL = f"DELETE FROM msg WHERE id IN {IDS} AND state = 3 AND expires <= ? AND body = 0"
FORGET = f"DELETE FROM msg WHERE id IN {IDS} AND state = 3 AND expires <= ? RETURNING world, body"

REMOVE = f"DELETE FROM msg WHERE id IN {IDS}"
SHELF_LOGGED = "SELECT id, body FROM msg WHERE world = ? AND queue = ? AND state = 5 LIMIT ?"
SHELF_READY = "SELECT id, body FROM msg WHERE world = ? AND queue = ? AND state = 0 LIMIT ?"
SHELF_HELD = "SELECT id, body FROM msg WHERE world = ? AND queue = ? AND state IN (1, 2) LIMIT ?"
#: All that can stand on a shelf that is left behind.
SHELF_ROWS = (SHELF_READY, SHELF_HELD, SHELF_LOGGED)
SIZE = (
    "CASE m.body WHEN 0 THEN length(m.data) + coalesce(length(m.props), 0)"
    " ELSE (SELECT length(data) + coalesce(length(props), 0) FROM body WHERE id = m.body) END"
)
OLDEST_READY = (
    f"SELECT m.id, m.body, {SIZE} FROM msg m WHERE m.world = ? AND m.queue = ?"
    " AND m.state = 0 ORDER BY m.pos, m.id LIMIT ?"
)
OLDEST_HELD = (
    f"SELECT m.id, m.body, {SIZE} FROM msg m WHERE m.world = ? AND m.queue = ?"
    " AND m.state IN (1, 2) ORDER BY m.due LIMIT ?"
)

# -- bodies, which several messages may share

DROP_BODIES = f"DELETE FROM body WHERE id IN {IDS} AND refs = 1"
LEAVE_BODY = "UPDATE body SET refs = refs - ? WHERE id = ?"
DROP_UNUSED_BODIES = f"DELETE FROM body WHERE id IN {IDS} AND refs <= 0"
SHARE_BODY = "UPDATE body SET refs = refs + 1 WHERE id = ?"
