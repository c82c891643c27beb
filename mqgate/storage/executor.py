"""Carries a batch out against any database: groups operations, deals the results out again.

Operations of one kind on one queue become one statement. That is legal because all of them are
unanswered, so concurrent; the order of the kinds (acknowledgements, posts, reserves, reads) lets
a waiting reserve see what came with it (docs/architecture.md).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import islice
from typing import TypeVar

from mqgate.storage.interface import (
    Batch,
    Count,
    Delete,
    EmptyShelves,
    Forget,
    Get,
    GiveBack,
    LeaseLost,
    Memory,
    MessageRow,
    Operation,
    Peek,
    Post,
    Probe,
    PutBack,
    Release,
    Reserve,
    Reserved,
    Stale,
    Sweep,
    Swept,
    Touch,
)
from mqgate.storage.session import RawRow, Session, Shelf

Op = TypeVar("Op", bound=Operation)

#: A count first removes up to so many messages that have expired.
SWEPT_BEFORE_COUNTING = 1000
#: As many shelves are looked at in one step, however empty they are.
SHELVES_AT_ONCE = 100


def execute(session: Session, batch: Batch) -> list[object] | Stale:
    """Carry ``batch`` out inside a transaction that the caller begins and ends.

    A `Stale` result means that nothing was written. Raises `LeaseLost`, or whatever the database
    raises; the caller rolls back.
    """
    stale = _outdated(session, batch)
    if stale is not None:
        return stale
    return _Execution(session, batch).run()


def _outdated(session: Session, batch: Batch) -> Stale | None:
    current = session.versions([world for world, _ in batch.versions])
    newer = [
        session.newer(world, version)
        for world, version in batch.versions
        if current[world] != version
    ]
    return Stale(tuple(newer)) if newer else None


class _Execution:
    """One batch on its way through the database."""

    def __init__(self, session: Session, batch: Batch) -> None:
        self.session = session
        self.batch = batch
        self.now = batch.now
        self.results: list[object] = [None] * len(batch.operations)
        self.kinds: dict[type, list[tuple[int, Operation]]] = {}
        self.counts: Counter[Shelf] = Counter()
        self.posts: Counter[Shelf] = Counter()
        self.promoted: set[Shelf] = set()
        for index, operation in enumerate(batch.operations):
            self.kinds.setdefault(type(operation), []).append((index, operation))

    def run(self) -> list[object]:
        batch = self.batch
        if batch.high and not self.session.raise_high(batch.high):
            raise LeaseLost("another gateway has taken this one's slot")
        for change in batch.changes:
            self.session.change(change)
        kinds = self.kinds
        if Count in kinds:  # so that the size is exact
            self._sweep_up_to(SWEPT_BEFORE_COUNTING)
        for kind, carry_out in _ORDER:
            if kind in kinds:
                carry_out(self)
        self._write_counts()
        self._reshelf_and_count()
        return self.results

    def _reshelf_and_count(self) -> None:
        moves = [move for change in self.batch.changes for move in change.reshelved]
        left = {(move.world, move.old) for move in moves}
        later = []
        for index, operation in self._all(Count):
            shelf = (operation.world, operation.shelf)
            if shelf in left:  # asked before the queue was cleared, so answered as it was then
                self.results[index] = self.session.count(shelf)
            else:
                later.append((index, shelf))
        for move in moves:
            self.session.reshelf_counts(*move)
        for index, shelf in later:
            self.results[index] = self.session.count(shelf)

    def _all(self, kind: type[Op]) -> Iterator[tuple[int, Op]]:
        return iter(self.kinds.get(kind, ()))  # type: ignore[arg-type]

    def _by_shelf(self, kind: type[Op]) -> dict[Shelf, list[tuple[int, Op]]]:
        shelves: dict[Shelf, list[tuple[int, Op]]] = {}
        for index, operation in self._all(kind):
            shelf = (operation.world, operation.shelf)  # type: ignore[union-attr]
            shelves.setdefault(shelf, []).append((index, operation))
        return shelves

    # -- upkeep

    def _sweep(self) -> None:
        for index, operation in self._all(Sweep):
            swept = self._sweep_up_to(operation.limit)
            self.results[index] = Swept(swept, self.session.next_expiry())

    def _sweep_up_to(self, limit: int) -> int:
        rows = self.session.expired(self.now, limit)
        self._remove((row[0], row[4]) for row in rows)
        gone = Counter((row[1], row[2]) for row in rows if row[3] != 3)
        for shelf, n in gone.items():
            # A shelf that no queue uses any more has no counters, and must get none.
            if self.session.has_counts(shelf):
                self.counts[shelf] -= n
        return len(rows)

    def _empty_shelves(self) -> None:
        for index, operation in self._all(EmptyShelves):
            room = operation.limit
            shelves = self.session.old_shelves(SHELVES_AT_ONCE)
            for shelf in shelves:
                rows = self.session.rows_of_shelf(shelf, room)
                self._remove(rows)
                room -= len(rows)
                if not room:
                    break
                self.session.forget_shelf(shelf)
            self.results[index] = not room or len(shelves) == SHELVES_AT_ONCE

    def _forget(self) -> None:
        for index, operation in self._all(Forget):
            self.results[index] = self.session.forget_queues(operation.before, operation.limit)

    def _probe(self) -> None:
        if not self.batch.high:
            self.session.raise_high(0)

    def _remove(self, rows: Iterable[tuple[int, int]]) -> None:
        rows = list(rows)
        if not rows:
            return
        self.session.remove([row[0] for row in rows])
        self.session.release_bodies(Counter(row[1] for row in rows))

    # -- acknowledgements

    def _delete(self) -> None:
        for shelf, operations in self._by_shelf(Delete).items():
            for memory in {operation.memory for _, operation in operations}:
                same = [each for each in operations if each[1].memory == memory]
                self._delete_alike(shelf, same, memory)

    def _delete_alike(
        self, shelf: Shelf, operations: list[tuple[int, Delete]], memory: Memory | None
    ) -> None:
        ids = [each for _, operation in operations for each in operation.ids]
        if memory:
            there = set(self.session.mark_deleted(shelf, ids, self.now, memory))
        else:
            rows = self.session.delete(shelf, ids, self.now)
            self.session.release_bodies(Counter(body for _, body in rows))
            there = {row[0] for row in rows}
        self.counts[shelf] -= len(there)
        for index, operation in operations:
            # Two callers may delete one message at once: only the first finds it.
            mine = tuple(each for each in dict.fromkeys(operation.ids) if each in there)
            there.difference_update(mine)
            self.results[index] = mine

    def _touch(self) -> None:
        for shelf, operations in self._by_shelf(Touch).items():
            there = self.session.touch(shelf, [op.id for _, op in operations], self.now)
            for index, operation in operations:
                self.results[index] = there.get(operation.id)

    def _release(self) -> None:
        for shelf, operations in self._by_shelf(Release).items():
            there = self.session.release(shelf, [op for _, op in operations], self.now)
            for (index, _), found in zip(operations, there, strict=True):
                self.results[index] = found

    def _give_back(self) -> None:
        for shelf, operations in self._by_shelf(GiveBack).items():
            for index, operation in operations:
                self.results[index] = self.session.give_back(shelf, operation.deliveries, self.now)

    def _put_back(self) -> None:
        for shelf, operations in self._by_shelf(PutBack).items():
            for index, operation in operations:
                restored = self.session.put_back(shelf, operation.rows, self.now)
                self.counts[shelf] += restored
                self.results[index] = restored

    # -- posts

    def _post(self) -> None:
        for shelf, operations in self._by_shelf(Post).items():
            rows = [row for _, operation in operations for row in operation.rows]
            self.session.post(shelf, rows)
            self.counts[shelf] += len(rows)
            self.posts[shelf] += len(rows)

    # -- reserves and reads

    def _promote(self, shelf: Shelf, in_place: bool) -> None:
        if shelf not in self.promoted:
            self.promoted.add(shelf)
            self.session.promote(shelf, self.now, in_place)

    def _reserve(self) -> None:
        for shelf, operations in self._by_shelf(Reserve).items():
            self._promote(shelf, operations[0][1].in_place)
            shares = self._shares(shelf, operations)
            leases: dict[int | None, list[int]] = {}
            for (index, operation), share in zip(operations, shares, strict=True):
                if share and operation.remove:
                    self._remove_handed_out(shelf, operation, share)
                elif share:
                    leases.setdefault(operation.lease, []).extend(row.id for row in share)
                self.results[index] = Reserved(tuple(share), None)
            for lease, ids in leases.items():
                self.session.reserve(ids, lease, self.now)
            if not all(shares):  # told after the leases, which come due too
                nothing = Reserved((), self.session.next_due(shelf, self.now))
                for (index, _), share in zip(operations, shares, strict=True):
                    if not share:
                        self.results[index] = nothing

    def _shares(
        self, shelf: Shelf, operations: list[tuple[int, Reserve]]
    ) -> list[list[MessageRow]]:
        """First come, first served: each takes its share in the order of the queue."""
        wanted = sum(operation.n for _, operation in operations)
        with closing(self.session.ready(shelf, wanted, self.now)) as rows:
            return [
                [self._handed_out(row, operation) for row in _taken(rows, operation)]
                for _, operation in operations
            ]

    def _handed_out(self, row: RawRow, operation: Reserve) -> MessageRow:
        id_, _, pos, _, expires, timeout, _, times, first_at, *rest = row
        lease = timeout if operation.lease is None else operation.lease
        return MessageRow(
            id_,
            1,
            pos,
            self.now + lease,
            expires,
            timeout,
            lease,
            times + 1,
            first_at or self.now,
            *rest,
        )

    def _remove_handed_out(self, shelf: Shelf, operation: Reserve, share: list[MessageRow]) -> None:
        self.counts[shelf] -= len(share)
        if operation.memory:
            self.session.hand_out_deleted(share, self.now, operation.memory)
        else:
            self._remove((row.id, row.body) for row in share)

    def _peek(self) -> None:
        for index, operation in self._all(Peek):
            shelf = (operation.world, operation.shelf)
            self._promote(shelf, operation.in_place)
            with closing(self.session.ready(shelf, operation.n, self.now)) as rows:
                self.results[index] = tuple(map(MessageRow._make, _taken(rows, operation)))

    def _get(self) -> None:
        for index, operation in self._all(Get):
            self.results[index] = self.session.get(operation, self.now)

    def _write_counts(self) -> None:
        counts = [
            (*shelf, self.counts[shelf], self.posts[shelf])
            for shelf in self.counts.keys() | self.posts.keys()
            if self.counts[shelf] or self.posts[shelf]
        ]
        if counts:
            self.session.add_counts(counts)


def _taken(rows: Iterator[RawRow], operation: Reserve | Peek) -> list[RawRow]:
    """The next rows, as many and as large as they may be; one at least."""
    taken = []
    room = operation.size
    for row in islice(rows, operation.n):
        taken.append(row)
        room -= len(row[-1])
        if room <= 0:
            break
    return taken


#: The kinds in the order in which they are carried out; `Count` comes last of all, on its own.
_ORDER: tuple[tuple[type, Callable[[_Execution], None]], ...] = (
    (Sweep, _Execution._sweep),
    (EmptyShelves, _Execution._empty_shelves),
    (Forget, _Execution._forget),
    (Probe, _Execution._probe),
    (Delete, _Execution._delete),
    (Touch, _Execution._touch),
    (Release, _Execution._release),
    (GiveBack, _Execution._give_back),
    (PutBack, _Execution._put_back),
    (Post, _Execution._post),
    (Reserve, _Execution._reserve),
    (Peek, _Execution._peek),
    (Get, _Execution._get),
)
