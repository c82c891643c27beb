"""What gateways write to each other: which queues have something, as JSON."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import TypeAlias

#: (World, name) of queues; None = any of them.
Queues: TypeAlias = list[tuple[int, str]] | None

#: A gateway is there now.
HELLO = "hello"
#: Any queue may have something: there were too many.
ANY = "*"
#: The server takes messages that are shorter than 8000 bytes …
_BYTES = 7900
#: … and so many are sent at once.
_MESSAGES = 10


def written(queues: Collection[tuple[int, str]]) -> list[str]:
    """The messages that say it."""
    messages: list[str] = []
    for message in _pieces(queues):
        if len(messages) == _MESSAGES or len(message) > _BYTES:
            return [ANY]
        messages.append(message)
    return messages


def _pieces(queues: Collection[tuple[int, str]]) -> Iterator[str]:
    piece: list[str] = []
    size = 2
    for queue in queues:
        text = json.dumps(queue, separators=(",", ":"))  # which is ASCII
        if piece and size + len(text) + 1 > _BYTES:
            yield f"[{','.join(piece)}]"
            piece, size = [], 2
        piece.append(text)
        size += len(text) + 1
    if piece:
        yield f"[{','.join(piece)}]"


def read(message: str) -> Queues:
    """What was written; what cannot be read may be about anything."""
    if message == ANY:
        return None
    try:
        return [(int(world), str(name)) for world, name in json.loads(message)]
    except (TypeError, ValueError):
        return None
