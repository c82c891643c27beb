"""STUB of P6 until P1's is there."""

from __future__ import annotations

from importlib import resources
from typing import Any

from psycopg import Connection

from mqgate.storage.interface import StoreError


def prepare(connection: Connection[Any], name: str) -> None:
    if connection.execute("SELECT to_regclass('gateway')").fetchone()[0] is None:
        text = (
            resources.files("mqgate.storage") / "migrations" / "postgresql" / "0001.sql"
        ).read_text()
        connection.execute(text)


def check_known(connection: Connection[Any], name: str) -> None:
    if connection.execute("SELECT to_regclass('gateway')").fetchone()[0] is None:
        raise StoreError(f"{name} has no tables of mqgate: start the server once to make them")
