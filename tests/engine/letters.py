"""The messages of the model, and which of them comes before which."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from mqgate.engine.values import DELETED, READY, RESERVED, Message


class Illegal(Exception):
    """The engine said something that no reading of the specification allows."""


def demand(truth: bool, otherwise: str) -> None:
    """Judge what the engine said."""
    if not truth:
        raise Illegal(otherwise)


@attrs.frozen
class Place:
    """Since when a message is available, and what put it there."""

    instant: int
    #: The turn whose operation put it there; None = the clock did, when a time was up.
    turn: int | None = None
    #: The post that put it there, and which of its messages this is; None = a release did.
    post: int | None = None
    rank: int = 0


@attrs.define
class Letter:
    """A message of the model. Its body is unique, so that it is known before its id is."""

    body: bytes
    props: bytes | None
    timeout: int
    expires_at: int
    place: Place
    state: int = READY
    due: int = 0
    count: int = 0
    #: Reserved ones: for how long.
    lease: int = 0
    first_at: int = 0
    #: Deleted ones: until when they can still be read.
    readable_until: int = 0
    #: None until the engine has told it.
    id: int | None = None
    #: What the engine called this place, if it did.
    position: int | None = None

    def stand(self, place: Place) -> None:
        """Take another place; the engine's name for it is not known yet."""
        self.place, self.position = place, None

    def recognise(self, message: Message, state: int | None) -> None:
        """Judge how the engine describes this letter, and learn its id."""
        demand(self.id in (None, message.id), f"{self.body!r} has become {message.id}")
        self.id = message.id
        said = (message.body, message.props, message.count, message.timeout, message.first_at)
        known = (self.body, self.props, self.count, self.timeout, self.first_at)
        demand(said == known, f"{message} should have {known}")
        demand(message.origin == message.id, f"{message} has a foreign origin")
        demand(state in (None, message.state), f"{message} should be in state {state}")
        lease = self.lease if self.state == RESERVED else self.timeout
        demand(message.lease == lease, f"{message} should be reserved for {lease}")
        # A deleted one may show either of its ends: its own, or that of its being remembered.
        ends = {self.expires_at, self.readable_until} if state == DELETED else {self.expires_at}
        demand(message.expires_at in ends, f"{message} should expire at {ends}")


def before(one: Letter, other: Letter) -> bool:
    """Must the one be handed out before the other? Where neither must, both orders are legal.

    That is so for two operations of one turn (nobody has been answered, so they are concurrent),
    and for places that the clock gave: what came due in the very millisecond in which something
    else came due, was posted or released has no order towards it that a client could know of.
    Only the messages of one post are in order among themselves. And once the engine has shown
    two places, it has decided their order and must stand by it.
    """
    if one.position is not None and other.position is not None:
        return (one.position, one.id or 0) < (other.position, other.id or 0)
    a, b = one.place, other.place
    if a.instant != b.instant:
        return a.instant < b.instant
    if a.turn is None or b.turn is None:
        return False
    if a.turn != b.turn:
        return a.turn < b.turn
    return a.post is not None and a.post == b.post and a.rank < b.rank


def in_order(letters: Sequence[Letter], rest: Sequence[Letter]) -> bool:
    """Are these letters in a legal order, with none before them among the rest?"""
    for index, letter in enumerate(letters):
        if any(before(later, letter) for later in letters[index + 1 :]):
            return False
        if any(before(left, letter) for left in rest):
            return False
    return True


def first(letters: Sequence[Letter], taken: frozenset[bytes]) -> list[Letter]:
    """Those that may be handed out next, when these are taken already."""
    left = [letter for letter in letters if letter.body not in taken]
    return [it for it in left if not any(before(other, it) for other in left)]
