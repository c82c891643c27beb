"""The PostgreSQL database that a copy is made from, and the one that it is made into.

Either is one transaction, which keeps gateways away by a lock on the table of their slots.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import Connection

from mqgate.storage.copying import Row
from mqgate.storage.copying.tables import SOMEBODYS, TABLES, Table
from mqgate.storage.interface import StoreError
from mqgate.storage.postgresql.address import Address, connect, plainly, told_plainly
from mqgate.storage.postgresql.schema import check_known, prepare
from mqgate.storage.statements.metering import DROP_FUNCTION, FUNCTIONS_THERE

#: A row that is copied may be waited for, a lock may not.
_SETTINGS = (
    "SET statement_timeout = 0",
    "SET idle_in_transaction_session_timeout = 0",
    "SET lock_timeout = '5s'",
)
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ"
#: Gateways that have a slot: which, and for how many seconds more.
_AT_WORK = (
    "SELECT slot, ceil((lease - extract(epoch FROM clock_timestamp()) * 1000) / 1000)::bigint"
    " FROM gateway WHERE lease > extract(epoch FROM clock_timestamp()) * 1000 ORDER BY slot"
)


def _begun(
    address: Address, ready: Callable[[Connection[Any], str], None], mode: str
) -> Connection[Any]:
    """A connection in a transaction that has the gateways' slots locked in a mode.

    ``ready`` sees to the tables before. Raises `StoreError`.
    """
    connection = connect(address, application_name="mqgate copy")
    try:
        with told_plainly(address.name):
            for setting in _SETTINGS:
                connection.execute(setting)
            ready(connection, address.name)
            connection.execute(_BEGIN)
            _keep_gateways_away(connection, address.name, mode)
    except BaseException:
        connection.close()
        raise
    return connection


def _keep_gateways_away(connection: Connection[Any], name: str, mode: str) -> None:
    """Lock their slots; raises `StoreError` if any gateway is at work."""
    connection.execute(f"LOCK TABLE gateway IN {mode} MODE")
    at_work = connection.execute(_AT_WORK).fetchall()
    if at_work:
        slots = ", ".join(str(slot) for slot, _ in at_work)
        seconds = max(seconds for _, seconds in at_work)
        raise StoreError(
            f"{name} is in use by the gateways of slots {slots}: stop them first (those that were"
            f" killed count for {seconds} s more)"
        )


def _rows(connection: Connection[Any], table: Table) -> Iterator[Row]:
    query = f"SELECT {table.listed} FROM {table.name}"
    types = _types(connection, query)
    with connection.cursor() as cursor:
        statement = f"COPY ({query} ORDER BY {table.order}) TO STDOUT (FORMAT BINARY)"
        with cursor.copy(statement) as copy:
            copy.set_types(types)
            yield from copy.rows()


def _types(connection: Connection[Any], query: str) -> list[int]:
    """The database's numbers of the types of the columns."""
    description = connection.execute(f"{query} LIMIT 0").description
    assert description is not None
    return [column.type_code for column in description]


class PostgreSQLSource:
    """A database that no gateway has; implements `mqgate.storage.copying.Source`."""

    def __init__(self, address: Address) -> None:
        self.name = address.name
        self._connection = _begun(address, check_known, "SHARE")

    def rows(self, table: Table) -> Iterator[Row]:
        with told_plainly(self.name):
            yield from _rows(self._connection, table)

    def count(self) -> int:
        with told_plainly(self.name):
            counts = (
                self._connection.execute(f"SELECT count(*) FROM {table.name}").fetchall()[0][0]
                for table in TABLES
            )
            return sum(counts)

    def close(self) -> None:
        self._connection.close()


class PostgreSQLTarget:
    """A database that is filled at one stroke; implements `mqgate.storage.copying.Target`."""

    def __init__(self, address: Address) -> None:
        self.name = address.name
        self._connection = _begun(address, prepare, "ACCESS EXCLUSIVE")

    def used(self) -> bool:
        with told_plainly(self.name):
            return any(
                self._connection.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchall()
                for name in SOMEBODYS
            )

    def rows(self, table: Table) -> Iterator[Row]:
        with told_plainly(self.name):
            yield from _rows(self._connection, table)

    def clear(self) -> None:
        names = ", ".join(table.name for table in TABLES)
        with told_plainly(self.name):
            # Bytes are counted anew by the next server that wants it, as in a new database.
            for function, _ in self._connection.execute(FUNCTIONS_THERE).fetchall():
                self._connection.execute(DROP_FUNCTION.format(function))
            self._connection.execute(f"TRUNCATE {names} RESTART IDENTITY")

    def write(self, table: Table, rows: Iterator[Row]) -> None:
        columns = table.listed
        statement = f"COPY {table.name}({columns}) FROM STDIN (FORMAT BINARY)"
        with self._told_of(table), self._connection.cursor() as cursor:
            types = _types(self._connection, f"SELECT {columns} FROM {table.name}")
            with cursor.copy(statement) as copy:
                copy.set_types(types)
                for row in rows:
                    copy.write_row(row)

    @contextmanager
    def _told_of(self, table: Table) -> Iterator[None]:
        try:
            yield
        except psycopg.DataError as error:
            fault = plainly(self.name, error)
            raise StoreError(f"the table {table.name} cannot be copied: {fault}") from error
        except psycopg.Error as error:
            raise StoreError(plainly(self.name, error)) from error

    def finish(self) -> None:
        with told_plainly(self.name):
            for table in TABLES:  # plans go by what is known of the tables
                self._connection.execute(f"ANALYZE {table.name}")
            self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()
