"""Who waits for a queue hears what happens to it: here at once, elsewhere after the commit."""

from __future__ import annotations

from collections.abc import Iterable

from mqgate.engine.planning import Plan
from mqgate.engine.reserving import Reserve
from mqgate.engine.waiting import WOKEN_AT_ONCE, LineKey, Lines
from mqgate.storage.interface import Store


class Tidings:
    """What batches make available, or will: for those in line here, and for other gateways.

    What is noted for the others is told them with `send`, once for a batch.
    """

    def __init__(self, store: Store, lines: Lines[Reserve]) -> None:
        self._store = store
        self._lines = lines
        self._noted: set[LineKey] = set()

    def note_due(self, key: LineKey, due: int) -> None:
        """A message comes due then, and nobody may know of it yet."""
        self._lines.note_due(key, due)
        self.note((key,))

    def wake(self, key: LineKey) -> None:
        """There is something, nobody knows how much: some of those who wait are to look."""
        self._lines.wake(key, WOKEN_AT_ONCE)
        self.note((key,))

    def note(self, keys: Iterable[LineKey]) -> None:
        """The same for other gateways alone."""
        if self._store.shared:
            self._noted.update(keys)

    def planned(self) -> None:
        """A batch is planned now."""
        self._lines.planned()

    def called(self, plan: Plan) -> list[Reserve]:
        """Take those out of their lines who are next in turn for what a batch makes available."""
        return self._lines.called(plan.readied, plan.tagged)

    def left(self, plan: Plan, takers: Iterable[Reserve]) -> set[LineKey]:
        """The lines for which a batch makes more available than its own takers take.

        Nearly all of what comes where somebody waits for it is taken by the same commit: whoever
        else was told of it would look in vain.
        """
        if not self._store.shared:
            return set()
        left = plan.readied.copy()
        left.update({key: len(tags) for key, tags in plan.tagged.items()})
        for taker in takers:
            left[taker.key] -= 1 if taker.tags else taker.n
        return {key for key, messages in left.items() if messages > 0}

    def send(self) -> None:
        """Tell the others."""
        if self._noted:
            noted, self._noted = self._noted, set()
            self._store.announce(noted)
