"""Alerts: what a queue's change of size may set off, in the transaction that changes it."""

from __future__ import annotations

from typing import NamedTuple

from mqgate.storage.interface.messages import PostRow, PushRow


class Alert(NamedTuple):
    """An alert of a queue, as the catalogue holds it."""

    id: int
    #: Whether it is set off at every multiple of the threshold, not at the threshold alone.
    progressive: bool
    #: Whether it is set off when the size falls, not when it rises.
    descending: bool
    threshold: int
    #: The name of the queue that gets the message.
    target: str
    #: For so long after it was set off it is silent.
    snooze: int
    #: The name of the policy that says what the message is like, and that a new target gets.
    policy: str


class Bell(NamedTuple):
    """An alert that this batch may set off, and the message it then posts.

    The body is ``before``, the size in decimal digits, and ``after``.
    """

    alert: Alert
    #: The target's shelf; None where there is no such queue.
    shelf: int | None
    before: bytes
    after: bytes
    #: All else of the message; its id is still to be given.
    row: PostRow
    #: Whether the queue has this alert since this batch: what expired before is none of its affair.
    new: bool
    #: How the message is pushed from there, if it is; its id is still to be given there too.
    pushes: tuple[PushRow, ...] = ()


class Watched(NamedTuple):
    """A queue whose alerts this batch may set off."""

    world: int
    queue: int
    #: Its shelf before the batch, and each that the batch's operations know it by after.
    shelves: tuple[int, ...]
    bells: tuple[Bell, ...]


class Watch(NamedTuple):
    """Set off the alerts of these queues as the batch's operations change their sizes.

    The operations are gone through in their order, and each sets an alert off once at most. What
    has expired is removed from these queues first. The messages come after all operations, with
    these ``ids`` in turn (there must be enough of them), and may set off alerts of their own; see
    `LEVELS`. Result: a tuple of `Fired`, in the order of the messages. A batch that needs a target
    which is not there is not carried out: see `Stale.missing`.
    """

    queues: tuple[Watched, ...]
    ids: tuple[int, ...]


class Fired(NamedTuple):
    """An alert was set off, and its message posted."""

    world: int
    target: str
    expires: int


class Leave(NamedTuple):
    """The queue leaves a shelf here, among the batch's operations. Result: None.

    The change itself is the catalogue's (`Reshelf`): this tells a `Watch` when its size drops to 0.
    """

    world: int
    shelf: int


#: A message of an alert may set off alerts of its queue, and so on: so many deep.
LEVELS = 3
