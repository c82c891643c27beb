"""``verify``: does the database add up?"""

from __future__ import annotations

import sqlite3

from mqgate.operator.call import Call
from mqgate.storage.sqlite import schema
from mqgate.storage.verify import verify as problems_of


def verify(call: Call) -> int:
    """Say what is wrong; the status is 1 if anything is."""
    try:
        with call.snapshot() as snapshot:
            snapshot.end()  # it takes a moment of its own
            problems = problems_of(snapshot.connection)
    except sqlite3.DatabaseError as error:
        call.signals.heed()  # which makes SQLite stop as well
        problems = [schema.plainly(call.database, error)]
    if call.arguments.json:
        call.console.say_json({"ok": not problems, "problems": problems})
        return 1 if problems else 0
    for problem in problems:
        call.console.say(f"{problem}\n")
    if not problems:
        call.console.say(f"{call.database} adds up\n")
    return 1 if problems else 0
