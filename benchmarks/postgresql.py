"""A PostgreSQL server for the servers that are measured, started as the tests start theirs."""

from __future__ import annotations

import itertools
from typing import Any

import attrs
import psycopg
from psycopg import sql

from benchmarks.proc import pin
from tests.postgresql.guard import processes
from tests.postgresql.server import Server, new_guard

#: It syncs what it commits, as PostgreSQL does unless it is told not to.
SETTINGS = {"shared_buffers": "256MB", "max_wal_size": "2GB", "max_connections": 50}


@attrs.frozen
class PostgreSQL:
    """A server with a new database for each server that is measured."""

    server: Server
    _numbers: Any = attrs.field(factory=itertools.count)

    @classmethod
    def started(cls, cores: set[int]) -> PostgreSQL:
        """A new one, kept to some cores; raises `tests.postgresql.programs.Missing`."""
        server = Server.made(new_guard(), "benchmarks", SETTINGS)
        server.start()
        found = cls(server)
        for pid in processes(found.pid):
            pin(pid, cores)
        return found

    @property
    def pid(self) -> int:
        """Of its first process, which all others come from."""
        return int((self.server.folder / "postmaster.pid").read_text().split()[0])

    def database(self) -> str:
        """The address of a new, empty database."""
        name = f"run_{next(self._numbers)}"
        with psycopg.connect(self.server.dsn(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.server.dsn(name)

    def close(self) -> None:
        """End it."""
        self.server.guard.close()
