"""Deliberate mistakes in the engine and the storage, each of which the model has to notice.

Each is a text replaced by another in a copy of the package, over which the model test is then run
in a process of its own: ``survivors`` returns the mistakes that it passed over. Run as a program
(``python -m tests.engine.mutants``) this module is that process.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs

import mqgate
import tests
from tests.engine.machine import run
from tests.engine.test_model import HASTY

#: What the process says when the package is whole enough to be tried at all.
READY = "The machine is ready."
#: No machine that still works needs so long.
PATIENCE_SECONDS = 900


@attrs.frozen
class Mutation:
    """A mistake: this text in this file of the package, and what comes in its place."""

    name: str
    file: str
    old: str
    new: str
    #: The module whose machine is to notice it.
    model: str = "tests.engine.mutants"

    def applied(self, text: str) -> str:
        """The file's text with the mistake; raises AssertionError if that has no place in it."""
        assert text.count(self.old) == 1, f"{self.name}: nothing to replace in {self.file}"
        return text.replace(self.old, self.new)


MUTATIONS = (
    Mutation(
        "a released message keeps its place where it should go to the back",
        "engine/verbs.py",
        "in_place = plan.policy(queue).keeps_place\n        if not self.delay",
        "in_place = True\n        if not self.delay",
    ),
    Mutation(
        "a released message goes to the back where it should keep its place",
        "engine/verbs.py",
        "in_place = plan.policy(queue).keeps_place\n        if not self.delay",
        "in_place = False\n        if not self.delay",
    ),
    Mutation(
        "a reservation is not counted",
        "storage/statements/__init__.py",
        " rcount = rcount + 1, first_at = CASE first_at WHEN 0 THEN ? ",
        " rcount = rcount, first_at = CASE first_at WHEN 0 THEN ? ",
    ),
    Mutation(
        "a lapsed reservation keeps its place where it should go to the back",
        "storage/statements/__init__.py",
        'CASE state WHEN 1 THEN (due - ?) << 22 ELSE pos"',
        'CASE state WHEN 9 THEN (due - ?) << 22 ELSE pos"',
    ),
    Mutation(
        "a message that was delayed is placed anew when its delay is over",
        "storage/statements/__init__.py",
        'CASE state WHEN 1 THEN (due - ?) << 22 ELSE pos"',
        'CASE state WHEN 1 THEN (due - ?) << 22 ELSE 0"',
    ),
    Mutation(
        "a message deleted and remembered goes on being counted",
        "storage/executor/acknowledging.py",
        "    execution.counts[shelf] -= len(found)\n",
        "    execution.counts[shelf] -= 0 if memory else len(found)\n",
    ),
    Mutation(
        "a remembered message that was put back is removed when its first time is over",
        "storage/statements/__init__.py",
        "AND state = 3 AND expires <= ? AND body = 0",
        "AND ? AND body = 0",
    ),
    Mutation(
        "a message removed by a reserve is readable for ever",
        "storage/sqlite/session.py",
        "        self._remembered.note(until, [row.id for row in rows])\n",
        "",
    ),
    Mutation(
        "expiry passes over messages that are reserved",
        "storage/statements/__init__.py",
        " WHERE state <> 3 AND aged = 1 AND expires <= ?",
        " WHERE state <> 3 AND state <> 1 AND aged = 1 AND expires <= ?",
    ),
    Mutation(
        "a release wakes nobody",
        "engine/verbs.py",
        "        if not self.delay:\n            plan.readied[self.key] += 1\n",
        "",
    ),
    Mutation(
        "a message put back wakes nobody",
        "engine/verbs.py",
        "        plan.readied[self.key] += len(self.messages)\n        if self.removed",
        "        if self.removed",
    ),
    Mutation(
        "a poll that was cancelled takes a message all the same",
        "engine/reserving.py",
        "        self.gone = True\n        self._stop_timer()\n        if self.parked:\n"
        "            self._lines.leave(self)\n",
        "        self._stop_timer()\n",
    ),
    Mutation(
        "what was taken for a poll that is gone is not given back",
        "engine/reserving.py",
        "            self._give_back(self, messages)\n",
        "            pass\n",
    ),
    Mutation(
        "a message given back goes to the back",
        "storage/statements/__init__.py",
        '"UPDATE msg SET state = 0, due = 0 WHERE id = ? AND rcount',
        '"UPDATE msg SET state = 0, pos = due << 22, due = 0 WHERE id = ? AND rcount',
    ),
    Mutation(
        "a message given back loses its count",
        "storage/statements/__init__.py",
        '"UPDATE msg SET state = 0, due = 0 WHERE id = ? AND rcount',
        '"UPDATE msg SET state = 0, rcount = rcount - 1, due = 0 WHERE id = ? AND rcount',
    ),
    Mutation(
        "a clear forgets how many messages were ever posted",
        "storage/sqlite/session.py",
        "(world, new, self._slot, 0, total)",
        "(world, new, self._slot, 0, 0)",
    ),
    Mutation(
        "a delayed message can be had at once",
        "storage/statements/__init__.py",
        '(1, 2)"\n    " AND due <= {now} AND +expires',
        '(1, 2)"\n    " AND (due <= {now} OR state = 2) AND +expires',
    ),
    Mutation(
        "a touch lasts no longer than the reservation before it",
        "storage/statements/__init__.py",
        "UPDATE msg SET due = ? + timeout, lease = timeout",
        "UPDATE msg SET due = ? + lease, lease = timeout",
    ),
    Mutation(
        "two who delete the same message at once are both told that it was there",
        "storage/executor/acknowledging.py",
        "        there.difference_update(mine)\n",
        "",
    ),
    Mutation(
        "a newcomer is served before those who wait",
        "engine/commits.py",
        "        takers.sort(key=arrival)\n",
        "",
    ),
    Mutation(
        "nobody looks when a delay is over",
        "engine/verbs.py",
        "        if self._due:\n            self._due_note(self.key, self._due)\n",
        "",
    ),
    Mutation(
        "a deleted message is remembered for longer than it would have lived",
        "storage/statements/__init__.py",
        'SET state = 3, queue = ?, due = 0, expires = min(expires, ?)"',
        'SET state = 3, queue = ?, due = 0, expires = max(expires, ?)"',
    ),
)


def source_of(mutation: Mutation) -> str:
    """The text of the file that a mistake is to be made in."""
    assert mqgate.__file__ is not None
    return (Path(mqgate.__file__).parent / mutation.file).read_text(encoding="utf-8")


def plant(mutation: Mutation | None, folder: Path) -> None:
    """Copy the package and its tests into a folder, with this mistake."""
    for package in (mqgate, tests):
        assert package.__file__ is not None
        source = Path(package.__file__).parent
        shutil.copytree(
            source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__", "live")
        )
    if mutation is not None:
        path = folder / "mqgate" / mutation.file
        path.write_text(mutation.applied(source_of(mutation)), encoding="utf-8")


def is_noticed(mutation: Mutation | None, folder: Path) -> bool:
    """Does the model test fail over a package with this mistake?"""
    plant(mutation, folder)
    model = "tests.engine.mutants" if mutation is None else mutation.model
    process = subprocess.run(
        [sys.executable, "-m", model],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert READY.encode() in process.stdout, process.stdout.decode()
    return process.returncode != 0


def survivors(mutations: Sequence[Mutation | None], folder: Path) -> list[str]:
    """The names of the mistakes that nobody notices; that of None, which is none, is its own."""

    def one(number: int) -> bool:
        return is_noticed(mutations[number], folder / str(number))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        noticed = list(pool.map(one, range(len(mutations))))
    names = ["no mistake" if each is None else each.name for each in mutations]
    return [name for name, was in zip(names, noticed, strict=True) if not was]


if __name__ == "__main__":
    print(READY, flush=True)
    run(HASTY)
