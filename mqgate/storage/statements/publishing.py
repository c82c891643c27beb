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
#: Of SQLite's; on PostgreSQL it is done as for queues.
NOTE_FORGOTTEN_BINDINGS = (
    "UPDATE world SET forgotten = max(forgotten, (SELECT max(version) FROM binding"
    " WHERE world = world.id AND removed > 0 AND removed < ?))"
    " WHERE id IN (SELECT world FROM binding WHERE removed > 0 AND removed < ?)"
)
#: On PostgreSQL they are found first, as queues are.
BINDINGS_TO_FORGET = (
    "SELECT world, exchange, queue, key FROM binding WHERE removed > 0 AND removed < $1 LIMIT $2"
)
_ONE = "DELETE FROM binding WHERE world = $1 AND exchange = $2 AND queue = $3 AND key = $4"
FORGET_BINDINGS = Statement(
    sqlite=(
        "DELETE FROM binding WHERE (world, exchange, queue, key) IN (SELECT world, exchange, queue,"
        " key FROM binding WHERE removed > 0 AND removed < ? LIMIT ?)"
    ),
    postgresql=f"{_ONE} AND removed <> 0 AND +removed < $5 RETURNING version",
)
_OF_QUEUES = (
    "SELECT b.world, b.exchange, b.queue, b.key"
    " FROM queue q JOIN binding b ON b.world = q.world AND b.queue = q.number"
    " WHERE q.removed > 0 AND q.removed < ? LIMIT ?"
)
BINDINGS_OF_QUEUES_TO_FORGET = plain(_OF_QUEUES).postgresql
FORGET_BINDINGS_OF_QUEUES = Statement(
    sqlite=f"DELETE FROM binding WHERE (world, exchange, queue, key) IN ({_OF_QUEUES})",
    postgresql=_ONE,
)

HELD = plain(
    "SELECT count(*) FROM (SELECT 1 FROM msg WHERE world = ? AND queue = ? AND state IN (1, 2)"
    " AND due > ? LIMIT ?) AS held"
)
