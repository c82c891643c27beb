"""Connections to the server: how they are made, and what the server is asked to do in them."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import Connection, errors, pq

from mqgate.storage.interface import StoreError
from mqgate.storage.postgresql.address import Address

#: Which of a batch's statements waits for another gateway that has stopped in a transaction, and
#: how long that one may: both are shorter than a batch's deadline.
LOCK_SECONDS = 8
IDLE_SECONDS = 10

SETTINGS = (
    # Statistics say "empty" of a queue's indexes most of the time, and are wrong at other times.
    "SET enable_seqscan = off",
    "SET enable_bitmapscan = off",
    "SET enable_hashjoin = off",
    "SET enable_mergejoin = off",
    "SET plan_cache_mode = force_generic_plan",
    # Plans that need what is switched off look so expensive that they would be compiled.
    "SET jit = off",
    "SET default_transaction_isolation = 'read committed'",
    "SET client_min_messages = error",
    f"SET lock_timeout = '{LOCK_SECONDS}s'",
    f"SET idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'",
)


def connect(address: Address) -> Connection[Any]:
    """A connection of its own; each statement is a transaction unless one is begun.

    Blocking. Raises psycopg's errors.
    """
    connection = psycopg.connect(address.dsn, autocommit=True, prepare_threshold=None)
    try:
        result = connection.pgconn.exec_(";".join(SETTINGS).encode())
        if result.status != pq.ExecStatus.COMMAND_OK:
            raise errors.error_from_result(result)
    except BaseException:
        connection.close()
        raise
    return connection


def check_library() -> None:
    """Raise `StoreError` if the client's library is too old."""
    if pq.version() < 140000:
        raise StoreError(
            "mqgate needs the libpq of PostgreSQL 14 or later: install psycopg[binary]"
        )
