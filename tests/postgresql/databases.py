"""Databases on a server that this process's tests share: one costs milliseconds.

To make one takes PostgreSQL 40 to 100 ms (from a template that has the schema already no less), to
empty the few tables that a test has written to 1 to 3 ms. So one is used by one test after the
other, emptied, as long as no test changes more than rows.
"""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any, LiteralString

import attrs
import psycopg

from tests.postgresql.server import Server, new_guard

#: The table that tells which schema is there: it stays.
VERSION = "schema_version"

#: What is left of a test's gateways goes first: they may be in the middle of something.
_EMPTY = f"""
DO $$
DECLARE name text;
BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
    -- The schema has none: triggers were made to count bytes, or by a test, and go with them.
    FOR name IN SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    LOOP
        EXECUTE 'DROP FUNCTION ' || name || ' CASCADE';
    END LOOP;
    FOR name IN SELECT tablename FROM pg_tables
        WHERE schemaname = 'public' AND tablename <> '{VERSION}'
    LOOP
        EXECUTE format('DELETE FROM %I', name);
    END LOOP;
    PERFORM setval(format('%I', sequencename)::regclass, start_value, false) FROM pg_sequences
        WHERE schemaname = 'public' AND last_value IS NOT NULL;
END $$
"""


@cache
def server() -> Server:
    """The server of this process's tests, running; nobody stops it.

    Raises `Missing` where none can be had.
    """
    shared = Server.made(new_guard(), "shared")
    shared.start()
    return shared


_numbers = itertools.count(1)


def database() -> str:
    """The connection string of a new, empty database on that server: without a table."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(server().dsn(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server().dsn(name)


@attrs.define
class Database:
    """A database for one test at a time, and a look into it beside the stores on it."""

    dsn: str
    connection: psycopg.Connection[Any]
    #: Whether more than rows was changed for good, so that no other test can have it.
    spoiled: bool = False
    #: What takes back the changes that were none for good.
    undo: list[LiteralString] = attrs.Factory(list)

    def rows(self, statement: LiteralString, *values: object) -> list[Any]:
        """What a statement finds; its values stand for question marks."""
        return self.connection.execute(_in_its_words(statement), values).fetchall()

    def change(self, statement: LiteralString, *values: object) -> int:
        """Change rows behind the stores' backs; how many."""
        return self.connection.execute(_in_its_words(statement), values).rowcount

    def alter(self, script: LiteralString, undo: LiteralString | None = None) -> None:
        """Change more than rows; ``undo`` is what takes it back."""
        self.connection.execute(script)
        if undo is None:
            self.spoiled = True
        else:
            self.undo.append(undo)


def _in_its_words(statement: LiteralString) -> LiteralString:
    return statement.replace("%", "%%").replace("?", "%s")


#: Those that no test uses now, emptied.
_free: list[Database] = []


def lend(*, new: bool = False) -> Database:
    """A database without a row, which may have the schema already.

    Of a ``new`` one, nothing is known to the server yet; what it learns is nobody else's.
    """
    if _free and not new:
        return _free.pop()
    dsn = database()
    return Database(dsn, psycopg.connect(dsn, autocommit=True), spoiled=new)


def give_back(used: Database) -> None:
    """Let others have it; whatever is still connected to it is cut off."""
    if not used.spoiled:
        used.connection.execute(_EMPTY)
        while used.undo:
            used.connection.execute(used.undo.pop())
        _free.append(used)
        return
    name = used.connection.info.dbname
    used.connection.close()
    with psycopg.connect(server().dsn(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
