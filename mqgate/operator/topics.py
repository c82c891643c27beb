"""``topics``: what topics there are, and their values."""

from __future__ import annotations

from typing import Any

from mqgate.operator.call import Call
from mqgate.operator.showing import PREVIEW_COLUMNS
from mqgate.operator.snapshot import Topic, TopicValue
from mqgate.operator.text import beginning, number, table
from mqgate.operator.worlds import World

#: Bytes of a value that are read: no character has more than four.
_PREVIEW_BYTES = 4 * PREVIEW_COLUMNS + 1


def topics(call: Call) -> int:
    """List the topics of the worlds that were named."""
    with call.snapshot() as snapshot:
        found = [
            (world, topic)
            for world in call.worlds(snapshot).some(call.arguments.worlds)
            for topic in snapshot.topics(world.number, _PREVIEW_BYTES)
        ]
    if call.arguments.json:
        call.console.say_json({"topics": [_document(*each) for each in found]})
    elif found:
        call.console.say(table(_TITLES, [_row(*each) for each in found]))
    else:
        call.console.note("there are no topics")
    return 0


_TITLES = ("WORLD", "TOPIC", "NUMBER", "BYTES", "LATEST", "RETAINED")


def _row(world: World, topic: Topic) -> tuple[str | int | None, ...]:
    latest, retained = topic.latest, topic.retained
    return (
        str(world),
        topic.name,
        latest.number,
        latest.size,
        beginning(latest.data, PREVIEW_COLUMNS),
        None if retained is None else _retained(latest, retained),
    )


def _retained(latest: TopicValue, retained: TopicValue) -> str:
    if retained.number == latest.number:
        return "the same"
    return f"number {retained.number}, {number(retained.size, 'byte')}"


def _document(world: World, topic: Topic) -> dict[str, Any]:
    """A topic for scripts; its values can be gigabytes in all, and are for clients to read."""
    return {
        "world": list(world.names),
        "topic": topic.name,
        "latest": _value(topic.latest),
        "retained": None if topic.retained is None else _value(topic.retained),
    }


def _value(value: TopicValue) -> dict[str, Any]:
    return {"number": value.number, "size": value.size}
