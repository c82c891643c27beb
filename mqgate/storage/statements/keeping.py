"""Statements of a gateway's second connection, which only PostgreSQL needs."""

from __future__ import annotations

from mqgate.storage.statements.catalogue import NOW

LISTEN = "LISTEN mqgate"
#: None of this waits until it is on disk: a standby need not know. Whoever looks who is connected
#: tells it from the connection that writes.
SET_UP = (
    "SELECT set_config('synchronous_commit', 'off', false),"
    " set_config('application_name', current_setting('application_name') || ' keeper', false)"
)
TELL = "SELECT pg_notify('mqgate', message) FROM unnest($1::text[]) AS these(message)"
TIME = f"SELECT {NOW}"
#: A slot that is in use just then is renewed by whoever uses it.
RENEW = (
    f"UPDATE gateway SET lease = {NOW} + $1 WHERE slot = ANY(ARRAY(SELECT slot FROM gateway"
    " WHERE slot = $2 AND owner = $3 FOR UPDATE SKIP LOCKED))"
)
OTHERS = f"SELECT count(*) FROM gateway WHERE slot <> $1 AND lease > {NOW}"
