"""``queues``, ``show`` and ``peek``: what is there, for people and for scripts."""

from __future__ import annotations

import base64
import json
from itertools import islice
from typing import Any

from mqgate.engine.values import NEVER, Policy
from mqgate.operator.call import Call
from mqgate.operator.lines import STATES
from mqgate.operator.snapshot import Alert, Figures, Queue, posted_at
from mqgate.operator.text import (
    beginning,
    body_text,
    duration,
    escaped,
    facts,
    instant,
    number,
    table,
)
from mqgate.operator.worlds import World
from mqgate.storage.interface import MessageRow

#: So much of a body is shown in a table.
PREVIEW_COLUMNS = 40


def queues(call: Call) -> int:
    """List the queues of the worlds that were named."""
    with call.snapshot() as snapshot:
        now = snapshot.now
        found = [
            (world, queue, snapshot.figures(queue))
            for world in call.worlds(snapshot).some(call.arguments.worlds)
            for queue in snapshot.queues(world.number)
        ]
    if call.arguments.json:
        call.console.say_json({"queues": [_summary(*each, now) for each in found]})
    elif found:
        call.console.say(table(_TITLES, [_row(*each, now) for each in found]))
    else:
        call.console.note("there are no queues")
    return 0


_TITLES = ("WORLD", "QUEUE", "READY", "RESERVED", "DELAYED", "SIZE", "TOTAL", "OLDEST")


def _row(world: World, queue: Queue, figures: Figures, now: int) -> tuple[str | int | None, ...]:
    return (
        str(world),
        queue.name,
        figures.ready,
        figures.reserved,
        figures.delayed,
        figures.size,
        figures.total,
        None if figures.oldest_at is None else duration(now - figures.oldest_at),
    )


def _summary(world: World, queue: Queue, figures: Figures, now: int) -> dict[str, Any]:
    """A queue for scripts."""
    oldest = figures.oldest_at
    return {
        "world": list(world.names),
        "queue": queue.name,
        "ready": figures.ready,
        "reserved": figures.reserved,
        "delayed": figures.delayed,
        "pushed": figures.pushed,
        "size": figures.size,
        "total": figures.total,
        "oldest_ms": None if oldest is None else max(now - oldest, 0),
    }


def show(call: Call) -> int:
    """Show one queue."""
    with call.snapshot() as snapshot:
        world = call.world(snapshot)
        queue = call.queue(snapshot, call.arguments.queue)
        figures, now = snapshot.figures(queue), snapshot.now
        alerts = snapshot.alerts(queue)
    if call.arguments.json:
        details = _details(world, queue, figures, now)
        call.console.say_json({**details, "alerts": [_alert_details(each) for each in alerts]})
        return 0
    coming = [
        ("next due", figures.next_due_at, "nothing is reserved or delayed"),
        ("next expiry", figures.next_expiry_at, "never"),
    ]
    call.console.say(
        facts(
            [
                ("world", str(world)),
                ("queue", queue.name),
                ("made", instant(queue.created_at)),
                ("policy", f"{queue.policy}: {_in_words(call.policy(queue))}"),
                *_settings(queue),
                *(("alert", _alert(each, now)) for each in alerts),
                ("size", number(figures.size, "message")),
                ("  ready", f"{figures.ready:,}"),
                ("  reserved", f"{figures.reserved:,}"),
                ("  delayed", f"{figures.delayed:,}"),
                *([("  being pushed", f"{figures.pushed:,}")] if figures.pushed else []),
                ("ever posted", f"{figures.total:,}"),
                ("oldest", _since(figures.oldest_at, now)),
                *((name, _until(at, now) or none) for name, at, none in coming),
            ]
        )
    )
    return 0


def _details(world: World, queue: Queue, figures: Figures, now: int) -> dict[str, Any]:
    """A queue for scripts, with all there is."""
    due, expiry = figures.next_due_at, figures.next_expiry_at
    return {
        **_summary(world, queue, figures, now),
        "number": queue.number,
        "made_at": instant(queue.created_at),
        "policy": queue.policy,
        "settings": queue.settings,
        "next_due_at": None if due is None else instant(due),
        "next_expiry_at": None if expiry is None else instant(expiry),
    }


def _in_words(policy: Policy) -> str:
    returned = "keep their place" if policy.keeps_place else "go to the back"
    kept = policy.remembers_for
    deleted = f"can be read for {duration(kept)}" if kept else "are gone"
    return f"returned messages {returned}, deleted ones {deleted}"


def _settings(queue: Queue) -> list[tuple[str, str]]:
    if not queue.settings:
        return [("settings", "none")]
    return [
        ("settings", f"{name} = {json.dumps(value, ensure_ascii=False)}")
        for name, value in queue.settings.items()
    ]


def _alert(alert: Alert, now: int) -> str:
    at = f"{'a multiple of ' if alert.progressive else ''}{alert.threshold:,}"
    parts = [f"{'falls' if alert.descending else 'rises'} to {at}: a message to {alert.target!r}"]
    if alert.snooze:
        parts.append(f"then none for {duration(alert.snooze)}")
    if alert.fired_at is not None:
        parts.append(f"last one {duration(now - alert.fired_at)} ago, {instant(alert.fired_at)}")
    return ", ".join(parts)


def _alert_details(alert: Alert) -> dict[str, Any]:
    """An alert for scripts."""
    return {
        "id": str(alert.id),
        "progressive": alert.progressive,
        "descending": alert.descending,
        "threshold": alert.threshold,
        "target": alert.target,
        "snooze_ms": alert.snooze,
        "fired_at": None if alert.fired_at is None else instant(alert.fired_at),
    }


def _since(at: int | None, now: int) -> str:
    return "" if at is None else f"posted {duration(now - at)} ago, {instant(at)}"


def _until(at: int | None, now: int) -> str | None:
    return None if at is None else f"in {duration(at - now)}, {instant(at)}"


def peek(call: Call) -> int:
    """Show the first messages of a queue, whatever their state."""
    console = call.console
    with call.snapshot() as snapshot:
        queue = call.queue(snapshot, call.arguments.queue)
        place = call.policy(queue).keeps_place
        rows = islice(snapshot.messages(queue, keeps_place=place), call.arguments.n)
        if call.arguments.json:
            console.say_json({"messages": [_message(row, snapshot.now) for row in rows]})
        elif call.arguments.body:
            for row in rows:
                console.say(_whole(row, snapshot.now))
        else:
            cells = [_cells(row, snapshot.now) for row in rows]
            if cells:
                console.say(table(_MESSAGE_TITLES, cells))
            else:
                console.note("there are no messages")
    return 0


_MESSAGE_TITLES = ("ID", "STATE", "COUNT", "POSTED", "DUE", "EXPIRES", "BYTES", "BODY")


def _cells(row: MessageRow, now: int) -> tuple[str | int | None, ...]:
    return (
        str(row.id),
        STATES[row.state],
        row.times,
        duration(now - posted_at(row.id)) + " ago",
        "in " + duration(row.due - now) if row.due else None,
        None if row.expires == NEVER else "in " + duration(row.expires - now),
        len(row.data),
        beginning(row.data, PREVIEW_COLUMNS),
    )


def _whole(row: MessageRow, now: int) -> str:
    """A message with all of its body, which is set off so that it cannot look like a message."""
    id_, state, count, posted, due, expires, size, _ = _cells(row, now)
    parts = [f"{id_} {state}", f"reserved {count} times", f"posted {posted}"]
    parts += [f"due {due}"] if due else []
    parts += [f"expires {expires}"] if expires else []
    parts.append(f"{size} bytes")
    body = "".join(f"    {line}\n" for line in body_text(row.data, keep="\n\t").split("\n"))
    return escaped(", ".join(parts)) + "\n" + body


def _message(row: MessageRow, now: int) -> dict[str, Any]:
    """A message for scripts."""
    document: dict[str, Any] = {
        "id": str(row.id),
        "state": STATES[row.state],
        "count": row.times,
        "posted_at": instant(posted_at(row.id)),
        "due_at": instant(row.due) if row.due else None,
        "expires_at": None if row.expires == NEVER else instant(row.expires),
        "timeout_ms": row.timeout,
        "size": len(row.data),
    }
    return document | _body(row.data)


def _body(data: bytes) -> dict[str, str]:
    try:
        return {"body": data.decode("utf-8")}
    except UnicodeDecodeError:
        return {"body64": base64.b64encode(data).decode("ascii")}
