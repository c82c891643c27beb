"""One batch on its way through the database: what its kinds of operations share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from mqgate.storage.alert_session import AlertKey
from mqgate.storage.interface import Batch, Count, Operation, PostRow
from mqgate.storage.session import ExpiredRow, Session, Shelf

Op = TypeVar("Op", bound=Operation)

#: The state of a message that is being pushed.
PUSHED = 4

#: A count first removes up to so many messages that have expired.
SWEPT_BEFORE_COUNTING = 1000


class SlotLost(Exception):
    """Another gateway has taken this one's slot over: the store is to take another one."""


class Execution:
    """One batch inside its transaction, and its results so far.

    The modules beside this one carry out a kind of operation each, as functions of it.
    """

    def __init__(self, session: Session, batch: Batch) -> None:
        self.session = session
        self.batch = batch
        self.now = batch.now
        self.results: list[object] = [None] * len(batch.operations)
        self.kinds: dict[type, list[tuple[int, Operation]]] = {}
        self.counts: Counter[Shelf] = Counter()
        self.posts: Counter[Shelf] = Counter()
        self.promoted: set[Shelf] = set()
        #: What a `Watch` begins with: sizes, what has expired of them, and when alerts went off.
        self.sizes: dict[Shelf, int] = {}
        self.expired: Counter[Shelf] = Counter()
        self.set_off_at: dict[AlertKey, int] = {}
        #: What has expired on shelves that the last sweep left.
        self.left: Counter[Shelf] = Counter()
        #: By how much operations changed sizes, where that is not to be seen from their results.
        self.changes: dict[int, Mapping[Shelf, int]] = {}
        #: The shelves that operations on pushes have taken a message off, by their places.
        self.ended: dict[int, Shelf] = {}
        #: By how much the uses of bodies change, by world.
        self._uses: dict[int, Counter[int]] = {}
        #: Queues by (world, name) without which the batch cannot be carried out.
        self.missing: list[tuple[int, str]] = []
        for index, operation in enumerate(batch.operations):
            self.kinds.setdefault(type(operation), []).append((index, operation))

    def run(self, first: Sequence[Lock], order: Sequence[Kind]) -> list[object]:
        """Carry all of it out, kind by kind in this order; a result for each operation.

        ``first`` is what comes before the catalogue's changes, if there is one of its kinds.
        """
        batch = self.batch
        if batch.high and not self.session.raise_high(batch.high):
            raise SlotLost
        for kinds, hold in first:
            if not kinds.isdisjoint(self.kinds):
                hold(self)
        for change in batch.changes:
            self.session.change(change)
        if Count in self.kinds:  # so that the size is exact
            self.sweep_up_to(SWEPT_BEFORE_COUNTING)
        self._carry_out(order)
        self._write_uses()
        self._write_counts()
        self._reshelf_and_count()
        return self.results

    def _carry_out(self, order: Sequence[Kind]) -> None:
        for kind, carry_out in order:
            if kind in self.kinds:
                carry_out(self)

    def _reshelf_and_count(self) -> None:
        moves = [move for change in self.batch.changes for move in change.reshelved]
        left = {(move.world, move.old) for move in moves}
        later = []
        for index, operation in self.all(Count):
            shelf = (operation.world, operation.shelf)
            if shelf in left:  # asked before the queue was cleared, so answered as it was then
                self.results[index] = self._count(shelf)
            else:
                later.append((index, shelf))
        for move in moves:
            self.session.reshelf_counts(*move)
        for index, shelf in later:
            self.results[index] = self._count(shelf)

    def _count(self, shelf: Shelf) -> tuple[int, int]:
        size, total = self.session.count(shelf)
        return size - self.left[shelf], total

    def also(self, index: int, operation: Operation) -> None:
        """Carry out one more operation, for the sake of the one whose result has that place.

        Its own result is of no interest; its kind comes later in the order.
        """
        self.kinds.setdefault(type(operation), []).append((index, operation))

    def all(self, kind: type[Op]) -> Iterator[tuple[int, Op]]:
        """Operations of a kind, each with the place of its result."""
        return iter(self.kinds.get(kind, ()))  # type: ignore[arg-type]

    def by_shelf(self, kind: type[Op]) -> dict[Shelf, list[tuple[int, Op]]]:
        """The same, by the shelf they are about; shelves in order, as all gateways lock them."""
        shelves: dict[Shelf, list[tuple[int, Op]]] = {}
        for index, operation in self.all(kind):
            shelf = (operation.world, operation.shelf)  # type: ignore[union-attr]
            shelves.setdefault(shelf, []).append((index, operation))
        return shelves if len(shelves) < 2 else dict(sorted(shelves.items()))

    def sweep_up_to(self, limit: int) -> tuple[int, tuple[tuple[int, str], ...]]:
        """Remove so many expired messages at most, but for those of queues with alerts.

        How many, and those queues' (world, name).
        """
        rows = self.session.expired(self.now, limit)
        gone = {(row[1], row[2]) for row in rows if row[3] != 3}
        watched = self.session.alerts.watched(gone)
        left = watched.keys() | self._busy(rows)
        if left:
            self.left = Counter((row[1], row[2]) for row in rows if (row[1], row[2]) in left)
            rows = [row for row in rows if (row[1], row[2]) not in left]
        removed = self.remove_expired(rows)
        return len(removed), tuple((world, name) for (world, _), name in watched.items())

    def _busy(self, rows: Sequence[ExpiredRow]) -> set[Shelf]:
        """Shelves of topics that another gateway is at: what has expired there is left.

        To wait for it, with so much in hand, is how two of them come to wait for each other.
        """
        keyed = {(row[1], row[2]) for row in rows if row[5] is not None}
        return keyed - self.session.try_topics(keyed) if keyed else keyed

    def remove_expired(self, found: Sequence[ExpiredRow]) -> list[ExpiredRow]:
        """Remove messages that have expired, and count them off: those that nobody else is at."""
        rows = self.session.take_expired(found, self.now)
        for world in {row[1] for row in rows}:
            self.remove(world, [(row[0], row[4]) for row in rows if row[1] == world])
        self._remember_pushes([row for row in rows if row[3] == PUSHED])
        gone = Counter((row[1], row[2]) for row in rows if row[3] != 3)
        keys: dict[Shelf, set[str]] = {}
        for _, world, shelf, state, _, key in rows:
            if key is not None and state < 2:
                keys.setdefault((world, shelf), set()).add(key)
        for where, n in gone.items():
            # A shelf that no queue uses any more has no counters, and must get none; one that a
            # queue has just begun to use may have none yet.
            if where in self.posts or self.session.has_counts(where):
                self.counts[where] -= n
                if where in keys:  # their heads may be among what is gone
                    self.session.set_heads(where, keys[where])
        return rows

    def _remember_pushes(self, pushed: Sequence[ExpiredRow]) -> None:
        """Have the entries removed of messages that expired while they were pushed."""
        for shelf in {(row[1], row[2]) for row in pushed}:
            ids = [row[0] for row in pushed if (row[1], row[2]) == shelf]
            self.session.pushes.remember(self.now, shelf, ids)

    def store(self, shelf: Shelf, rows: Sequence[PostRow]) -> None:
        """Put new messages on a shelf."""
        self.session.post(shelf, rows)
        self.counts[shelf] += len(rows)

    def remove(self, world: int, rows: Iterable[tuple[int, int]]) -> None:
        """Remove messages of a world, given as (id, body), for good."""
        rows = list(rows)
        if not rows:
            return
        self.session.remove(world, [row[0] for row in rows])
        self.release_bodies(world, (row[1] for row in rows))

    def release_bodies(self, world: int, bodies: Iterable[int]) -> None:
        """One use less of each body, as often as it is named; written at the batch's end."""
        self._uses_in(world).subtract(Counter(bodies))

    def share_bodies(self, world: int, copies: Mapping[int, int]) -> None:
        """More uses of each body, as many as this says; written at the batch's end."""
        self._uses_in(world).update(copies)

    def _uses_in(self, world: int) -> Counter[int]:
        return self._uses.setdefault(world, Counter())

    def _write_uses(self) -> None:
        """All together, and nothing is waited for after them but counters.

        Messages of many queues share bodies. Were they taken queue by queue, two gateways could
        each wait for what the other one has.
        """
        for world, uses in sorted(self._uses.items()):
            uses.pop(0, None)  # that of messages with small ones
            more, less = +uses, -uses
            if more:
                self.session.hold_bodies(world, [*more, *less])
                self.session.share_bodies(world, more)
            if less:
                self.session.release_bodies(world, less)

    def promote(self, shelf: Shelf, in_place: bool) -> None:
        """Make ready what has come due, once in a batch."""
        if shelf not in self.promoted:
            self.promoted.add(shelf)
            self.session.promote(shelf, self.now, in_place)

    def _write_counts(self) -> None:
        counts = [
            (*shelf, self.counts[shelf], self.posts[shelf])
            for shelf in self.counts.keys() | self.posts.keys()
            if self.counts[shelf] or self.posts[shelf]
        ]
        if counts:
            self.session.add_counts(counts)


#: A kind of operation, and what carries all of that kind out.
Kind = tuple[type, Callable[[Execution], None]]
#: What is held for operations of some kinds before anything is read, and what holds it.
Lock = tuple[frozenset[type], Callable[[Execution], None]]
