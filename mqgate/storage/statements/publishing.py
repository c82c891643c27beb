"""The statements on exchanges and bindings, and those for messages in several queues."""

from __future__ import annotations

from mqgate.storage.statements.texts import Statement, plain

_EXCHANGES = (
    "SELECT world, name, type, removed, version FROM exchange WHERE world = ? AND version > ?"
)
EXCHANGES = plain(_EXCHANGES)
LIVE_EXCHANGES = plain(_EXCHANGES + " AND removed = 0")
SET_EXCHANGE = plain(
    "INSERT INTO exchange(world, name, type, removed, version) VALUES(?, ?, ?, ?, ?)"
    " ON CONFLICT(world, name) DO UPDATE SET type = excluded.type, removed = excluded.removed,"
    " version = excluded.version"
)
_BINDINGS = (
    "SELECT world, exchange, queue, key, removed, version FROM binding"
    " WHERE world = ? AND version > ?"
)
BINDINGS = plain(_BINDINGS)
LIVE_BINDINGS = plain(_BINDINGS + " AND removed = 0")
SET_BINDING = plain(
    "INSERT INTO binding(world, exchange, queue, key, removed, version) VALUES(?, ?, ?, ?, ?, ?)"
    " ON CONFLICT(world, exchange, queue, key) DO UPDATE SET removed = excluded.removed,"
    " version = excluded.version"
)
#: On PostgreSQL of those worlds that are locked against gateways that read them.
NOTE_FORGOTTEN_BINDINGS = Statement(
    sqlite=(
        "UPDATE world SET forgotten = max(forgotten, (SELECT max(version) FROM binding"
        " WHERE world = world.id AND removed > 0 AND removed < ?))"
        " WHERE id IN (SELECT world FROM binding WHERE removed > 0 AND removed < ?)"
    ),
    postgresql=(
        "UPDATE world w SET forgotten = greatest(forgotten, (SELECT max(b.version) FROM binding b"
        " WHERE b.world = w.id AND b.removed > 0 AND b.removed < $1)) WHERE w.id = ANY($2)"
    ),
)
FORGET_BINDINGS = Statement(
    sqlite=(
        "DELETE FROM binding WHERE (world, exchange, queue, key) IN (SELECT world, exchange, queue,"
        " key FROM binding WHERE removed > 0 AND removed < ? LIMIT ?)"
    ),
    postgresql=(
        "DELETE FROM binding WHERE (world, exchange, queue, key) IN (SELECT world, exchange, queue,"
        " key FROM binding WHERE removed > 0 AND removed < $1 AND world = ANY($3) LIMIT $2)"
    ),
)
FORGET_BINDINGS_OF_QUEUES = plain(
    "DELETE FROM binding WHERE (world, exchange, queue, key) IN"
    " (SELECT b.world, b.exchange, b.queue, b.key"
    " FROM queue q JOIN binding b ON b.world = q.world AND b.queue = q.number"
    " WHERE q.removed > 0 AND q.removed < ? LIMIT ?)"
)

HELD = plain(
    "SELECT count(*) FROM (SELECT 1 FROM msg WHERE world = ? AND queue = ? AND state IN (1, 2)"
    " AND due > ? LIMIT ?) AS held"
)
