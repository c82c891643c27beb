"""Connections to the server: how they are made, and what the server is asked to do in them."""

from __future__ import annotations

from typing import Any

from psycopg import Connection, Error, ProgrammingError, connect, errors, pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from mqgate.storage.interface import StoreError

#: Unless the connection string says otherwise. Times are in seconds, but for the last one's
#: milliseconds: together they find out within ten seconds that the other end is gone.
DEFAULTS = {
    "application_name": "mqgate",
    "target_session_attrs": "read-write",
    "connect_timeout": "2",
    "keepalives_idle": "3",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "9000",
}

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


class Address:
    """Where the database is, and how it is connected to.

    Raises `StoreError` if what is told of it makes no sense.
    """

    def __init__(self, dsn: str) -> None:
        try:
            told = conninfo_to_dict(dsn)
        except ProgrammingError as error:
            # What libpq says of it may quote a password.
            raise StoreError(
                "the database's address is not one of PostgreSQL:"
                " use postgresql://user@host/name, with % before hexadecimal digits for others"
            ) from error
        self._conninfo = make_conninfo("", **{**DEFAULTS, **told})
        host = told.get("host") or told.get("hostaddr") or "this machine"
        self.name = f"the database {told.get('dbname') or 'of PostgreSQL'} on {host}"

    def connect(self) -> Connection[Any]:
        """A connection of its own; each statement is a transaction unless one is begun.

        Blocking. Raises psycopg's errors.
        """
        connection = connect(self._conninfo, autocommit=True, prepare_threshold=None)
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


def plainly(name: str, error: Error) -> str:
    """What the server's error means, in a line that names the database."""
    text = " ".join(str(error).split())
    return f"{name} cannot be used: {text}"
