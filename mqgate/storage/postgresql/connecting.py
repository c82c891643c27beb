"""Connections to the server: how they are made, and what the server is asked to do in them."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import Connection, errors, pq

from mqgate.storage.interface import StoreError
from mqgate.storage.postgresql.address import Address

SETTINGS = (
    # Whatever the server and its roles are set to: what is answered is on disk.
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') = 'off'",
    "SET client_encoding = 'UTF8'",
    # Statistics say "empty" of a queue's indexes most of the time, and are wrong at other times.
    "SET enable_seqscan = off",
    "SET enable_bitmapscan = off",
    "SET enable_hashjoin = off",
    "SET enable_mergejoin = off",
    # An order that is asked for is that of the index which is meant.
    "SET enable_sort = off",
    "SET enable_incremental_sort = off",
    "SET plan_cache_mode = force_generic_plan",
    # Plans that need what is switched off look so expensive that they would be compiled.
    "SET jit = off",
    "SET default_transaction_isolation = 'read committed'",
    "SET client_min_messages = error",
)


def _patience(seconds: float) -> tuple[str, ...]:
    """So that it is the server who ends what takes too long: then it is known what came of it."""
    milliseconds = int(seconds * 1000)
    return (
        f"SET lock_timeout = {milliseconds * 7 // 10}",
        f"SET statement_timeout = {milliseconds * 9 // 10}",
        # What a gateway keeps from the others that has stopped: they wait for longer than that.
        f"SET idle_in_transaction_session_timeout = {milliseconds * 5 // 10}",
    )


def connect(address: Address, seconds: float) -> Connection[Any]:
    """A connection of its own; each statement is a transaction unless one is begun.

    ``seconds`` is what a transaction may take. Blocking. Raises psycopg's errors.
    """
    connection = psycopg.connect(address.dsn, autocommit=True, prepare_threshold=None)
    try:
        result = connection.pgconn.exec_(";".join((*SETTINGS, *_patience(seconds))).encode())
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
