"""Every statement on alerts."""

from __future__ import annotations

#: Of the queues whose rows are newer than a version; CROSS has SQLite begin with these.
ALERTS = (
    "SELECT a.queue, a.id, a.progressive, a.descending, a.threshold, a.target, a.snooze,"
    " a.policy"
    " FROM queue q CROSS JOIN alert a ON a.world = q.world AND a.queue = q.number"
    " WHERE q.world = ? AND q.version > ?"
)
DROP_OTHERS = (
    "DELETE FROM alert WHERE world = ? AND queue = ? AND id NOT IN (SELECT value FROM json_each(?))"
)
#: One that is there already keeps the time at which it was set off.
ADD = (
    "INSERT INTO alert(world, queue, id, progressive, descending, threshold, target, snooze,"
    " policy, fired_at) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO NOTHING"
)
FIRED_AT = "SELECT world, queue, id, fired_at FROM alert WHERE world = ? AND queue = ?"
SET_OFF = "UPDATE alert SET fired_at = ? WHERE world = ? AND queue = ? AND id = ?"
ANY = "SELECT 1 FROM alert LIMIT 1"
#: Left to itself SQLite takes the primary key, and walks all queues of the world.
ALERTED = (
    "SELECT q.name FROM queue q INDEXED BY queue_shelf"
    " WHERE q.world = ? AND q.shelf = ? AND q.removed = 0"
    " AND EXISTS (SELECT 1 FROM alert a WHERE a.world = q.world AND a.queue = q.number)"
)
