"""A view of the file: a connection that cannot write, in one transaction."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator

from mqgate.storage.interface import StoreError
from mqgate.storage.sqlite import reading, schema
from mqgate.storage.statements.texts import Statement
from mqgate.storage.views import Row, Values

#: SQLite asks whether to go on after so many of its steps.
_STEPS = 100_000


class SQLiteView:
    """The file as it is when this is made; implements `mqgate.storage.views.View`."""

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self._connection = connection
        self._path = path
        with schema.told_plainly(path):
            connection.execute("BEGIN")

    def rows(
        self, statement: Statement, values: Values = (), *, most: int | None = None
    ) -> list[Row]:
        with schema.told_plainly(self._path):
            cursor = self._connection.execute(statement.sqlite, values)
            return cursor.fetchall() if most is None else cursor.fetchmany(most)

    def stream(self, statement: Statement, values: Values = ()) -> Iterator[Row]:
        with schema.told_plainly(self._path):
            yield from self._connection.execute(statement.sqlite, values)

    def ahead(self) -> int:
        return 0

    def damage(self) -> str | None:
        with schema.told_plainly(self._path):
            (found,) = self._connection.execute("PRAGMA integrity_check(1)").fetchone()
        return None if found == "ok" else f"the file is damaged: {found}"

    def renew(self) -> None:
        with schema.told_plainly(self._path):
            self._connection.execute("ROLLBACK")
            self._connection.execute("BEGIN")

    def leave(self) -> None:
        """Let go of the moment, and keep the connection."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def close(self) -> None:
        self._connection.close()


def open_view(path: str, interrupted: Callable[[], bool] = lambda: False) -> SQLiteView:
    """A view of a file of this version's. Raises `StoreError`.

    ``interrupted`` is asked now and then in the middle of long statements, which then end with an
    error.
    """
    if not os.path.exists(path):
        raise StoreError(f"there is no database {path}: start the server once to make it")
    with schema.told_plainly(path):
        connection = reading.connect(path)
        connection.set_progress_handler(interrupted, _STEPS)
        try:
            check_known(connection, path)
            return SQLiteView(connection, path)
        except BaseException:
            connection.close()
            raise


def check_known(connection: sqlite3.Connection, path: str) -> None:
    """Raise `StoreError` for what this version does not know."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    known = len(schema.migrations())
    if application != schema.APPLICATION:
        raise StoreError(f"{path} is no database of mqgate: use another data folder")
    if version > known:
        raise StoreError(
            f"{path} was written by a newer mqgate (schema {version}, this one knows {known}):"
            " use that version's command"
        )
    if version < known:
        raise StoreError(f"{path} is of an older mqgate: start the server once to upgrade it")
