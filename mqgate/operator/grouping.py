"""``groups``: topics that keep what is published to them, and the groups that consume it."""

from __future__ import annotations

from typing import Any

import attrs

from mqgate.operator.call import Call
from mqgate.operator.snapshot import Figures, Snapshot
from mqgate.operator.text import duration, instant, table
from mqgate.operator.worlds import World


@attrs.frozen
class _Group:
    """A group as it is."""

    name: str
    figures: Figures
    live: bool
    #: When it was polled, to the minute; None = never.
    polled_at: int | None


@attrs.frozen
class _Topic:
    """A topic as it is."""

    world: World
    name: str
    #: Messages in its log, and half messages.
    kept: int
    half: int
    groups: list[_Group]


def groups(call: Call) -> int:
    """List the topics of the worlds that were named, with their groups."""
    with call.snapshot() as snapshot:
        now = snapshot.now
        found = [
            topic
            for world in call.worlds(snapshot).some(call.arguments.worlds)
            for topic in _topics(snapshot, world)
        ]
    if call.arguments.json:
        call.console.say_json({"topics": [_document(each) for each in found]})
    elif found:
        call.console.say(table(_TITLES, [row for each in found for row in _rows(each, now)]))
    else:
        call.console.note("there are no topics")
    return 0


def _topics(snapshot: Snapshot, world: World) -> list[_Topic]:
    topics = []
    for name, queues in snapshot.logs(world.number).items():
        log, halves = queues.pop(None), queues.pop("", None)
        known = snapshot.groups(log)
        found = [
            _Group(group or "", snapshot.figures(queue), *known.get(group or "", (False, None)))
            for group, queue in queues.items()
        ]
        half = snapshot.size(halves) if halves else 0
        topics.append(_Topic(world, name, snapshot.size(log), half, found))
    return topics


_TITLES = ("WORLD", "TOPIC", "GROUP", "READY", "RESERVED", "DELAYED", "KEPT", "HALF", "POLLED")


def _rows(topic: _Topic, now: int) -> list[tuple[str | int | None, ...]]:
    """A row for the topic, and one for each group."""
    first = (str(topic.world), topic.name)
    rows: list[tuple[str | int | None, ...]] = [
        (*first, None, None, None, None, topic.kept, topic.half, None)
    ]
    for group in topic.groups:
        figures = group.figures
        counts = (figures.ready, figures.reserved, figures.delayed)
        rows.append((*first, group.name, *counts, None, None, _polled(group, now)))
    return rows


def _polled(group: _Group, now: int) -> str:
    if group.polled_at is None:
        return "never"
    ago = duration(max(now - group.polled_at, 0)) + " ago"
    return ago if group.live else ago + ", catching up"


def _document(topic: _Topic) -> dict[str, Any]:
    """A topic for scripts."""
    return {
        "world": list(topic.world.names),
        "topic": topic.name,
        "kept": topic.kept,
        "half": topic.half,
        "groups": [
            {
                "group": group.name,
                "ready": group.figures.ready,
                "reserved": group.figures.reserved,
                "delayed": group.figures.delayed,
                "live": group.live,
                "polled_at": None if group.polled_at is None else instant(group.polled_at),
            }
            for group in topic.groups
        ],
    }
