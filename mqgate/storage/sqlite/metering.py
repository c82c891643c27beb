"""Begins and ends the counting of bytes (`mqgate.storage.statements.metering`)."""

from __future__ import annotations

import sqlite3

from mqgate.storage.statements import metering as sql


def is_as_wanted(connection: sqlite3.Connection, wanted: bool) -> bool:
    """Whether bytes are counted, as this version does it; or not at all, if that is wanted."""
    there = dict(connection.execute(sql.THERE).fetchall())
    return there == (sql.TRIGGERS if wanted else {})


def begin(connection: sqlite3.Connection) -> None:
    """Count all that is there, and from now on what comes and goes; inside a transaction."""
    end(connection)  # of another version, perhaps
    for trigger in sql.TRIGGERS.values():
        connection.execute(trigger)
    connection.execute(sql.SUM_UP)


def end(connection: sqlite3.Connection) -> None:
    """Count no longer; inside a transaction."""
    for name, _ in connection.execute(sql.THERE).fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute(sql.FORGET_SUMS)
