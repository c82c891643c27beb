"""Deliberate mistakes with topics and groups, as in ``tests.engine.mutants``.

Run as a program this module is the process that tries one of them.
"""

from __future__ import annotations

from hypothesis.stateful import run_state_machine_as_test

from tests.engine.groups.machine import GroupsMachine
from tests.engine.mutants import READY, Mutation
from tests.engine.test_model import HASTY

_CONSUMING = "storage/executor/groups.py"
_WRITING = "storage/executor/logs.py"


def _mistake(name: str, file: str, old: str, new: str) -> Mutation:
    return Mutation(name, file, old, new, model="tests.engine.groups.mutants")


MUTATIONS = (
    _mistake(
        "what comes after the acknowledged has no head",
        _CONSUMING,
        "execution.session.set_heads(shelf, {key for _, key in gone.values()})",
        "pass",
    ),
    _mistake(
        "a key keeps its head when something else of it is handed out",
        _CONSUMING,
        "        execution.session.unmake_heads(shelf, ids)\n",
        "",
    ),
    _mistake(
        "a group is live before it has all messages",
        _CONSUMING,
        "live = len(rows) < len(ids)",
        "live = True",
    ),
    _mistake(
        "a group is given the same messages again and again",
        _CONSUMING,
        "last = found[-1].pos if found else cursor",
        "last = cursor",
    ),
    _mistake(
        "what comes back does not take the head's place",
        _CONSUMING,
        "_restore_heads(execution, shelf, set(ready.values()))",
        "execution.session.set_heads(shelf, set(ready.values()))",
    ),
    _mistake(
        "a key stays without a head when a delivery of it is undone",
        _CONSUMING,
        "_restore_heads(execution, shelf, set(there.values()))",
        "pass",
    ),
    _mistake(
        "one delivery can be acknowledged twice at once",
        _CONSUMING,
        "found = held.pop(delivered, None)",
        "found = held.get(delivered)",
    ),
    _mistake(
        "a message has one delivery too many",
        _CONSUMING,
        "if not (maximum and state == 1 and count >= maximum)",
        "if not (maximum and state == 1 and count > maximum)",
    ),
    _mistake(
        "what is published goes to groups that are to get it from the log, too",
        _WRITING,
        "if each.number in numbers]",
        "if numbers is not None]",
    ),
    _mistake(
        "a half message that is decided leaves its key without a head",
        _WRITING,
        "    execution.session.set_heads(shelf, {row.key for row in rows})\n",
        "",
    ),
    _mistake(
        "a dead letter leaves its key without a head",
        _WRITING,
        "execution.session.set_heads(shelf, {row.key for row in dead})",
        "pass",
    ),
    _mistake(
        "a committed message's body is counted once, however many share it",
        _WRITING,
        "    if live:\n",
        "    if not live:\n",
    ),
    _mistake(
        "the log is not in the order of the commits",
        _WRITING,
        "last = max(ids.id, last + 1)",
        "last = ids.id - ids.id % 3",
    ),
)


if __name__ == "__main__":
    print(READY, flush=True)
    run_state_machine_as_test(GroupsMachine, settings=HASTY)
