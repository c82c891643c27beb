"""What every database must offer the engine: run one batch in one transaction.

Batches and results are plain values (tuples, bytes, integers), so that whoever executes them may
be a thread or another process, over one database or another. Times are
milliseconds since 1970 as the engine counts them; a *shelf* is the number that stands in a
message's row for its queue, and changes when the queue is cleared (docs/architecture.md).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from twisted.internet.defer import Deferred

from mqgate.storage.interface.alerts import LEVELS, Alert, Bell, Fired, Leave, Watch, Watched
from mqgate.storage.interface.catalogue import (
    BindingRow,
    Change,
    ExchangeRow,
    QueueRow,
    Reshelf,
    Stale,
    WorldRows,
)
from mqgate.storage.interface.census import Census, QueueFigures
from mqgate.storage.interface.groups import (
    Acknowledge,
    Append,
    Bury,
    CatchUp,
    CaughtUp,
    Consume,
    Consumed,
    Copies,
    Decide,
    Delivered,
    Fed,
    Idle,
    IdleGroup,
    LogEntry,
    Prepare,
    Rest,
    Return,
    Topic,
)
from mqgate.storage.interface.limits import Bound, Full, Quota, Refusal
from mqgate.storage.interface.messages import (
    Check,
    Count,
    Delete,
    EmptyShelves,
    Forget,
    Get,
    GiveBack,
    Look,
    Memory,
    MessageRow,
    Peek,
    Post,
    PostRow,
    Probe,
    PushRow,
    PutBack,
    Release,
    Reserve,
    Reserved,
    Review,
    Reviewed,
    Sweep,
    Swept,
    Touch,
)
from mqgate.storage.interface.publishing import HELD_COUNTED, Copy, Publish, Take, Taken
from mqgate.storage.interface.pushes import (
    AcknowledgePush,
    Claimed,
    ClaimedPush,
    ClaimPushes,
    DeletePushed,
    PushKey,
    PushStatus,
    ResumePushes,
    SettlePush,
    ShowPushes,
)
from mqgate.storage.interface.topics import (
    Dropped,
    DropValues,
    FindValue,
    Found,
    Published,
    PublishValue,
    ReadValue,
    TopicRow,
)

__all__ = [
    "EPOCH",
    "HELD_COUNTED",
    "INSTANT_SHIFT",
    "LEVELS",
    "SLOT_SHIFT",
    "Acknowledge",
    "AcknowledgePush",
    "Alert",
    "Append",
    "Batch",
    "Bell",
    "BindingRow",
    "Bound",
    "Bury",
    "CatchUp",
    "CaughtUp",
    "Census",
    "Change",
    "Check",
    "ClaimPushes",
    "Claimed",
    "ClaimedPush",
    "Consume",
    "Consumed",
    "Copies",
    "Copy",
    "Count",
    "Damaged",
    "Decide",
    "Delete",
    "DeletePushed",
    "Delivered",
    "DropValues",
    "Dropped",
    "EmptyShelves",
    "ExchangeRow",
    "Fed",
    "FindValue",
    "Fired",
    "Forget",
    "Found",
    "Full",
    "Get",
    "GiveBack",
    "Idle",
    "IdleGroup",
    "Leave",
    "LogEntry",
    "Look",
    "Memory",
    "MessageRow",
    "Moved",
    "Opened",
    "Operation",
    "Peek",
    "Peers",
    "Post",
    "PostRow",
    "Prepare",
    "Probe",
    "Publish",
    "PublishValue",
    "Published",
    "PushKey",
    "PushRow",
    "PushStatus",
    "PutBack",
    "QueueFigures",
    "QueueRow",
    "Quota",
    "ReadValue",
    "Refusal",
    "Release",
    "Reserve",
    "Reserved",
    "Reshelf",
    "Rest",
    "Results",
    "ResumePushes",
    "Return",
    "Review",
    "Reviewed",
    "SettlePush",
    "ShowPushes",
    "Stale",
    "Store",
    "StoreError",
    "Sweep",
    "Swept",
    "Take",
    "Taken",
    "Topic",
    "TopicRow",
    "Touch",
    "Unavailable",
    "Watch",
    "Watched",
    "WorldRows",
]

#: Ids and positions count milliseconds from here (2010-01-01), so that 41 bits last until 2079;
#: below them are 10 bits of the gateway's slot and 12 of a sequence.
EPOCH = 1_262_304_000_000
INSTANT_SHIFT = 22
SLOT_SHIFT = 12


class StoreError(Exception):
    """The database cannot be opened, or not now. The text is one sentence for the operator."""


class Unavailable(Exception):
    """A batch could not be committed because of the disk, a lock or the connection.

    Nothing of it is to be seen; the same batch may succeed later.
    """


class Damaged(Unavailable):
    """What the batch touches cannot be read any more. It will not pass; the rest may be sound."""


Operation: TypeAlias = (
    Sweep
    | Delete
    | Touch
    | Release
    | GiveBack
    | PutBack
    | Post
    | Publish
    | Reserve
    | Take
    | Peek
    | Get
    | Count
    | EmptyShelves
    | Forget
    | Check
    | Look
    | Review
    | Probe
    | PublishValue
    | ReadValue
    | FindValue
    | DropValues
    | Watch
    | Leave
    | Acknowledge
    | Return
    | Bury
    | Prepare
    | Decide
    | Append
    | CatchUp
    | Rest
    | Idle
    | Consume
    | ResumePushes
    | ClaimPushes
    | SettlePush
    | AcknowledgePush
    | DeletePushed
    | ShowPushes
)


class Batch(NamedTuple):
    """What is to happen in one transaction, all or nothing."""

    now: int
    #: The catalogue version of each world that the plan relies on.
    versions: tuple[tuple[int, int], ...]
    changes: tuple[Change, ...]
    operations: tuple[Operation, ...]
    #: A new upper bound of the ids given out, or 0: the old one still holds.
    high: int
    #: What its posts must keep to.
    limits: tuple[Quota | Bound, ...] = ()


class Opened(NamedTuple):
    """What a gateway starts with."""

    #: Its slot: ten bits of every id it makes, so that no other gateway makes the same.
    slot: int
    #: Ids up to here have been given out already, by whomever.
    high: int
    #: Made with the database and kept in it: what clients are given to bring back is sealed by it.
    secret: bytes
    #: By how many milliseconds the database's clock is ahead of this machine's.
    ahead: int = 0


class Moved(NamedTuple):
    """The batch was not carried out: another gateway has this one's slot, and this is the new one.

    The batch's ids are not to be used: they are made anew, above ``high``, and it is planned again.
    """

    slot: int
    high: int


#: What comes of a batch: a result for each operation, or why it has to be planned again.
Results: TypeAlias = list[object] | Stale | Moved


class Peers(Protocol):
    """What a store tells of the other gateways on its database, in the reactor's thread."""

    def readied(self, queues: Sequence[tuple[int, str]] | None) -> None:
        """Another gateway has announced these (world, queue).

        None means that announcements may have been missed: it may have been any of them.
        """

    def ahead(self, milliseconds: int) -> None:
        """By how much the database's clock is ahead of this machine's now: see `Opened.ahead`."""


class Store(Protocol):
    """A database, as the engine sees it."""

    @property
    def shared(self) -> bool:
        """Whether other gateways may work on the same database."""

    def open(self) -> Opened:
        """Open it, making or upgrading the schema. Blocking; before the reactor runs.

        Raises `StoreError`.
        """

    def worlds(self, names: Sequence[Sequence[str]]) -> list[int]:
        """The number of the world behind each group of names, made where new. Blocking.

        Raises `StoreError` where the names of one group belong to different worlds already.
        """

    def meter(self, wanted: bool) -> None:
        """Count the bytes of messages from now on, or no longer. Blocking; after `open`.

        A `Quota` of bytes asks for it; without, nothing is paid for it. All that is there is
        counted once, when it begins. Raises `StoreError`.
        """

    def run_now(self, batch: Batch) -> Results:
        """The same as `run`. Blocking; before the reactor runs. Raises `StoreError`."""

    def run(self, batch: Batch) -> Deferred[Results]:
        """Carry out a batch; fires after the commit with a result for each operation, in order.

        Fails with `Unavailable`; with `Full` if some of the operations would lead beyond the
        batch's limits; or with anything else if one of the operations cannot be done by any
        means: then nothing was changed either, and the culprit has to be found.
        """

    def attend(self, peers: Peers) -> None:
        """Tell ``peers`` of the other gateways from now on. After `open`; the reactor runs."""

    def announce(self, queues: Collection[tuple[int, str]]) -> None:
        """Tell the other gateways that these (world, queue) have, or will have, something.

        Never blocks. It may get lost: then they find out by `Look`.
        """

    def has_room(self) -> bool:
        """Whether the disk has room for new messages. Cheap enough to be asked for each batch."""

    def census(self, worlds: Sequence[int], now: int, limit: int) -> Deferred[Census]:
        """The fullest queues of these worlds, so many at most; batches do not wait for it.

        Fails with `Unavailable`.
        """

    def tidy(self) -> Deferred[bool]:
        """Give some unused space back to the system. Fires with whether there is more to do."""

    def close(self) -> Deferred[None]:
        """Finish what was handed over and close."""
