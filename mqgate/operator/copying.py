"""``copy``: everything that a database holds, into another one."""

from __future__ import annotations

import os
from contextlib import closing

from mqgate.config.database import FILE, is_address
from mqgate.operator.call import Call
from mqgate.operator.errors import CommandError, Interrupted
from mqgate.operator.text import number
from mqgate.storage.copying import Holds, Source, Target, holds
from mqgate.storage.copying import copy as copy_rows
from mqgate.storage.databases import Database


def copy(call: Call) -> int:
    """Copy the configured database into another one, or another one into it."""
    come_from, go_to = _named(call, "from"), _named(call, "to")
    if come_from.name == go_to.name:
        raise CommandError(f"{go_to.name} cannot be copied into itself: use --to, or --from")
    with closing(come_from.source()) as source, closing(go_to.target()) as target:
        there = holds(source, target)
        if there is Holds.OTHERS:
            raise CommandError(
                f"{target.name} holds queues or messages already: copy into an empty database"
            )
        counts = None if there is Holds.THIS else _copied(call, source, target)
    if call.arguments.json:
        names = {"from": come_from.name, "to": go_to.name}
        call.console.say_json({**names, "copied": counts is not None, "rows": counts or {}})
    elif counts is None:
        call.console.note(f"{go_to.name} holds all of {come_from.name} already")
    else:
        others = sum(counts.values()) - counts["msg"]
        what = f"{number(counts['msg'], 'message')} and {number(others, 'other row')}"
        call.console.note(f"copied {what} from {come_from.name} to {go_to.name}")
    return 0


def _copied(call: Call, source: Source, target: Target) -> dict[str, int]:
    """Copy, while somebody watches; how many rows of each table."""
    progress = call.progress("copied rows:", source.count())
    try:
        return copy_rows(source, target, progress.reached)
    except Interrupted as interrupted:
        so_far = f"{target.name} is as it was, or whole: call it again"
        raise Interrupted(interrupted.number, so_far) from None
    finally:
        progress.over()


def _named(call: Call, option: str) -> Database:
    """The database that an option names; without it, the configured one."""
    word: str | None = getattr(call.arguments, f"copy_{option}")
    if word is None:
        return call.database()
    if word.startswith("@"):
        word = _text(word[1:])
    kind, colon, path = word.partition(":")
    if kind == FILE and colon and not path:
        raise CommandError(f"--{option} has no path behind {FILE}:")
    if kind == FILE:
        return call.database_at(None, os.path.abspath(path) if path else None)
    if not is_address(word):
        raise CommandError(
            f"--{option} is no database: use {FILE}, {FILE}:PATH, @FILE or postgresql://…"
        )
    return call.database_at(word)


def _text(path: str) -> str:
    """What a file says, so that a password need not stand where others see it."""
    with open(path, encoding="utf-8") as file:
        return file.read().strip()
