"""``verify``: does the database add up?"""

from __future__ import annotations

from contextlib import closing

from mqgate.operator.call import Call
from mqgate.storage.interface import StoreError
from mqgate.storage.verify import problems_in


def verify(call: Call) -> int:
    """Say what is wrong; the status is 1 if anything is."""
    with closing(call.view()) as view:
        try:
            problems = problems_in(view)
        except StoreError as error:  # it cannot even be read
            call.signals.heed()  # which ends what takes long as well
            problems = [str(error)]
    if call.arguments.json:
        call.console.say_json({"ok": not problems, "problems": problems})
        return 1 if problems else 0
    for problem in problems:
        call.console.say(f"{problem}\n")
    if not problems:
        call.console.say(f"{call.database().name} adds up\n")
    return 1 if problems else 0
