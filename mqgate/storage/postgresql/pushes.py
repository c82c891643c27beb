"""The statements of `mqgate.storage.statements.pushes`, on one connection to PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from mqgate.storage.interface import (
    SLOT_SHIFT,
    ClaimedPush,
    PushKey,
    PushRow,
    PushStatus,
    SettlePush,
    ShowPushes,
)
from mqgate.storage.postgresql.line import Line
from mqgate.storage.postgresql.remembering import NOTES_AT_ONCE, TOGETHER, Remembered
from mqgate.storage.postgresql.taking import by_world, take
from mqgate.storage.push_rows import due, dumped, found, shown
from mqgate.storage.push_session import Absent, DuePush, Shelf
from mqgate.storage.statements import pushes as sql


class PostgreSQLPushes:
    """Implements `mqgate.storage.push_session.PushSession`.

    Who claims an entry, or removes what is of no use, passes over rows that somebody else is at,
    and so waits for nobody. Who ends entries has the rows of their messages, taken before all
    others and in order; the entries themselves he may have to wait for, but only for one who
    claims them.
    """

    def __init__(self, line: Line, slot: int, remembered: Remembered) -> None:
        self._ask = line.ask
        self._slot = slot
        self._remembered = remembered

    def add(self, shelf: Shelf, rows: Sequence[PushRow]) -> None:
        if not rows:
            return
        columns = []
        for message, subscriber, number, targets, via, error_queue, *times, next_at in rows:
            url, lane, _ = targets[0]
            entry = (message, subscriber, number, dumped(targets), via, error_queue)
            columns.append((*entry, *times, url, lane, next_at))
        self._ask(sql.ADD, (*shelf, *zip(*columns, strict=True)))

    def show(self, show: ShowPushes, now: int) -> tuple[PushStatus, ...] | None:
        world, shelf, memory_shelf, message = show
        values = (message, world, shelf, memory_shelf, now)
        return shown(self._ask(sql.SHOW.postgresql, values).all())

    # -- claiming

    def resume(self, now: int) -> None:
        # What another gateway has claimed since its time ran out is under another number.
        self._ask(sql.RESUME.postgresql, (now, SLOT_SHIFT, self._slot))

    def due(self, now: int, limit: int) -> list[DuePush]:
        # Without a lock: they are more than are claimed, and the rest is for others.
        return due(self._ask(sql.DUE.postgresql, (now, limit)).all())

    def lanes(self, after: str, limit: int) -> list[str]:
        return [row[0] for row in self._ask(sql.LANES.postgresql, (after, limit)).all()]

    def due_in_lane(self, lane: str, now: int, limit: int) -> list[DuePush]:
        return due(self._ask(sql.DUE_IN_LANE.postgresql, (lane, now, limit)).all())

    def next_due(self, now: int) -> int | None:
        row = self._ask(sql.NEXT_DUE.postgresql, (now,)).one()
        return None if row is None else row[0]

    def find(self, key: PushKey, now: int) -> ClaimedPush | Absent:
        row = self._ask(sql.FIND.postgresql, (now, *key)).one()
        return Absent.TAKEN if row is None else found(key, row)

    def claim(self, push: ClaimedPush, until: int) -> None:
        self._ask(sql.CLAIM.postgresql, (push.claim, until, push.tries, *push.key))

    # -- what comes of it

    def hold(self, messages: Collection[tuple[int, int]]) -> None:
        for world, ids in by_world((message, world) for world, message in messages):
            self._ask(sql.LOCK_MESSAGES, (world, sorted(ids)))

    def settle(self, settle: SettlePush) -> bool:
        key, claim, *progress, target, failures, _, _ = settle
        written = (*progress, *target[:2], dumped(failures) if failures else None, *key, claim)
        return self._ask(sql.SETTLE.postgresql, written).count() == 1

    def acknowledge(self, key: PushKey) -> bool:
        return self._ask(sql.ACKNOWLEDGE.postgresql, key).count() == 1

    def is_known(self, key: PushKey, memory_shelf: int, now: int) -> bool:
        world, shelf, message, subscriber = key
        values = (world, shelf, memory_shelf, message, subscriber, now)
        return self._ask(sql.IS_KNOWN.postgresql, values).one() is not None

    def left(self, shelf: Shelf, message: int) -> tuple[int, int]:
        row = self._ask(sql.LEFT.postgresql, (*shelf, message)).one()
        assert row is not None
        return row[0], row[1]

    # -- messages in state 4

    def pushed(self, shelf: Shelf, ids: Sequence[int], now: int) -> list[tuple[int, int]]:
        world, queue = shelf
        rows = self._ask(sql.PUSHED.postgresql, (ids, world, queue, now)).all()
        return [(id_, body) for id_, body in rows]

    def finish(self, shelf: Shelf, messages: Sequence[int], memory_shelf: int, until: int) -> None:
        world, _ = shelf
        values = (memory_shelf, until, world, messages)
        rows = self._ask(sql.FINISH_MESSAGES.postgresql, values).all()
        for message in messages:
            self._ask(sql.FINISH_ENTRIES.postgresql, (memory_shelf, *shelf, message))
        expiring: dict[int, list[int]] = {}
        for message, expires in rows:
            expiring.setdefault(expires, []).append(message)
        for expires, finished in expiring.items():
            self._remembered.note(world, expires, finished)
            self.remember(expires, (world, memory_shelf), finished)

    def drop_oldest(self, shelf: Shelf, n: int) -> list[tuple[int, int, int]]:
        rows = self._ask(sql.OLDEST.postgresql, (*shelf, n)).all()
        for id_, *_ in rows:
            self._ask(sql.DROP.postgresql, (*shelf, id_))
        return [(id_, body, size) for id_, body, size in rows]

    def empty(self, shelf: Shelf, limit: int) -> tuple[int, list[tuple[int, int]]]:
        entries = self._ask(sql.OF_SHELF.postgresql, (*shelf, limit)).all()
        if not entries:
            return 0, []
        self._drop(shelf, entries)
        messages = list(dict.fromkeys(message for message, _ in entries))
        return len(entries), self.pushed(shelf, messages, -1)

    def _drop(self, shelf: Shelf, entries: Sequence[tuple[int, ...]]) -> None:
        """Remove entries, given as (message, subscriber), which are locked."""
        subscribers: dict[int, list[int]] = {}
        for message, subscriber in entries:
            subscribers.setdefault(message, []).append(subscriber)
        for message, mine in subscribers.items():
            self._ask(sql.DROP_THESE, (*shelf, message, mine))

    # -- entries whose messages are gone

    def remember(self, until: int, shelf: Shelf, messages: Sequence[int]) -> None:
        for start in range(0, len(messages), TOGETHER):
            ids = list(messages[start : start + TOGETHER])
            self._ask(sql.REMEMBER.postgresql, (until, *shelf, ids))

    def next_lapse(self) -> int | None:
        """When there are entries to be removed next."""
        row = self._ask(sql.NEXT_LAPSE.postgresql).one()
        return None if row is None else row[0]

    def forget(self, now: int, limit: int) -> int:
        left = limit
        for number, world, queue, messages in self._lapsed(now) if limit > 0 else ():
            shelf = (world, queue)
            entries = self._ask(sql.OF_MESSAGES, (messages, *shelf, left)).all()
            if entries:
                self._drop(shelf, entries)
                left -= len(entries)
            if self._ask(sql.ANY_LEFT, (messages, *shelf)).one() is not None:
                break  # for the next time: there are more, or somebody else is at them
            self._ask(sql.DROP_REMEMBERED.postgresql, (world, number))
            if left <= 0:
                break
        return limit - left

    def _lapsed(self, now: int) -> Iterator[tuple[int, int, int, list[int]]]:
        """Notes whose time is over, but for those that others are at.

        Each is taken when it is asked for; whoever asks for the next one has removed it.
        """
        taken = True
        while taken:
            taken = False
            for key in self._ask(sql.LAPSED.postgresql, (now, NOTES_AT_ONCE)).all():
                for note in take(self._ask, sql.TAKE_NOTES, [key]):
                    taken = True
                    yield note
