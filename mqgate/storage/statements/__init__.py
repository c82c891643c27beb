"""Every statement of the store, in one place; the plans they must have are in tests/storage.

Ids go in as one JSON array each on SQLite, which cannot bind a list. ``+expires`` keeps either
database from walking the expiry index instead of the queue's own. A queue's order is (pos, id).
Rows that are given by their ids are locked in the order of these, as PostgreSQL walks an index.
"""

from __future__ import annotations

from functools import cache

from mqgate.storage.statements.texts import Statement, lowest, plain

#: A small body stands in its message's row (`body` is 0), others in a row of their own.
MESSAGE = (
    "m.id, m.state, m.pos, m.due, m.expires, m.timeout, m.lease, m.rcount, m.first_at, m.body,"
    " m.origin,"
    " CASE m.body WHEN 0 THEN m.props ELSE (SELECT props FROM body WHERE id = m.body) END,"
    " CASE m.body WHEN 0 THEN m.data ELSE (SELECT data FROM body WHERE id = m.body) END"
)
#: The same on PostgreSQL, with `BODIES` joined, whose statements return all their rows at once.
#: So the data of larger bodies are left out, and told of by their length: the last value, which is
#: NULL where nothing was left out (`mqgate.storage.postgresql.rows`).
POSTGRESQL_MESSAGE = (
    "m.id, m.state, m.pos, m.due, m.expires, m.timeout, m.lease, m.rcount, m.first_at, m.body,"
    " m.origin, CASE m.body WHEN 0 THEN m.props ELSE b.props END,"
    " CASE WHEN m.body = 0 THEN m.data WHEN octet_length(b.data) <= 8192 THEN b.data END,"
    " CASE WHEN octet_length(b.data) > 8192 THEN octet_length(b.data) END"
)
#: The first value is the world: what locks rows is to name it for each table.
BODIES = (
    " LEFT JOIN LATERAL (SELECT * FROM body WHERE world = $1 AND id = nullif(m.body, 0)"
    " OFFSET 0) b ON true"
)
#: The data that were left out.
LARGE_BODIES = "SELECT id, data FROM body WHERE world = $1 AND id = ANY($2)"
#: Behind a statement whose rows are taken: none of those that another gateway is taking.
TAKING = " FOR UPDATE OF m SKIP LOCKED"
IDS = "(SELECT value FROM json_each(?))"
#: The row is in this queue, and is there for those who look for it.
THERE = "world = ? AND queue = ? AND state < 3 AND expires > ?"


@cache
def by_run(statement: str) -> str:
    """The same for all ids from one to another, in place of a list."""
    return statement.replace(f"IN {IDS}", "BETWEEN ? AND ?")


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
    row = "(?{0},?1,?2,0,?{0},0,?3,?4,0,0,0,?{0},?{1},?5)"
    return (
        "INSERT INTO msg(id, world, queue, state, pos, due, expires, timeout, rcount, first_at,"
        " body, origin, data, aged) VALUES"
        + ",".join(row.format(i, i + 1) for i in range(6, 6 + 2 * rows, 2))
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


#: On PostgreSQL: $1 and $2 are the shelf, the rest are lists, with a value for each message.
POST_SMALL = (
    "INSERT INTO msg(id, world, queue, state, pos, due, expires, timeout, rcount, first_at, body,"
    " origin, props, data)"
    " SELECT id, $1, $2, state, pos, due, expires, timeout, 0, 0, 0, id, props, data"
    " FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],"
    " $8::bigint[], $9::bytea[], $10::bytea[])"
    " AS r(id, state, pos, due, expires, timeout, props, data)"
)
#: The same for messages that differ in id and body alone; $3 and $4 are what they share.
POST_PLAIN = (
    "INSERT INTO msg(id, world, queue, state, pos, due, expires, timeout, rcount, first_at, body,"
    " origin, data) SELECT id, $1, $2, 0, id, 0, $3, $4, 0, 0, 0, id, data"
    " FROM unnest($5::bigint[], $6::bytea[]) AS r(id, data)"
)
#: Messages of one world whose bodies stand apart.
POST_MESSAGES = (
    "INSERT INTO msg(id, world, queue, state, pos, due, expires, timeout, rcount, first_at, body,"
    " origin) SELECT id, $1, queue, state, pos, due, expires, timeout, 0, 0, body, body"
    " FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],"
    " $7::bigint[], $8::bigint[], $9::bigint[])"
    " AS r(id, queue, state, pos, due, expires, timeout, body)"
)
#: Bodies of one world, and how many messages share each.
POST_BODIES = (
    "INSERT INTO body(id, world, refs, props, data) SELECT id, $1, refs, props, data"
    " FROM unnest($2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[])"
    " AS r(id, refs, props, data)"
)

_DUE = (
    "SELECT id FROM msg WHERE world = {world} AND queue = {queue} AND state IN (1, 2)"
    " AND due <= {now} AND +expires > {now} ORDER BY due{id} LIMIT {limit}"
)
_DUE_SQLITE = _DUE.format(world="?", queue="?", now="?", limit="?", id="")
_DUE_POSTGRESQL = _DUE.format(world="$1", queue="$2", now="$3", limit="$4", id=", id")
PROMOTE_TO_BACK = Statement(
    sqlite=(
        "UPDATE msg SET state = 0, due = 0, pos = CASE state WHEN 1 THEN (due - ?) << 22 ELSE pos"
        f" END WHERE id IN ({_DUE_SQLITE})"
    ),
    postgresql=(
        "UPDATE msg SET state = 0, due = 0, pos = CASE state WHEN 1 THEN (due - $5) << 22 ELSE pos"
        f" END WHERE world = $1 AND id = ANY(ARRAY({_DUE_POSTGRESQL} FOR UPDATE SKIP LOCKED))"
    ),
)
PROMOTE_IN_PLACE = Statement(
    sqlite=f"UPDATE msg SET state = 0, due = 0 WHERE id IN ({_DUE_SQLITE})",
    postgresql=(
        "UPDATE msg SET state = 0, due = 0"
        f" WHERE world = $1 AND id = ANY(ARRAY({_DUE_POSTGRESQL} FOR UPDATE SKIP LOCKED))"
    ),
)
READY = Statement(
    sqlite=(
        f"SELECT {MESSAGE} FROM msg m WHERE m.world = ? AND m.queue = ?"
        " AND m.state = 0 AND +m.expires > ? ORDER BY m.pos, m.id LIMIT ?"
    ),
    postgresql=(
        f"SELECT {POSTGRESQL_MESSAGE} FROM msg m{BODIES} WHERE m.world = $1 AND m.queue = $2"
        " AND m.state = 0 AND +m.expires > $3 ORDER BY m.pos, m.id LIMIT $4"
    ),
)
RESERVE = Statement(
    sqlite=(
        "UPDATE msg SET state = 1, due = ? + coalesce(?, timeout), lease = coalesce(?, timeout),"
        " rcount = rcount + 1, first_at = CASE first_at WHEN 0 THEN ? ELSE first_at END"
        f" WHERE id IN {IDS}"
    ),
    postgresql=(
        "UPDATE msg SET state = 1, due = $1 + coalesce($2, timeout), lease = coalesce($2, timeout),"
        " rcount = rcount + 1, first_at = CASE first_at WHEN 0 THEN $1 ELSE first_at END"
        " WHERE world = $3 AND id = ANY($4)"
    ),
)
NEXT_DUE = plain(
    "SELECT due FROM msg WHERE world = ? AND queue = ? AND state IN (1, 2) AND +expires > ?"
    " ORDER BY due LIMIT 1"
)
GET = Statement(
    sqlite=(
        f"SELECT {MESSAGE} FROM msg m"
        " WHERE m.id = ? AND m.world = ? AND m.queue IN (?, ?) AND m.expires > ?"
    ),
    postgresql=(
        f"SELECT {POSTGRESQL_MESSAGE} FROM msg m{BODIES}"
        " WHERE m.id = $4 AND m.world = $1 AND m.queue IN ($2, $3) AND +m.expires > $5"
    ),
)

#: On PostgreSQL: $1 and $3 are the shelf, $2 the ids, $4 is now.
_THESE = "world = $1 AND id = ANY($2) AND queue = $3 AND state < 3 AND +expires > $4"
TOUCH = Statement(
    sqlite=(
        f"UPDATE msg SET due = ? + timeout, lease = timeout WHERE id IN {IDS} AND {THERE}"
        " AND state = 1 AND due > ? RETURNING id, due"
    ),
    postgresql=(
        f"UPDATE msg SET due = $4 + timeout, lease = timeout WHERE {_THESE}"
        " AND state + 0 = 1 AND +due > $4 RETURNING id, due"
    ),
)
THESE = Statement(
    sqlite=f"SELECT id FROM msg WHERE id IN {IDS} AND {THERE}",
    postgresql=f"SELECT id FROM msg WHERE {_THESE}",
)
_ONE = "world = $1 AND id = $2 AND queue = $3 AND state < 3 AND +expires > $4"
RELEASE_TO = Statement(
    sqlite=f"UPDATE msg SET state = ?, due = ?, pos = ? WHERE id = ? AND {THERE}",
    postgresql=f"UPDATE msg SET state = $5, due = $6, pos = $7 WHERE {_ONE}",
)
RELEASE_IN_PLACE = Statement(
    sqlite=f"UPDATE msg SET state = ?, due = ?, pos = min(pos, ?) WHERE id = ? AND {THERE}",
    postgresql=f"UPDATE msg SET state = $5, due = $6, pos = least(pos, $7) WHERE {_ONE}",
)
_GIVE_BACK = (
    "UPDATE msg SET state = 0, due = 0 WHERE id = ? AND rcount = ? AND world = ? AND queue = ?"
)
GIVE_BACK = Statement(
    sqlite=f"{_GIVE_BACK} AND state = 1 AND due > ?",
    postgresql=plain(f"{_GIVE_BACK} AND state + 0 = 1 AND +due > ?").postgresql,
)
DELETE_SMALL = f"DELETE FROM msg WHERE id IN {IDS} AND {THERE} AND body = 0"
DELETE = Statement(
    sqlite=f"DELETE FROM msg WHERE id IN {IDS} AND {THERE} RETURNING id, body",
    postgresql=f"DELETE FROM msg WHERE {_THESE} RETURNING id, body",
)
MARK_DELETED = (
    "UPDATE msg SET state = 3, queue = ?, due = 0, expires = min(expires, ?)"
    f" WHERE id IN {IDS} AND {THERE}"
)
MARK_DELETED_RETURNING = Statement(
    sqlite=MARK_DELETED + " RETURNING id",
    postgresql=(
        "UPDATE msg SET state = 3, queue = $5, due = 0, expires = least(expires, $6)"
        f" WHERE {_THESE} RETURNING id"
    ),
)
#: Of rows that were just found ready; on PostgreSQL of many at once.
HAND_OUT_DELETED = Statement(
    sqlite=(
        "UPDATE msg SET state = 3, queue = ?, due = 0, rcount = ?, first_at = ?,"
        " expires = min(expires, ?) WHERE id = ?"
    ),
    postgresql=(
        "UPDATE msg SET state = 3, queue = $3, due = 0, rcount = rcount + 1,"
        " first_at = CASE first_at WHEN 0 THEN $4 ELSE first_at END,"
        " expires = least(expires, $5) WHERE world = $1 AND id = ANY($2)"
    ),
)
UNDELETE = Statement(
    # It may have grown old meanwhile, as nobody noticed.
    sqlite="UPDATE msg SET state = 0, aged = 1, queue = ?, expires = ? WHERE id = ? AND state = 3",
    postgresql=(
        "UPDATE msg SET state = 0, queue = $1, expires = $2"
        " WHERE id = $3 AND world = $4 AND state = 3"
    ),
)
RESTORE = plain(
    "INSERT INTO msg(id, world, queue, state, pos, due, expires, timeout, rcount, first_at, body,"
    " origin, props, data) VALUES(?, ?, ?, 0, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?)"
)
EXISTS = Statement(
    sqlite="SELECT 1 FROM msg WHERE id = ?",
    postgresql="SELECT 1 FROM msg WHERE id = $1 AND world = $2",
)

EXPIRED = Statement(
    sqlite=(
        "SELECT id, world, queue, state, body, grp FROM msg"
        " WHERE state <> 3 AND aged = 1 AND expires <= ? ORDER BY expires LIMIT ?"
    ),
    postgresql=(
        "SELECT id, world, queue, state, body, grp FROM msg"
        " WHERE 3 - state <> 0 AND expires <= $1 ORDER BY expires LIMIT $2"
    ),
)
#: On PostgreSQL, of one world: those that are still as they were found, and that nobody is at.
TAKE_EXPIRED = (
    "SELECT id, world, queue, state, body, grp FROM msg WHERE world = $1 AND id = ANY($2)"
    " AND state <> 3 AND +expires <= $3 FOR UPDATE SKIP LOCKED"
)
NEXT_EXPIRY = lowest("expires", "msg", " WHERE state <> 3 AND aged = 1", " WHERE 3 - state <> 0")
# Of SQLite's file alone (mqgate/storage/sqlite/aging.py).
AGED_UP_TO = "SELECT upto FROM aging"
SET_AGED_UP_TO = "UPDATE aging SET upto = ?"
LAST_OF_SLICE = "SELECT id FROM msg WHERE id > ? AND id <= ? ORDER BY id LIMIT 1 OFFSET ?"
GROW_OLD = "UPDATE msg SET aged = 1 WHERE id > ? AND id <= ? AND aged = 0 AND state <> 3"
# Deleted messages that were readable. One that was put back since is there under another state,
# and one that was deleted again then is readable for longer.
REMEMBER = Statement(
    sqlite="INSERT INTO remembered(until, n, ids) VALUES(?, ?, ?)",
    postgresql="INSERT INTO remembered(world, until, ids) VALUES($1, $2, $3)",
)
LAPSED = Statement(
    sqlite="SELECT rowid, n, ids FROM remembered WHERE until <= ? ORDER BY until LIMIT ?",
    postgresql="SELECT note, world FROM remembered WHERE until <= $1 ORDER BY until LIMIT $2",
)
#: Of one world. A note's time does not change; its ids become less, and it goes.
TAKE_NOTES = (
    "SELECT note, world, ids FROM remembered WHERE world = $1 AND note = ANY($2)"
    " FOR UPDATE SKIP LOCKED"
)
LESSEN_REMEMBERED = Statement(
    sqlite="UPDATE remembered SET n = ?, ids = ? WHERE rowid = ?",
    postgresql="UPDATE remembered SET ids = $1 WHERE world = $2 AND note = $3",
)
DROP_REMEMBERED = Statement(
    sqlite="DELETE FROM remembered WHERE rowid = ?",
    postgresql="DELETE FROM remembered WHERE world = $1 AND note = $2",
)
NEXT_LAPSE = lowest("until", "remembered")
FORGET_SMALL = f"DELETE FROM msg WHERE id IN {IDS} AND state = 3 AND expires <= ? AND body = 0"
FORGET = Statement(
    sqlite=(
        f"DELETE FROM msg WHERE id IN {IDS} AND state = 3 AND expires <= ? RETURNING world, body"
    ),
    postgresql=(
        "DELETE FROM msg WHERE world = $1 AND id = ANY($2) AND state = 3 AND +expires <= $3"
        " RETURNING world, body"
    ),
)

REMOVE = Statement(
    sqlite=f"DELETE FROM msg WHERE id IN {IDS}",
    postgresql="DELETE FROM msg WHERE world = $1 AND id = ANY($2)",
)


def _on_shelf(state: str, order: str) -> Statement:
    """In any order; that of an index has PostgreSQL take it."""
    text = f"SELECT id, body FROM msg WHERE world = ? AND queue = ? AND state {state}"
    ordered = f"{plain(text).postgresql} ORDER BY {order} LIMIT %s FOR UPDATE SKIP LOCKED"
    return Statement(f"{text} LIMIT ?", ordered)


SHELF_LOGGED = _on_shelf("= 5", "pos")
SHELF_READY = _on_shelf("= 0", "pos, id")
SHELF_HELD = _on_shelf("IN (1, 2)", "due")
#: All that can stand on a shelf that is left behind.
SHELF_ROWS = (SHELF_READY, SHELF_HELD, SHELF_LOGGED)
SIZE = (
    "CASE m.body WHEN 0 THEN length(m.data) + coalesce(length(m.props), 0)"
    " ELSE (SELECT length(data) + coalesce(length(props), 0) FROM body WHERE id = m.body) END"
)
#: The same on PostgreSQL, with `BODIES` joined.
POSTGRESQL_SIZE = (
    "CASE m.body WHEN 0 THEN octet_length(m.data) + coalesce(octet_length(m.props), 0)"
    " ELSE octet_length(b.data) + coalesce(octet_length(b.props), 0) END"
)


def _oldest(state: str, order: str) -> Statement:
    return Statement(
        f"SELECT m.id, m.body, {SIZE} FROM msg m WHERE m.world = ? AND m.queue = ?"
        f" AND m.state {state} ORDER BY {order} LIMIT ?",
        f"SELECT m.id, m.body, {POSTGRESQL_SIZE} FROM msg m{BODIES} WHERE m.world = $1"
        f" AND m.queue = $2 AND m.state {state} ORDER BY {order} LIMIT $3{TAKING}",
    )


OLDEST_READY = _oldest("= 0", "m.pos, m.id")
OLDEST_HELD = _oldest("IN (1, 2)", "m.due")

# -- bodies, which several messages may share

DROP_BODIES = Statement(
    sqlite=f"DELETE FROM body WHERE id IN {IDS} AND refs = 1",
    postgresql="DELETE FROM body WHERE world = $1 AND id = ANY($2) AND refs = 1",
)
#: Where several gateways write, they wait for each other here, in the order of the bodies.
LOCK_BODIES = "SELECT id FROM body WHERE world = $1 AND id = ANY($2) ORDER BY id FOR UPDATE"
LEAVE_BODY = Statement(
    sqlite="UPDATE body SET refs = refs - ? WHERE id = ?",
    postgresql="UPDATE body SET refs = refs - $1 WHERE world = $2 AND id = ANY($3)",
)
DROP_UNUSED_BODIES = Statement(
    sqlite=f"DELETE FROM body WHERE id IN {IDS} AND refs <= 0",
    postgresql="DELETE FROM body WHERE world = $1 AND id = ANY($2) AND refs <= 0",
)
SHARE_BODY = Statement(
    sqlite="UPDATE body SET refs = refs + 1 WHERE id = ?",
    postgresql="UPDATE body SET refs = refs + 1 WHERE id = $1 AND world = $2",
)
