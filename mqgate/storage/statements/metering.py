"""What counts the bytes of messages: triggers, so that nobody who changes a message can forget it.

They are there only if a limit asks for it, since every message that comes or goes pays for them.
A shelf's sum stands in a row of its counters that no gateway has: it goes with them when the queue
is cleared, and what is then removed slice by slice finds no row to be taken from. A body that
stands apart has to be there before its messages, and as long as they are.

On PostgreSQL each gateway has sums of its own, so that none waits for another: they stand in its
rows of counters, may be below 0 there, and are read together.
"""

from __future__ import annotations

#: The slot of the rows with the sums.
SLOT = -1

_SIZE = (
    "CASE {row}.body WHEN 0 THEN length({row}.data) + coalesce(length({row}.props), 0)"
    " ELSE (SELECT length(data) + coalesce(length(props), 0) FROM body WHERE id = {row}.body) END"
)
#: A deleted message that stays readable counts no more, in bytes as in messages.
_COUNTS = "{row}.state <> 3"
_ADD = (
    f"INSERT INTO qstat(world, queue, slot, n, total, bytes)"
    f" SELECT new.world, new.queue, {SLOT}, 0, 0, {_SIZE} WHERE {_COUNTS}"
    " ON CONFLICT(world, queue, slot) DO UPDATE SET bytes = bytes + excluded.bytes;"
).format(row="new")
_TAKE = (
    f"UPDATE qstat SET bytes = bytes - {_SIZE} WHERE {_COUNTS}"
    f" AND world = old.world AND queue = old.queue AND slot = {SLOT};"
).format(row="old")

#: By name.
TRIGGERS = {
    "meter_come": f"CREATE TRIGGER meter_come AFTER INSERT ON msg BEGIN {_ADD} END",
    "meter_go": f"CREATE TRIGGER meter_go AFTER DELETE ON msg BEGIN {_TAKE} END",
    "meter_move": (
        "CREATE TRIGGER meter_move AFTER UPDATE OF state, queue ON msg"
        " WHEN old.queue <> new.queue OR (old.state = 3) <> (new.state = 3)"
        f" BEGIN {_TAKE} {_ADD} END"
    ),
}

THERE = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name GLOB 'meter_*'"
FORGET_SUMS = f"DELETE FROM qstat WHERE slot = {SLOT}"
SUM_UP = (
    "INSERT INTO qstat(world, queue, slot, n, total, bytes)"
    f" SELECT m.world, m.queue, {SLOT}, 0, 0, sum({_SIZE.format(row='m')})"
    " FROM msg m WHERE m.state <> 3 AND EXISTS"
    " (SELECT 1 FROM queue q WHERE q.world = m.world AND q.shelf = m.queue AND q.removed = 0)"
    " GROUP BY m.world, m.queue"
)

# -- on PostgreSQL

#: Messages are counted once a statement, not one by one.
_POSTGRESQL_SIZE = (
    "CASE m.body WHEN 0 THEN octet_length(m.data) + coalesce(octet_length(m.props), 0)"
    " ELSE (SELECT octet_length(data) + coalesce(octet_length(props), 0) FROM body"
    " WHERE world = m.world AND id = m.body) END"
)
_SLOT = "coalesce(nullif(current_setting('mqgate.slot', true), '')::bigint, 1023)"
_SUMS = (
    f"INSERT INTO qstat(world, queue, slot, n, total, bytes) SELECT world, queue, {_SLOT}, 0, 0,"
    " sum(size) FROM ({rows}) AS changes GROUP BY world, queue HAVING sum(size) <> 0"
    " ON CONFLICT(world, queue, slot) DO UPDATE SET bytes = qstat.bytes + excluded.bytes;"
)
_COME = f"SELECT world, queue, {_POSTGRESQL_SIZE} AS size FROM come m WHERE state <> 3"
_GONE = (
    f"SELECT world, queue, -{_POSTGRESQL_SIZE} AS size FROM gone m WHERE state <> 3 AND EXISTS"
    " (SELECT 1 FROM qstat q WHERE q.world = m.world AND q.queue = m.queue)"
)


def _body(rows: str, unless: str = "false") -> str:
    sums = _SUMS.format(rows=rows)
    return f"BEGIN IF {unless} THEN RETURN NULL; END IF; {sums} RETURN NULL; END"


#: The bodies of functions, by name.
FUNCTIONS = {
    "mqgate_meter_come": _body(_COME),
    "mqgate_meter_go": _body(_GONE),
    # Nothing goes to another shelf but what is deleted and readable, or was.
    "mqgate_meter_move": _body(
        f"{_COME} UNION ALL {_GONE}",
        unless=(
            "NOT EXISTS (SELECT 1 FROM come WHERE state = 3)"
            " AND NOT EXISTS (SELECT 1 FROM gone WHERE state = 3)"
        ),
    ),
}
CREATE_FUNCTION = "CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql AS $${}$$"
CREATE_TRIGGERS = (
    "CREATE TRIGGER meter_come AFTER INSERT ON msg REFERENCING NEW TABLE AS come"
    " FOR EACH STATEMENT EXECUTE FUNCTION mqgate_meter_come()",
    "CREATE TRIGGER meter_go AFTER DELETE ON msg REFERENCING OLD TABLE AS gone"
    " FOR EACH STATEMENT EXECUTE FUNCTION mqgate_meter_go()",
    "CREATE TRIGGER meter_move AFTER UPDATE ON msg REFERENCING OLD TABLE AS gone"
    " NEW TABLE AS come FOR EACH STATEMENT EXECUTE FUNCTION mqgate_meter_move()",
)
FUNCTIONS_THERE = (
    "SELECT p.proname::text, p.prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
    " WHERE t.tgrelid = 'msg'::regclass AND t.tgname LIKE 'meter%' AND NOT t.tgisinternal"
)
DROP_FUNCTION = "DROP FUNCTION {} CASCADE"
#: Nobody writes a message until the transaction ends.
HOLD_MESSAGES = "LOCK TABLE msg, qstat IN SHARE ROW EXCLUSIVE MODE"
FORGET_ALL_SUMS = "UPDATE qstat SET bytes = 0 WHERE bytes <> 0"
SUM_ALL_UP = (
    "INSERT INTO qstat(world, queue, slot, n, total, bytes)"
    f" SELECT m.world, m.queue, {_SLOT}, 0, 0, sum({_POSTGRESQL_SIZE})"
    " FROM msg m WHERE m.state <> 3 AND EXISTS"
    " (SELECT 1 FROM queue q WHERE q.world = m.world AND q.shelf = m.queue AND q.removed = 0)"
    " GROUP BY m.world, m.queue"
    " ON CONFLICT(world, queue, slot) DO UPDATE SET bytes = excluded.bytes"
)
OTHERS_ALIVE = (
    "SELECT 1 FROM gateway WHERE lease > (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    " AND slot <> nullif(current_setting('mqgate.slot', true), '')::bigint LIMIT 1"
)
