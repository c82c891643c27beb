"""The statements about pushes. ``status < 3`` is open; it stands literally, for the indexes.

In PostgreSQL many gateways are at these rows. Whoever ends entries has their message's row locked
first; whoever claims one, or removes what is of no use, passes over what somebody else is at.
"""

from __future__ import annotations

from functools import cache

from mqgate.storage.statements import IDS, SIZE
from mqgate.storage.statements.texts import Statement, lowest, numbered, plain

KEY = "world = ? AND queue = ? AND message = ? AND subscriber = ?"
_IDS = "ANY(%s::bigint[])"
_COLUMNS = (
    "world, queue, message, subscriber, number, targets, via, error_queue,"
    " retries, delay, step, url, lane, tries, next_at, status, code, claim"
)


@cache
def add(rows: int) -> str:
    """Insert so many entries at once, in SQLite."""
    return f"INSERT INTO push({_COLUMNS}) VALUES" + ",".join(
        ["(?,?,?,?,?,?,?,?,?,?,0,?,?,0,?,0,0,0)"] * rows
    )


#: The same in PostgreSQL, where each column of the entries is a list.
ADD = (
    f"INSERT INTO push({_COLUMNS}) SELECT %s::bigint, %s::bigint, message, subscriber, number,"
    " targets, via, error_queue, retries, delay, 0, url, lane, 0, next_at, 0, 0, 0"
    " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bytea[], %s::text[], %s::text[],"
    " %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::bigint[])"
    " AS e(message, subscriber, number, targets, via, error_queue, retries, delay, url, lane,"
    " next_at)"
)
_SHOWN = "SELECT p.subscriber, p.url, p.retries, p.delay, p.tries, p.status, p.code FROM msg m"
_SHOWN_OF = " WHERE m.id = ? AND m.world = ? AND m.queue IN (?, ?) AND {expires} > ?"
SHOW = Statement(
    sqlite=(
        f"{_SHOWN} LEFT JOIN push p ON p.world = m.world AND p.queue = m.queue"
        f" AND p.message = m.id{_SHOWN_OF.format(expires='m.expires')} ORDER BY p.subscriber"
    ),
    postgresql=plain(
        f"{_SHOWN} LEFT JOIN LATERAL (SELECT * FROM push p WHERE p.world = m.world"
        " AND p.queue = m.queue AND p.message = m.id OFFSET 0) p ON true"
        f"{_SHOWN_OF.format(expires='+m.expires')} ORDER BY p.subscriber"
    ).postgresql,
)

# -- claiming

_DUE_AGAIN = (
    "UPDATE push SET claim = 0, next_at = ?,"
    " tries = tries - CASE step WHEN 0 THEN 1 ELSE 0 END,"
    " status = CASE WHEN tries = 1 AND step = 0 THEN 0 ELSE 2 END"
)
#: A gateway's slot is in the ids it makes. The last try was counted as it began.
RESUME = Statement(
    sqlite=f"{_DUE_AGAIN} WHERE claim > 0 AND (claim >> ?) & 1023 = ?",
    postgresql=f"{plain(_DUE_AGAIN).postgresql} WHERE claim > 0 AND (claim >> %s::int) & 1023 = %s",
)
DUE = plain(
    "SELECT lane, world, queue, message, subscriber FROM push WHERE status < 3 AND next_at <= ?"
    " ORDER BY next_at LIMIT ?"
)
# In PostgreSQL these words have it take the index of lanes.
_NEXT_LANE = "SELECT lane FROM push WHERE 3 - status > 0 AND lane > {after} ORDER BY lane LIMIT 1"
LANES = Statement(
    sqlite=(
        "WITH RECURSIVE found(lane) AS (SELECT min(lane) FROM push WHERE status < 3 AND lane > ?"
        " UNION ALL SELECT (SELECT min(lane) FROM push WHERE status < 3 AND lane > found.lane)"
        " FROM found WHERE found.lane IS NOT NULL LIMIT ?) SELECT lane FROM found"
        " WHERE lane IS NOT NULL"
    ),
    # It makes no more of them than are taken.
    postgresql=(
        f"WITH RECURSIVE found(lane) AS (({_NEXT_LANE.format(after='%s')})"
        f" UNION ALL SELECT ({_NEXT_LANE.format(after='found.lane')})"
        " FROM found WHERE found.lane IS NOT NULL) SELECT lane FROM found"
        " WHERE lane IS NOT NULL LIMIT %s"
    ),
)
_DUE_IN_LANE = " AND lane = ? AND next_at <= ? ORDER BY next_at LIMIT ?"
DUE_IN_LANE = Statement(
    sqlite=(
        "SELECT lane, world, queue, message, subscriber FROM push INDEXED BY push_lane"
        f" WHERE status < 3{_DUE_IN_LANE}"
    ),
    postgresql=plain(
        "SELECT lane, world, queue, message, subscriber FROM push"
        f" WHERE 3 - status > 0{_DUE_IN_LANE}"
    ).postgresql,
)
NEXT_DUE = plain(
    "SELECT next_at FROM push WHERE status < 3 AND next_at > ? ORDER BY next_at LIMIT 1"
)
_FOUND = (
    "SELECT q.number, q.name, p.targets, p.via, p.error_queue, p.retries, p.delay, p.step, p.tries,"
    " p.status, p.code, p.claim, p.failures, m.timeout,"
    " CASE m.body WHEN 0 THEN m.data ELSE"
)
FIND = Statement(
    sqlite=(
        f"{_FOUND} (SELECT data FROM body WHERE id = m.body) END"
        " FROM push p LEFT JOIN queue q ON q.world = p.world AND q.number = p.number"
        " AND q.shelf = p.queue AND q.removed = 0"
        " LEFT JOIN msg m ON m.id = p.message AND m.expires > ?"
        " WHERE p.world = ? AND p.queue = ? AND p.message = ? AND p.subscriber = ?"
        " AND p.status < 3 AND p.next_at <= ?"
    ),
    # What another one has claimed since it was looked for is not due any more, and what he is about
    # to claim is locked.
    postgresql=(
        f"{_FOUND} (SELECT data FROM body WHERE world = $2 AND id = m.body) END"
        " FROM push p LEFT JOIN LATERAL (SELECT * FROM queue q WHERE q.world = $2"
        " AND q.number BETWEEN p.number AND p.number AND +q.shelf = p.queue AND q.removed + 0 = 0"
        " ORDER BY q.number LIMIT 1) q ON true"
        " LEFT JOIN msg m ON m.world = $2 AND m.id = p.message AND +m.expires > $1"
        " WHERE p.world = $2 AND p.queue = $3 AND p.message = $4 AND p.subscriber = $5"
        " AND p.status + 0 < 3 AND +p.next_at <= $1 FOR UPDATE OF p SKIP LOCKED"
    ),
)
CLAIM = plain(f"UPDATE push SET status = 1, claim = ?, next_at = ?, tries = ? WHERE {KEY}")

# -- what comes of it

#: In the order of the messages: nobody waits for a lower one than he has.
LOCK_MESSAGES = (
    f"SELECT id FROM msg WHERE world = %s AND id = {_IDS} AND state = 4 ORDER BY id FOR UPDATE"
)
# Here ``status`` is no reason to take an index of those that are due.
SETTLE = plain(
    "UPDATE push SET claim = 0, status = ?, code = ?, next_at = ?, tries = ?, step = ?, url = ?,"
    f" lane = ?, failures = ? WHERE {KEY} AND +claim = ? AND status + 0 = 1"
)
ACKNOWLEDGE = plain(f"UPDATE push SET claim = 0, status = 3 WHERE {KEY} AND status + 0 < 3")
IS_KNOWN = Statement(
    sqlite=(
        "SELECT 1 FROM push p JOIN msg m ON m.id = p.message WHERE p.world = ?"
        " AND p.queue IN (?, ?) AND p.message = ? AND p.subscriber = ? AND m.expires > ?"
    ),
    postgresql=(
        "SELECT 1 FROM msg m, unnest(ARRAY[$2, $3]::bigint[]) AS k(queue) CROSS JOIN LATERAL"
        " (SELECT p.message FROM push p WHERE p.world = $1 AND p.queue = k.queue"
        " AND p.message = $4 AND p.subscriber = $5 OFFSET 0) p"
        " WHERE m.id = $4 AND m.world = $1 AND +m.expires > $6"
    ),
)
LEFT = plain(
    "SELECT count(*) FILTER (WHERE status < 3), count(*) FILTER (WHERE status = 4) FROM push"
    " WHERE world = ? AND queue = ? AND message = ?"
)

# -- messages in state 4

PUSHED = Statement(
    sqlite=(
        f"SELECT id, body FROM msg WHERE id IN {IDS} AND world = ? AND queue = ? AND state = 4"
        " AND expires > ?"
    ),
    # Whoever removes them does so alone: their bodies have one use less each, not two.
    postgresql=(
        f"SELECT id, body FROM msg WHERE id = {_IDS} AND world = %s AND queue + 0 = %s"
        " AND state = 4 AND expires + 0 > %s ORDER BY id FOR UPDATE"
    ),
)
FINISH_MESSAGES = Statement(
    sqlite=(
        f"UPDATE msg SET state = 3, queue = ?, expires = min(expires, ?) WHERE id IN {IDS}"
        " AND state = 4 RETURNING id, expires"
    ),
    postgresql=(
        "UPDATE msg SET state = 3, queue = %s, expires = least(expires, %s)"
        f" WHERE world = %s AND id = {_IDS} AND state = 4 RETURNING id, expires"
    ),
)
FINISH_ENTRIES = Statement(
    sqlite=(
        "UPDATE push SET queue = ?, claim = 0, status = max(status, 3)"
        f" WHERE world = ? AND queue = ? AND message IN {IDS}"
    ),
    postgresql=(
        "UPDATE push SET queue = %s, claim = 0, status = greatest(status, 3)"
        " WHERE world = %s AND queue = %s AND message = %s"
    ),
)
_OLDEST = "SELECT DISTINCT message FROM push WHERE world = ? AND queue = ? ORDER BY message LIMIT ?"
OLDEST = Statement(
    sqlite=(
        f"SELECT m.id, m.body, {SIZE} FROM ({_OLDEST}) p JOIN msg m ON m.id = p.message"
        " AND m.state = 4"
    ),
    postgresql=(
        "SELECT m.id, m.body, CASE m.body WHEN 0"
        " THEN octet_length(m.data) + coalesce(octet_length(m.props), 0)"
        " ELSE (SELECT octet_length(data) + coalesce(octet_length(props), 0)"
        " FROM body WHERE world = $1 AND id = m.body) END"
        f" FROM msg m WHERE m.world = $1 AND m.state = 4 AND m.id = ANY(ARRAY("
        f"{numbered(_OLDEST)})) ORDER BY m.id FOR UPDATE SKIP LOCKED"
    ),
)
DROP = Statement(
    sqlite=f"DELETE FROM push WHERE world = ? AND queue = ? AND message IN {IDS}",
    postgresql="DELETE FROM push WHERE world = %s AND queue = %s AND message = %s",
)
_OF_SHELF = (
    "SELECT message, subscriber FROM push WHERE world = ? AND queue = ?"
    " ORDER BY message, subscriber LIMIT ?"
)
#: A slice of a shelf's entries, which are in the order of their messages.
OF_SHELF = Statement(
    sqlite=_OF_SHELF, postgresql=plain(_OF_SHELF).postgresql + " FOR UPDATE SKIP LOCKED"
)
DROP_UP_TO = "DELETE FROM push WHERE world = ? AND queue = ? AND (message, subscriber) <= (?, ?)"
#: Some of a message's.
DROP_THESE = (
    f"DELETE FROM push WHERE world = %s AND queue = %s AND message = %s AND subscriber = {_IDS}"
)

# -- entries whose messages are gone

REMEMBER = Statement(
    sqlite="INSERT INTO push_remembered(until, world, queue, ids) VALUES(?, ?, ?, ?)",
    postgresql=(
        "INSERT INTO push_remembered(until, world, queue, ids) VALUES(%s, %s, %s, %s::bigint[])"
    ),
)
NEXT_LAPSE = lowest("until", "push_remembered")
LAPSED = Statement(
    sqlite=(
        "SELECT rowid, world, queue, ids FROM push_remembered WHERE until <= ?"
        " ORDER BY until LIMIT 1"
    ),
    postgresql=(
        "SELECT note, world FROM push_remembered WHERE until <= %s ORDER BY until LIMIT %s"
    ),
)
#: Of one world. A note goes, and does not change.
TAKE_NOTES = (
    "SELECT note, world, queue, ids FROM push_remembered WHERE world = $1 AND note = ANY($2)"
    " FOR UPDATE SKIP LOCKED"
)
FORGET = (
    "DELETE FROM push WHERE (world, queue, message, subscriber) IN (SELECT world, queue, message,"
    f" subscriber FROM push WHERE world = ? AND queue = ? AND message IN {IDS} LIMIT ?)"
)
#: The entries of messages; those that somebody is at are left for the next time.
OF_MESSAGES = (
    "SELECT e.message, e.subscriber FROM unnest(%s::bigint[]) AS k(message) CROSS JOIN LATERAL"
    " (SELECT message, subscriber FROM push WHERE world = %s AND queue = %s AND message = k.message"
    " OFFSET 0 FOR UPDATE SKIP LOCKED) e LIMIT %s"
)
ANY_LEFT = (
    "SELECT 1 FROM unnest(%s::bigint[]) AS k(message) WHERE (SELECT message FROM push"
    " WHERE world = %s AND queue = %s AND message = k.message LIMIT 1) IS NOT NULL LIMIT 1"
)
DROP_REMEMBERED = Statement(
    sqlite="DELETE FROM push_remembered WHERE rowid = ?",
    postgresql="DELETE FROM push_remembered WHERE world = %s AND note = %s",
)
