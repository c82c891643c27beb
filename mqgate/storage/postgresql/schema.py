"""The schema, made and upgraded by whichever gateway comes first; what a server has to be like."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from typing import Any

from psycopg import Connection
from twisted.logger import Logger

from mqgate.storage.interface import StoreError
from mqgate.storage.postgresql.line import Line
from mqgate.storage.statements.catalogue import APPLICATION

_log = Logger()

#: The oldest server that will do.
OLDEST_SERVER = 13

#: Whoever makes worlds or changes the schema has this lock to itself.
LOCK = f"SELECT pg_advisory_xact_lock({APPLICATION}, 0)"

#: An upgrade may take longer than anything that a batch may wait for, and others wait for its end.
_PATIENTLY = "SET LOCAL lock_timeout = '10min'; SET LOCAL statement_timeout = 0"
_TABLE_THERE = (
    "SELECT 1 FROM pg_class WHERE relname = %s AND relnamespace = current_schema()::regnamespace"
)
_TABLE = "CREATE TABLE schema_version(version bigint NOT NULL)"


def migrations() -> list[str]:
    """The schema's steps: the first makes version 1 in an empty database, and so on."""
    folder = resources.files("mqgate.storage") / "migrations" / "postgresql"
    files = sorted(each.name for each in folder.iterdir() if each.name.endswith(".sql"))
    return [(folder / name).read_text() for name in files]


def prepare(connection: Connection[Any], name: str, steps: Sequence[str] | None = None) -> None:
    """Make or upgrade the schema if need be. Raises `StoreError`, or psycopg's errors."""
    _check_server(connection, name)
    steps = migrations() if steps is None else steps
    if _version(connection, name, len(steps)) == len(steps):
        return
    with connection.transaction():
        connection.execute(_PATIENTLY)
        connection.execute(LOCK)
        _upgrade(connection, name, steps)


def check_known(connection: Connection[Any], name: str) -> None:
    """Raise `StoreError` if the schema is not there, or not this version's."""
    _check_server(connection, name)
    newest = len(migrations())
    version = _version(connection, name, newest)
    if not version:
        raise StoreError(f"{name} has no tables of mqgate: start the server once to make them")
    if version < newest:
        raise StoreError(f"{name} is of an older mqgate: start the server once to upgrade it")


def _upgrade(connection: Connection[Any], name: str, steps: Sequence[str]) -> None:
    """All steps in one transaction, unless another gateway has done them meanwhile."""
    version = _version(connection, name, len(steps))
    if version == len(steps):
        return
    if not version:
        if _has_table(connection, "msg"):
            raise StoreError(f"{name} is the database of another program: give another one")
        _log.info("Making the tables of mqgate in {name}", name=name)
        connection.execute(_TABLE)
        connection.execute("INSERT INTO schema_version(version) VALUES(0)")
    for step in steps[version:]:
        connection.execute(step.encode())
    connection.execute("UPDATE schema_version SET version = %s", (len(steps),))


def _check_server(connection: Connection[Any], name: str) -> None:
    version = connection.info.server_version // 10000
    if version < OLDEST_SERVER:
        raise StoreError(f"{name} is a PostgreSQL {version}: mqgate needs {OLDEST_SERVER} or later")
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise StoreError(
            f"{name} keeps text as {encoding}: make a database with CREATE DATABASE mqgate"
            " ENCODING 'UTF8' TEMPLATE template0"
        )


def _version(connection: Connection[Any], name: str, newest: int) -> int:
    """The schema's version, 0 where there is none. Raises `StoreError` for others' schemas."""
    if not _has_table(connection, "schema_version"):
        return 0
    found = connection.execute("SELECT version FROM schema_version").fetchone()
    version = 0 if found is None else int(found[0])
    if version > newest:
        raise StoreError(
            f"{name} was written by a newer mqgate (schema {version}, this one knows {newest}):"
            " install that version again"
        )
    return version


def _has_table(connection: Connection[Any], table: str) -> bool:
    # to_regclass may remember that there was none, from before the lock was waited for.
    return connection.execute(_TABLE_THERE, (table,)).fetchone() is not None


class WorldNames:
    """Implements `mqgate.storage.worlds.WorldNames`, inside a transaction that has `LOCK`."""

    def __init__(self, line: Line) -> None:
        self._ask = line.ask

    def find(self, name: str) -> int | None:
        row = self._ask("SELECT world FROM world_name WHERE name = $1", (name,)).one()
        return None if row is None else row[0]

    def make(self) -> int:
        world: int = self._ask(
            "INSERT INTO world(id) SELECT coalesce(max(id), 0) + 1 FROM world RETURNING id"
        ).one()[0]
        return world

    def add(self, name: str, world: int) -> None:
        self._ask("INSERT INTO world_name(name, world) VALUES($1, $2)", (name, world))
