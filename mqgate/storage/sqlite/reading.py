"""Looking at the file without touching it, beside whoever writes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from mqgate.storage.interface import Census, QueueFigures
from mqgate.storage.sqlite import schema
from mqgate.storage.statements import census as sql


def connect(path: str) -> sqlite3.Connection:
    """A connection that cannot write; neither waits for a writer nor keeps one waiting."""
    return sqlite3.connect(
        f"{Path(path).absolute().as_uri()}?mode=ro",
        uri=True,
        timeout=schema.BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


class Observer:
    """Takes a census when asked to, over a connection of its own."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def census(self, worlds: Sequence[int], now: int, limit: int) -> Census:
        """The fullest queues of these worlds, so many at most, as of one moment. Blocking."""
        if self._connection is None:
            self._connection = connect(self._path)
        connection = self._connection
        connection.execute("BEGIN")
        try:
            return _census(connection, worlds, now, limit)
        finally:
            connection.execute("ROLLBACK")

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _census(connection: sqlite3.Connection, worlds: Sequence[int], now: int, limit: int) -> Census:
    listed = json.dumps(list(worlds))
    (count,) = connection.execute(sql.COUNT_QUEUES.sqlite, (listed,)).fetchone()
    queues = []
    for world, name, shelf, size, total in connection.execute(sql.LARGEST.sqlite, (listed, limit)):
        reserved, delayed = connection.execute(sql.HELD.sqlite, (world, shelf, now, now)).fetchone()
        (pushed,) = connection.execute(sql.PUSHED.sqlite, (world, shelf)).fetchone()
        ready = max(0, size - reserved - delayed - pushed)
        queues.append(QueueFigures(world, name, ready, reserved, delayed, total, pushed))
    return Census(tuple(queues), count)
