"""Claiming pushes that are due: few of each lane, so that no lane keeps the others waiting."""

from __future__ import annotations

from collections.abc import Iterable

from mqgate.storage.executor.execution import Execution
from mqgate.storage.executor.upkeep import empty_shelf
from mqgate.storage.interface import Claimed, ClaimedPush, ClaimPushes, PushKey, ResumePushes
from mqgate.storage.interface.pushes import RESERVED
from mqgate.storage.push_session import Absent, DuePush

#: So many entries are looked at, those first that have been due for longest …
PAGE = 100
#: … and, if these were not all, so many lanes are looked into.
LANES = 64
#: Of what is found to be of no use, so much is removed on the way.
SLICE = 500


def resume(execution: Execution) -> None:
    """Have what was under way when this gateway ended be due again."""
    for _ in execution.all(ResumePushes):
        execution.session.pushes.resume(execution.now)


def claim(execution: Execution) -> None:
    """Claim what is due."""
    for index, operation in execution.all(ClaimPushes):
        execution.results[index] = _Look(execution, operation).run()


class _Look:
    """One look at what is due."""

    def __init__(self, execution: Execution, operation: ClaimPushes) -> None:
        self._execution = execution
        self._pushes = execution.session.pushes
        self._asked = operation
        self._room = operation.room
        self._size = operation.size
        self._busy = dict(operation.busy)
        self._claimed: list[ClaimedPush] = []
        #: What is in nobody's queue any more, or has expired.
        self._useless: set[PushKey] = set()
        self._left = False

    def run(self) -> Claimed:
        """Look, and tell what was claimed."""
        now, after = self._execution.now, ""
        page = self._pushes.due(now, PAGE)
        self._take(page)
        more = len(page) == PAGE
        if more and self._has_room():
            after = self._look_into_lanes()
        again = bool(after or self._useless) and self._has_room()
        self._clean()
        return Claimed(
            tuple(self._claimed),
            self._pushes.next_due(now),
            self._left or more,
            again,
            after,
        )

    def _look_into_lanes(self) -> str:
        """Take what is due in each of the next lanes; the last of them if there may be more."""
        lanes = self._pushes.lanes(self._asked.after, LANES)
        for lane in lanes:
            free = min(self._free(lane), self._room)
            if free > 0:
                # What this look has claimed is due no more.
                self._take(self._pushes.due_in_lane(lane, self._execution.now, free))
            if not self._has_room():
                return lane
        return lanes[-1] if len(lanes) == LANES else ""

    def _take(self, found: Iterable[DuePush]) -> None:
        for lane, key in found:
            if not self._has_room() or self._free(lane) <= 0:
                self._left = True
            elif key not in self._useless:
                self._claim(lane, key)

    def _claim(self, lane: str, key: PushKey) -> None:
        push = self._pushes.find(key, self._execution.now)
        if not isinstance(push, ClaimedPush):
            if push is Absent.USELESS:
                self._useless.add(key)
            return
        # What lapsed was counted when it began, as are the later targets of a try.
        begins = push.status != RESERVED and push.step == 0
        push = push._replace(claim=self._asked.claim, tries=push.tries + begins)
        self._pushes.claim(push, self._asked.until)
        self._claimed.append(push)
        self._room -= 1
        self._size -= len(push.body)
        self._busy[lane] = self._busy.get(lane, 0) + 1

    def _has_room(self) -> bool:
        return self._room > 0 and self._size > 0

    def _free(self, lane: str) -> int:
        return self._asked.per_lane - self._busy.get(lane, 0)

    def _clean(self) -> None:
        """Remove messages that nobody can find any more: else they would be looked at again."""
        if not self._useless:
            return
        self._execution.sweep_up_to(SLICE)
        self._pushes.forget(self._execution.now, SLICE)
        left = set(self._execution.session.old_shelves(SLICE))
        for shelf in {key[:2] for key in self._useless} & left:
            empty_shelf(self._execution, shelf, SLICE)
