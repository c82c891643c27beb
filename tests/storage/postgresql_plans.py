"""How PostgreSQL carries statements out, whatever its statistics say."""

from __future__ import annotations

import itertools
import re
from typing import Any

import psycopg

from mqgate.storage.postgresql.connecting import SETTINGS


def plan_of(connection: psycopg.Connection[Any], statement: str) -> str:
    """The plan that a gateway's session gets for a statement; it is not carried out."""
    numbers = itertools.count(1)
    text = re.sub("%s", lambda _: f"${next(numbers)}", statement)
    with connection.transaction():
        for setting in SETTINGS:
            connection.execute(setting.replace("SET ", "SET LOCAL ", 1).encode())
        connection.execute(f"PREPARE planned AS {text}".encode())
        types = connection.execute(
            "SELECT parameter_types::text[] FROM pg_prepared_statements WHERE name = 'planned'"
        ).fetchone()
        assert types is not None
        values = ", ".join("'{1}'" if each.endswith("[]") else "'1'" for each in types[0])
        execute = f"EXPLAIN EXECUTE planned({values})" if values else "EXPLAIN EXECUTE planned"
        rows = connection.execute(execute.encode()).fetchall()
        connection.execute("DEALLOCATE planned")
    return "\n".join(row[0] for row in rows)
