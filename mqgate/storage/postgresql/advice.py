"""What makes tables grow on a server, and the line that cures it."""

from __future__ import annotations

from twisted.logger import Logger

from mqgate.storage.postgresql.line import Line

_log = Logger()

#: In seconds. Queues change all their rows all the time: what is left of them slows them down
#: until it is cleaned up, after which this is waited for at most.
NAPTIME = 10
#: A session that has been idle in a transaction for so many seconds is told of.
IDLE = 60

_SETTINGS = (
    "SELECT setting::bigint, (SELECT setting = 'on' FROM pg_settings WHERE name = 'autovacuum')"
    " FROM pg_settings WHERE name = 'autovacuum_naptime'"
)
_IDLE = (
    "SELECT pid::bigint, coalesce(usename, '')::text, coalesce(application_name, ''),"
    " extract(epoch FROM clock_timestamp() - xact_start)::bigint FROM pg_stat_activity"
    " WHERE state LIKE 'idle in transaction%' AND datname = current_database()"
    " AND xact_start <= clock_timestamp() - $1::bigint * interval '1 second'"
    " ORDER BY xact_start LIMIT 5"
)


def warn_of_settings(line: Line, name: str) -> None:
    """Tell of settings under which tables grow."""
    naptime, vacuums = line.ask(_SETTINGS).one()
    if not vacuums:
        _log.warn(
            "{name} never cleans up by itself, so its tables will grow without end. To cure it:"
            " ALTER SYSTEM SET autovacuum = on; SELECT pg_reload_conf();",
            name=name,
        )
    elif naptime > NAPTIME:
        _log.warn(
            "{name} cleans up every {naptime} s only, so its tables will be larger and slower than"
            " need be. To cure it:"
            " ALTER SYSTEM SET autovacuum_naptime = '2s'; SELECT pg_reload_conf();",
            name=name,
            naptime=naptime,
        )


def warn_of_idle_sessions(line: Line, name: str, idle: int) -> None:
    """Tell of sessions for whose sake nothing has been cleaned up for so many seconds."""
    for pid, user, application, seconds in line.ask(_IDLE, (idle,)).all():
        _log.warn(
            "{name} has a session of {user} ({application}) that has been idle in a transaction for"
            " {seconds} s; as long as that lasts, the tables grow. To end it:"
            " SELECT pg_terminate_backend({pid});",
            name=name,
            user=user,
            application=application or "unnamed",
            seconds=seconds,
            pid=pid,
        )
