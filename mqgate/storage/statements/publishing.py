"""The statements on exchanges and bindings, and those for messages in several queues."""

from __future__ import annotations

EXCHANGES = (
    "SELECT world, name, type, removed, version FROM exchange WHERE world = ? AND version > ?"
)
LIVE_EXCHANGES = EXCHANGES + " AND removed = 0"
SET_EXCHANGE = (
    "INSERT INTO exchange(world, name, type, removed, version) VALUES(?, ?, ?, ?, ?)"
    " ON CONFLICT(world, name) DO UPDATE SET type = excluded.type, removed = excluded.removed,"
    " version = excluded.version"
)
BINDINGS = (
    "SELECT world, exchange, queue, key, removed, version FROM binding"
    " WHERE world = ? AND version > ?"
)
LIVE_BINDINGS = BINDINGS + " AND removed = 0"
SET_BINDING = (
    "INSERT INTO binding(world, exchange, queue, key, removed, version) VALUES(?, ?, ?, ?, ?, ?)"
    " ON CONFLICT(world, exchange, queue, key) DO UPDATE SET removed = excluded.removed,"
    " version = excluded.version"
)
NOTE_FORGOTTEN_BINDINGS = (
    "UPDATE world SET forgotten = max(forgotten, (SELECT max(version) FROM binding"
    " WHERE world = world.id AND removed > 0 AND removed < ?))"
    " WHERE id IN (SELECT world FROM binding WHERE removed > 0 AND removed < ?)"
)
FORGET_BINDINGS = (
    "DELETE FROM binding WHERE (world, exchange, queue, key) IN"
    " (SELECT world, exchange, queue, key FROM binding WHERE removed > 0 AND removed < ? LIMIT ?)"
)
FORGET_BINDINGS_OF_QUEUES = (
    "DELETE FROM binding WHERE (world, exchange, queue, key) IN"
    " (SELECT b.world, b.exchange, b.queue, b.key"
    " FROM queue q JOIN binding b ON b.world = q.world AND b.queue = q.number"
    " WHERE q.removed > 0 AND q.removed < ? LIMIT ?)"
)

HELD = (
    "SELECT count(*) FROM (SELECT 1 FROM msg WHERE world = ? AND queue = ? AND state IN (1, 2)"
    " AND due > ? LIMIT ?)"
)
