"""What counts the bytes of messages: triggers, so that nobody who changes a message can forget it.

They are there only if a limit asks for it, since every message that comes or goes pays for them.
A shelf's sum stands in a row of its counters that no gateway has: it goes with them when the queue
is cleared, and what is then removed slice by slice finds no row to be taken from. A body that
stands apart has to be there before its messages, and as long as they are.
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
