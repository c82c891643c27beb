"""Statements that look at how much is in the queues."""

from __future__ import annotations

#: Names that begin with the character 31 are the engine's own (`mqgate.engine.names`).
_WORLDS = (
    "q.removed = 0 AND substr(q.name, 1, 1) <> char(31)"
    " AND q.world IN (SELECT value FROM json_each(?))"
)
COUNT_QUEUES = f"SELECT count(*) FROM queue q WHERE {_WORLDS}"
#: World, name, shelf, messages, messages ever posted; the fullest first.
LARGEST = (
    "SELECT q.world, q.name, q.shelf, coalesce(sum(s.n), 0) AS size, coalesce(sum(s.total), 0)"
    " FROM queue q LEFT JOIN qstat s ON s.world = q.world AND s.queue = q.shelf"
    f" WHERE {_WORLDS} GROUP BY q.world, q.number ORDER BY size DESC, q.world, q.name LIMIT ?"
)
PUSHED = "SELECT count(DISTINCT message) FROM push WHERE world = ? AND queue = ?"
#: How many are reserved, and how many delayed. What has come due is ready.
HELD = (
    "SELECT count(*) FILTER (WHERE state = 1), count(*) FILTER (WHERE state = 2) FROM msg"
    " WHERE world = ? AND queue = ? AND state IN (1, 2) AND due > ? AND +expires > ?"
)
