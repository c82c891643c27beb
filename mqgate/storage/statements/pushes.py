"""The statements about pushes. ``status < 3`` is open; it stands literally, for the indexes."""

from __future__ import annotations

from functools import cache

from mqgate.storage.statements import IDS, SIZE

KEY = "world = ? AND queue = ? AND message = ? AND subscriber = ?"


@cache
def add(rows: int) -> str:
    """Insert so many entries at once."""
    return (
        "INSERT INTO push(world, queue, message, subscriber, number, targets, via, error_queue,"
        " retries, delay, step, url, lane, tries, next_at, status, code, claim) VALUES"
        + ",".join(["(?,?,?,?,?,?,?,?,?,?,0,?,?,0,?,0,0,0)"] * rows)
    )


SHOW = (
    "SELECT p.subscriber, p.url, p.retries, p.delay, p.tries, p.status, p.code FROM msg m"
    " LEFT JOIN push p ON p.world = m.world AND p.queue = m.queue AND p.message = m.id"
    " WHERE m.id = ? AND m.world = ? AND m.queue IN (?, ?) AND m.expires > ? ORDER BY p.subscriber"
)

# -- claiming

#: A gateway's slot is in the ids it makes. The last try was counted as it began.
RESUME = (
    "UPDATE push SET claim = 0, next_at = ?, tries = tries - (step = 0),"
    " status = CASE WHEN tries = 1 AND step = 0 THEN 0 ELSE 2 END"
    " WHERE claim > 0 AND (claim >> ?) & 1023 = ?"
)
DUE = (
    "SELECT lane, world, queue, message, subscriber FROM push WHERE status < 3 AND next_at <= ?"
    " ORDER BY next_at LIMIT ?"
)
LANES = (
    "WITH RECURSIVE found(lane) AS (SELECT min(lane) FROM push WHERE status < 3 AND lane > ?"
    " UNION ALL SELECT (SELECT min(lane) FROM push WHERE status < 3 AND lane > found.lane)"
    " FROM found WHERE found.lane IS NOT NULL LIMIT ?) SELECT lane FROM found"
    " WHERE lane IS NOT NULL"
)
DUE_IN_LANE = (
    "SELECT lane, world, queue, message, subscriber FROM push INDEXED BY push_lane"
    " WHERE status < 3 AND lane = ? AND next_at <= ? ORDER BY next_at LIMIT ?"
)
NEXT_DUE = "SELECT next_at FROM push WHERE status < 3 AND next_at > ? ORDER BY next_at LIMIT 1"
FIND = (
    "SELECT q.number, q.name, p.targets, p.via, p.error_queue, p.retries, p.delay, p.step, p.tries,"
    " p.status, p.code, p.claim, p.failures, m.timeout,"
    " CASE m.body WHEN 0 THEN m.data ELSE (SELECT data FROM body WHERE id = m.body) END"
    " FROM push p JOIN queue q ON q.world = p.world AND q.number = p.number AND q.shelf = p.queue"
    " AND q.removed = 0 JOIN msg m ON m.id = p.message AND m.expires > ?"
    " WHERE p.world = ? AND p.queue = ? AND p.message = ? AND p.subscriber = ?"
)
CLAIM = f"UPDATE push SET status = 1, claim = ?, next_at = ?, tries = ? WHERE {KEY}"

# -- what comes of it

SETTLE = (
    "UPDATE push SET claim = 0, status = ?, code = ?, next_at = ?, tries = ?, step = ?, url = ?,"
    f" lane = ?, failures = ? WHERE {KEY} AND claim = ? AND status = 1"
)
ACKNOWLEDGE = f"UPDATE push SET claim = 0, status = 3 WHERE {KEY} AND status < 3"
IS_KNOWN = (
    "SELECT 1 FROM push p JOIN msg m ON m.id = p.message WHERE p.world = ? AND p.queue IN (?, ?)"
    " AND p.message = ? AND p.subscriber = ? AND m.expires > ?"
)
LEFT = (
    "SELECT total(status < 3), total(status = 4) FROM push"
    " WHERE world = ? AND queue = ? AND message = ?"
)

# -- messages in state 4

PUSHED = (
    f"SELECT id, body FROM msg WHERE id IN {IDS} AND world = ? AND queue = ? AND state = 4"
    " AND expires > ?"
)
FINISH_MESSAGES = (
    f"UPDATE msg SET state = 3, queue = ?, expires = min(expires, ?) WHERE id IN {IDS}"
    " AND state = 4 RETURNING id, expires"
)
FINISH_ENTRIES = (
    "UPDATE push SET queue = ?, claim = 0, status = max(status, 3)"
    f" WHERE world = ? AND queue = ? AND message IN {IDS}"
)
OLDEST = (
    f"SELECT m.id, m.body, {SIZE} FROM (SELECT DISTINCT message FROM push WHERE world = ?"
    " AND queue = ? ORDER BY message LIMIT ?) p JOIN msg m ON m.id = p.message AND m.state = 4"
)
DROP = f"DELETE FROM push WHERE world = ? AND queue = ? AND message IN {IDS}"
#: A slice of a shelf's entries, which are in the order of their messages.
OF_SHELF = (
    "SELECT message, subscriber FROM push WHERE world = ? AND queue = ?"
    " ORDER BY message, subscriber LIMIT ?"
)
DROP_UP_TO = "DELETE FROM push WHERE world = ? AND queue = ? AND (message, subscriber) <= (?, ?)"

# -- entries whose messages are gone

REMEMBER = "INSERT INTO push_remembered(until, world, queue, ids) VALUES(?, ?, ?, ?)"
NEXT_LAPSE = "SELECT min(until) FROM push_remembered"
LAPSED = (
    "SELECT rowid, world, queue, ids FROM push_remembered WHERE until <= ? ORDER BY until LIMIT 1"
)
FORGET = (
    "DELETE FROM push WHERE (world, queue, message, subscriber) IN (SELECT world, queue, message,"
    f" subscriber FROM push WHERE world = ? AND queue = ? AND message IN {IDS} LIMIT ?)"
)
DROP_REMEMBERED = "DELETE FROM push_remembered WHERE rowid = ?"
