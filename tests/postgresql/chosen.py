"""PostgreSQL as the database that tests were told to use (`tests.stores`)."""

from __future__ import annotations

import importlib
from collections.abc import Collection
from contextlib import closing
from typing import Any, LiteralString

import psycopg

from mqgate.storage.interface import Store
from mqgate.storage.postgresql.address import Address
from mqgate.storage.postgresql.viewing import PostgreSQLView
from mqgate.storage.sqlite import Inline
from mqgate.storage.sqlite.session import SMALL
from mqgate.storage.statements.texts import Statement
from mqgate.storage.verify import problems_in
from tests.postgresql.databases import give_back, lend


class PostgreSQL:
    """A database on the tests' own server; implements `tests.stores.Database`."""

    refusal: type[Exception] = psycopg.errors.RaiseException

    def __init__(self) -> None:
        self._lent = lend()
        self.dsn = self._lent.dsn
        self.configuration = f'database = "{self.dsn}"\n'
        self.rows = self._lent.rows
        self.change = self._lent.change

    def store(self, *, beside: bool = False, small: int = SMALL) -> Store:
        """A gateway's as any other: they are all beside each other here."""
        module = importlib.import_module("mqgate.storage.postgresql")
        made: Store = module.PostgreSQLStore(self.dsn, Inline(), small=small)
        return made

    def contents(self, without: Collection[str] = ()) -> dict[str, list[Any]]:
        names = self.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {
            name: sorted(self.rows(f"SELECT * FROM {name}"), key=repr)
            for (name,) in names
            if name not in without
        }

    def alter(self, script: Statement, undo: Statement | None = None) -> None:
        self._lent.alter(script.postgresql, undo and undo.postgresql)

    def poison(self, event: LiteralString, condition: Statement) -> None:
        name = f"poison_{event.lower()}"
        made = f"""
            CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF {condition.postgresql} THEN RAISE EXCEPTION 'poison'; END IF;
                RETURN coalesce(NEW, OLD);
            END $$;
            CREATE TRIGGER {name} BEFORE {event} ON msg FOR EACH ROW EXECUTE FUNCTION {name}()
            """
        self._lent.alter(made, f"DROP FUNCTION {name} CASCADE")

    def problems(self) -> list[str]:
        with closing(PostgreSQLView(Address.parse(self.dsn))) as view:
            return problems_in(view)

    def left_behind(self) -> PostgreSQL:
        """The server does not mind; only the session of the dead one ends."""
        return self

    def close(self) -> None:
        give_back(self._lent)
