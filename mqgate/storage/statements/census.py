"""Statements that look at how much is in the queues."""

from __future__ import annotations

from mqgate.storage.statements.texts import Statement, plain

#: Names that begin with the character 31 are the engine's own (`mqgate.engine.names`).
_WORLDS_SQLITE = (
    "q.removed = 0 AND substr(q.name, 1, 1) <> char(31)"
    " AND q.world IN (SELECT value FROM json_each(?))"
)
_WORLDS_POSTGRESQL = "q.removed = 0 AND left(q.name, 1) <> chr(31) AND q.world = ANY(%s)"
COUNT_QUEUES = Statement(
    sqlite=f"SELECT count(*) FROM queue q WHERE {_WORLDS_SQLITE}",
    postgresql=f"SELECT count(*) FROM queue q WHERE {_WORLDS_POSTGRESQL}",
)
#: World, name, shelf, messages, messages ever posted; the fullest first.
LARGEST = Statement(
    sqlite=(
        "SELECT q.world, q.name, q.shelf, coalesce(sum(s.n), 0) AS size, coalesce(sum(s.total), 0)"
        " FROM queue q LEFT JOIN qstat s ON s.world = q.world AND s.queue = q.shelf"
        f" WHERE {_WORLDS_SQLITE}"
        " GROUP BY q.world, q.number ORDER BY size DESC, q.world, q.name LIMIT ?"
    ),
    postgresql=(
        "SELECT q.world, q.name, q.shelf, coalesce(sum(s.n), 0)::bigint AS size,"
        " coalesce(sum(s.total), 0)::bigint"
        " FROM queue q LEFT JOIN qstat s ON s.world = q.world AND s.queue = q.shelf"
        f" WHERE {_WORLDS_POSTGRESQL}"
        " GROUP BY q.world, q.number ORDER BY size DESC, q.world, q.name LIMIT %s"
    ),
)
PUSHED = plain("SELECT count(DISTINCT message) FROM push WHERE world = ? AND queue = ?")
#: How many are reserved, and how many delayed. What has come due is ready.
HELD = plain(
    "SELECT count(*) FILTER (WHERE state = 1), count(*) FILTER (WHERE state = 2) FROM msg"
    " WHERE world = ? AND queue = ? AND state IN (1, 2) AND due > ? AND +expires > ?"
)
