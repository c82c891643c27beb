"""What a batch must keep to when it brings messages, and how it is told that it does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

#: What there can be too much of: messages of a world, their bytes, messages of one queue.
MESSAGES = "messages"
BYTES = "bytes"
LENGTH = "length"


class Quota(NamedTuple):
    """What a world may hold at most; None where it may hold as much as it likes."""

    world: int
    messages: int | None
    #: Of bodies and properties.
    bytes: int | None


class Bound(NamedTuple):
    """How many messages a shelf may hold at most: ready, reserved and delayed ones.

    Beyond them the oldest go, with ``drop``; or what comes is refused. ``in_place`` says where
    lapsed reservations go.
    """

    world: int
    shelf: int
    length: int
    drop: bool
    in_place: bool


class Refusal(NamedTuple):
    """Beyond which limit an operation would lead: one of the words above, and the limit."""

    what: str
    limit: int


class Full(Exception):
    """A batch was not carried out, because some of its operations would lead beyond a limit.

    Nothing of it is to be seen. Without them, it may be carried out.
    """

    def __init__(self, refused: Mapping[int, Refusal]) -> None:
        super().__init__("a limit is reached")
        #: By their places among the batch's operations.
        self.refused = refused
