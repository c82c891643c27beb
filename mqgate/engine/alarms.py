"""What a batch in the making has to know of alerts: whose may be set off, and what they post."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from mqgate.engine.values import NEVER, READY, Alert, Letter
from mqgate.storage import interface as store
from mqgate.storage.interface import LEVELS, QueueRow

#: A message as a queue has it, and its deliveries if the queue pushes it.
Spread = Callable[[QueueRow, store.PostRow], tuple[store.PostRow, tuple[store.PushRow, ...]]]
#: A queue by its name, if there is one.
Find = Callable[[str], QueueRow | None]


def alert_of(alert: store.Alert) -> Alert:
    """A stored alert as the engine's users see it."""
    id_, progressive, descending, threshold, target, snooze, _ = alert
    return Alert(progressive, descending, threshold, target, snooze, id=id_)


def messages_at_most(queue: QueueRow, find: Find, levels: int = LEVELS) -> int:
    """How many messages one change of a queue's size may bring about, in all queues."""
    count = 0
    for alert in queue.alerts:
        count += 1
        if levels > 1:
            target = find(alert.target)
            if target is not None and target.alerts:
                count += messages_at_most(target, find, levels - 1)
    return count


def within_reach(queue: QueueRow, find: Find, levels: int = LEVELS) -> dict[int, QueueRow]:
    """The queues, by number, whose alerts a change of this one's size may set off; itself too."""
    reached = {queue.number: queue}
    for _ in range(levels - 1):
        targets = [find(alert.target) for row in reached.values() for alert in row.alerts]
        reached |= {row.number: row for row in targets if row is not None and row.alerts}
    return reached


class Watching:
    """The queues with alerts whose sizes a world's part of a batch may change."""

    def __init__(self, world: int) -> None:
        self._world = world
        self._rows: dict[int, QueueRow] = {}
        self._changes: Counter[int] = Counter()
        #: The shelves of each, in the order in which the operations know it by them.
        self._shelves: dict[int, dict[int, None]] = {}
        #: The ids of alerts that the batch adds.
        self._new: set[int] = set()
        #: The names of targets that are not there and cannot be made.
        self._silent: set[str] = set()

    def add(self, queue: QueueRow) -> None:
        """One more operation may change the size of this queue."""
        self._rows[queue.number] = queue
        self._changes[queue.number] += 1
        self._shelves.setdefault(queue.number, {})[queue.shelf] = None

    def renew(self, before: QueueRow, queue: QueueRow) -> None:
        """The queue has other alerts than before: they go for the whole of the batch."""
        self._new |= {alert.id for alert in queue.alerts if alert not in before.alerts}
        if queue.alerts:
            self.add(queue)
        elif queue.number in self._rows:
            self._rows[queue.number] = queue

    def silence(self, target: str) -> None:
        """This target cannot be made: its alerts post nothing."""
        self._silent.add(target)

    def targets(self, find: Find) -> dict[str, str]:
        """The names of the queues that may get messages, with the policy each is made with."""
        reached = self._reached(find).values()
        return {alert.target: alert.policy for queue in reached for alert in queue.alerts}

    def messages(self, find: Find) -> int:
        """How many messages there may be: expiry is one more change, also of a target."""
        count = 0
        for queue in self._reached(find).values():
            count += messages_at_most(queue, find) * (self._changes[queue.number] + 1)
        return count

    def queues(
        self,
        find: Find,
        letter: Callable[[QueueRow, store.Alert], Letter],
        limit: Callable[[QueueRow], int],
        spread: Spread,
        now: int,
    ) -> list[store.Watched]:
        """What the store has to know of them.

        ``limit`` is told of each target, and tells when messages there are gone at the latest;
        ``spread`` tells how a message is pushed from there.
        """

        def bell(queue: QueueRow, alert: store.Alert) -> store.Bell:
            target, text = find(alert.target), letter(queue, alert)
            latest = NEVER if target is None else limit(target)
            expires = latest if text.expires_in is None else min(latest, now + text.expires_in)
            row = store.PostRow(0, READY, 0, 0, expires, text.timeout, None, b"")
            pushes: tuple[store.PushRow, ...] = ()
            if target is not None:
                row, pushes = spread(target, row)
            shelf = None if target is None else target.shelf
            is_new = alert.id in self._new
            return store.Bell(alert, shelf, text.before, text.after, row, is_new, pushes)

        return [
            store.Watched(
                self._world,
                queue.number,
                tuple(self._shelves.get(queue.number, (queue.shelf,))),
                tuple(
                    bell(queue, alert) for alert in queue.alerts if alert.target not in self._silent
                ),
            )
            for queue in self._reached(find).values()
            if queue.alerts
        ]

    def _reached(self, find: Find) -> dict[int, QueueRow]:
        reached: dict[int, QueueRow] = {}
        # A queue that the batch removes is among them: what came before that sets its alerts off.
        for queue in self._rows.values():
            reached |= within_reach(queue, find)
        return reached
