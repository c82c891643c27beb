"""Operations on what was published: one message in several queues, and taking one off for good."""

from __future__ import annotations

from typing import NamedTuple

from mqgate.storage.interface.messages import Memory, MessageRow, PostRow, PushRow


class Copy(NamedTuple):
    """A published message in one queue. Copies are alike but for id, place and expiry."""

    shelf: int
    row: PostRow
    #: How it is to be pushed, if it is in state 4.
    pushes: tuple[PushRow, ...] = ()


class Publish(NamedTuple):
    """Store a message in several queues, its body once. Result: None.

    The id of the first copy is the origin of all of them.
    """

    world: int
    copies: tuple[Copy, ...]


class Take(NamedTuple):
    """Remove the first ready message and hand it out. Result: `Taken`.

    ``memory`` and ``in_place`` are as for `Reserve`, which is served first.
    """

    world: int
    shelf: int
    memory: Memory | None
    in_place: bool


class Taken(NamedTuple):
    """The message, or None; and how many more could have been handed out after it.

    No more are seen of those that are reserved or delayed than `HELD_COUNTED`, so that a look at
    a queue costs little whatever is in it: if there are more of them, ``left`` is too high.
    """

    row: MessageRow | None
    left: int


#: As many reserved and delayed messages are counted for one batch (half a millisecond).
HELD_COUNTED = 10_000
