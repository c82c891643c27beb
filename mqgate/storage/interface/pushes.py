"""Operations on pushes: messages that are carried to receivers, and how far each delivery is.

A message of a pushing queue has one entry or more, each a delivery with one target or more. Such a
message is in state 4, on its queue's shelf, as long as one of its entries is open; with the last
one's end it becomes a deleted one that is readable.
"""

from __future__ import annotations

from typing import NamedTuple

from mqgate.storage.interface.messages import Memory, Post, TargetRow

#: States of an entry; the first three are open.
QUEUED = 0
RESERVED = 1
RETRYING = 2
DELIVERED = 3
FAILED = 4


class PushKey(NamedTuple):
    """Which entry."""

    world: int
    shelf: int
    message: int
    subscriber: int


# -- operations


class ResumePushes(NamedTuple):
    """What this gateway had claimed in an earlier life is due again, not counted. Result: None."""


class ClaimPushes(NamedTuple):
    """Claim entries that are due, under a number that was never used. Result: `Claimed`.

    Not more than ``room`` of them, no more once their bodies have ``size`` bytes, and in each lane
    not more than ``per_lane`` less what ``busy`` says is claimed in it. They are this claim's until
    ``until``; then anybody may claim them again.
    """

    claim: int
    until: int
    room: int
    size: int
    per_lane: int
    busy: tuple[tuple[str, int], ...]
    #: Where the last look through all lanes came to.
    after: str


class SettlePush(NamedTuple):
    """Write down what became of a try, if it is still this claim's. Result: was it?

    If that was the message's last open entry, the message is deleted: it stays readable for as long
    as ``memory`` says, or until it expires if one of its entries failed. ``post`` is put on its
    queue in the same transaction.
    """

    key: PushKey
    claim: int
    status: int
    code: int
    next_at: int
    tries: int
    step: int
    target: TargetRow
    failures: tuple[tuple[int, str], ...]
    memory: Memory
    post: Post | None


class AcknowledgePush(NamedTuple):
    """End an entry as delivered, unless it has ended. Result: is there such an entry?

    ``memory`` is as for `SettlePush`.
    """

    key: PushKey
    memory: Memory


class DeletePushed(NamedTuple):
    """`Delete`, on a queue that may have messages that are being pushed; which ends."""

    world: int
    shelf: int
    ids: tuple[int, ...]
    memory: Memory


class ShowPushes(NamedTuple):
    """The entries of a message. Result: a tuple of `PushStatus`, or None: no such message."""

    world: int
    shelf: int
    memory_shelf: int
    message: int


# -- values


class ClaimedPush(NamedTuple):
    """An entry that was claimed, with its message."""

    key: PushKey
    claim: int
    #: The queue's, and its name.
    number: int
    queue: str
    targets: tuple[TargetRow, ...]
    via: str
    error_queue: str | None
    retries: int
    delay: int
    step: int
    tries: int
    #: What it was before: `RESERVED` is a try, or an acknowledgement, that did not come to its end.
    status: int
    code: int
    #: The claim that it was under before; 0 if it waited for an acknowledgement.
    claimed: int
    failures: tuple[tuple[int, str], ...]
    #: The message's.
    timeout: int
    body: bytes


class Claimed(NamedTuple):
    """What a claim got."""

    pushes: tuple[ClaimedPush, ...]
    #: When the next entry comes due, after now; None if none does.
    next_due: int | None
    #: Whether entries were left that are due: for want of room, or because their lane is full.
    left: bool
    #: Whether it did not come through all that is due: worth another look at once.
    again: bool
    #: For the next claim's ``after``.
    after: str


class PushStatus(NamedTuple):
    """How far an entry is."""

    subscriber: int
    url: str
    retries: int
    delay: int
    tries: int
    status: int
    code: int
