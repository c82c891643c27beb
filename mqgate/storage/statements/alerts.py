"""Every statement on alerts."""

from __future__ import annotations

from mqgate.storage.statements.texts import Statement, plain

_ALERT = "a.queue, a.id, a.progressive, a.descending, a.threshold, a.target, a.snooze, a.policy"
#: Of the queues whose rows are newer than a version. CROSS has SQLite begin with these, OFFSET does
#: the same for PostgreSQL.
ALERTS = Statement(
    sqlite=(
        f"SELECT {_ALERT} FROM queue q"
        " CROSS JOIN alert a ON a.world = q.world AND a.queue = q.number"
        " WHERE q.world = ? AND q.version > ?"
    ),
    postgresql=(
        f"SELECT {_ALERT} FROM queue q CROSS JOIN LATERAL (SELECT * FROM alert r"
        " WHERE r.world = q.world AND r.queue = q.number OFFSET 0) a"
        " WHERE q.world = %s AND q.version > %s"
    ),
)
DROP_OTHERS = Statement(
    sqlite=(
        "DELETE FROM alert WHERE world = ? AND queue = ?"
        " AND id NOT IN (SELECT value FROM json_each(?))"
    ),
    postgresql="DELETE FROM alert WHERE world = %s AND queue = %s AND id <> ALL(%s::bigint[])",
)
#: One that is there already keeps the time at which it was set off.
ADD = plain(
    "INSERT INTO alert(world, queue, id, progressive, descending, threshold, target, snooze,"
    " policy, fired_at) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO NOTHING"
)
_FIRED_AT = "SELECT world, queue, id, fired_at FROM alert WHERE world = ? AND queue = ?"
FIRED_AT = Statement(
    sqlite=_FIRED_AT,
    postgresql=plain(f"{_FIRED_AT} ORDER BY id FOR NO KEY UPDATE").postgresql,
)
SET_OFF = plain("UPDATE alert SET fired_at = ? WHERE world = ? AND queue = ? AND id = ?")
ANY = plain("SELECT 1 FROM alert LIMIT 1")
ALERTED = Statement(
    # Left to itself SQLite takes the primary key, and walks all queues of the world.
    sqlite=(
        "SELECT q.name FROM queue q INDEXED BY queue_shelf"
        " WHERE q.world = ? AND q.shelf = ? AND q.removed = 0"
        " AND EXISTS (SELECT 1 FROM alert a WHERE a.world = q.world AND a.queue = q.number)"
    ),
    # So does PostgreSQL, unless it is asked for an order that the other index has.
    postgresql=(
        "SELECT q.name FROM queue q"
        " WHERE q.world = $1 AND q.shelf BETWEEN $2 AND $2 AND q.removed = 0"
        " AND (SELECT a.id FROM alert a WHERE a.world = q.world AND a.queue = q.number"
        " ORDER BY a.id LIMIT 1) IS NOT NULL ORDER BY q.shelf LIMIT 1"
    ),
)
