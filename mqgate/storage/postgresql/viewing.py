"""A view of a PostgreSQL database: one transaction that only reads, on one snapshot."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator

from mqgate.storage.postgresql.address import Address, connect, told_plainly
from mqgate.storage.postgresql.schema import check_known
from mqgate.storage.statements.catalogue import NOW
from mqgate.storage.statements.texts import Statement, plain
from mqgate.storage.views import Row, Values

#: Rows of a stream that are fetched together; a row may have a body of some megabytes.
_AT_ONCE = 20

_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
#: Who looks takes his time, whatever the role's settings are; but only a copy, or somebody's own
#: doing, has tables locked so that nobody can read them, and that may take hours.
_PATIENT = (
    "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0;"
    " SET lock_timeout = '5s'"
)
_TIME = plain(f"SELECT {NOW}")
#: A pause so long at most when a statement is given up, in seconds.
_CANCEL_SECONDS = 2.0


class PostgreSQLView:
    """The database as it is when this is made; implements `mqgate.storage.views.View`."""

    def __init__(self, address: Address, wall: Callable[[], float] = time.time) -> None:
        self._name = address.name
        self._wall = wall
        # A standby will do, if the address leads there.
        self._connection = connect(address, application_name="mqgate command")
        self._streams = itertools.count()
        try:
            with told_plainly(self._name):
                self._connection.execute(_PATIENT)
                check_known(self._connection, self._name)
                self._connection.execute(_BEGIN)
        except BaseException:
            self.close()
            raise

    def rows(
        self, statement: Statement, values: Values = (), *, most: int | None = None
    ) -> list[Row]:
        with told_plainly(self._name):
            cursor = self._connection.execute(statement.postgresql, values)
            return cursor.fetchall() if most is None else cursor.fetchmany(most)

    def stream(self, statement: Statement, values: Values = ()) -> Iterator[Row]:
        with told_plainly(self._name):
            name = f"stream_{next(self._streams)}"
            with self._connection.cursor(name) as cursor:
                cursor.itersize = _AT_ONCE
                cursor.execute(statement.postgresql, values)
                yield from cursor

    def ahead(self) -> int:
        before = int(self._wall() * 1000)
        [(theirs,)] = self.rows(_TIME)
        after = int(self._wall() * 1000)
        # What may as well be the way there and back, or rounding, is no difference.
        return 0 if before <= theirs <= after + 1 else int(theirs) - (before + after) // 2

    def damage(self) -> str | None:
        return None  # a server looks at its pages as it reads them, if they have checksums

    def renew(self) -> None:
        with told_plainly(self._name):
            self._connection.execute("ROLLBACK")
            self._connection.execute(_BEGIN)

    def close(self) -> None:
        if self._connection.info.transaction_status.name == "ACTIVE":  # somebody gave up waiting
            self._connection.cancel_safe(timeout=_CANCEL_SECONDS)
        self._connection.close()
