"""The statements of `mqgate.storage.statements.alerts`, on one connection to PostgreSQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from mqgate.storage.alert_session import AlertKey, QueueKey
from mqgate.storage.interface import Alert, Change
from mqgate.storage.postgresql.line import Line
from mqgate.storage.session import Shelf
from mqgate.storage.statements import alerts as sql


class PostgreSQLAlerts:
    """Implements `mqgate.storage.alert_session.AlertSession`."""

    def __init__(self, line: Line) -> None:
        self._ask = line.ask

    def since(self, world: int, version: int) -> dict[int, tuple[Alert, ...]]:
        """The alerts of queues whose rows are newer than a version, by the queues' numbers."""
        found: defaultdict[int, list[Alert]] = defaultdict(list)
        for queue, id_, progressive, descending, *rest in self._ask(
            sql.ALERTS.postgresql, (world, version)
        ).all():
            found[queue].append(Alert(id_, bool(progressive), bool(descending), *rest))
        return {queue: tuple(sorted(alerts)) for queue, alerts in found.items()}

    def change(self, change: Change) -> None:
        """Write the alerts of the queues that have other ones now.

        Nobody else is at them: whoever goes by a queue's alerts relies on the catalogue of its
        world, which this transaction has to itself.
        """
        for row in change.queues:
            if row.number in change.alerts_of:
                key = (row.world, row.number)
                ids = [alert.id for alert in row.alerts]
                self._ask(sql.DROP_OTHERS.postgresql, (*key, ids))
                for id_, progressive, descending, *rest in row.alerts:
                    values = (*key, id_, int(progressive), int(descending), *rest)
                    self._ask(sql.ADD.postgresql, values)

    def lock(self, queues: Sequence[QueueKey]) -> dict[AlertKey, int]:
        # Everybody who changes the size of such a queue does this before he reads it, and in this
        # order. A row that had to be waited for is read as it is then.
        answers = [self._ask(sql.FIRED_AT.postgresql, key) for key in sorted(queues)]
        return {
            (world, queue, id_): fired_at
            for answer in answers
            for world, queue, id_, fired_at in answer.all()
        }

    def set_off(self, alerts: Iterable[AlertKey], now: int) -> None:
        for key in alerts:
            self._ask(sql.SET_OFF.postgresql, (now, *key))

    def watched(self, shelves: Iterable[Shelf]) -> dict[Shelf, str]:
        # They are of worlds whose catalogue nobody changes now, so no alert comes in between.
        asked = list(shelves)
        if not asked or self._ask(sql.ANY.postgresql).one() is None:
            return {}
        answers = [(shelf, self._ask(sql.ALERTED.postgresql, shelf)) for shelf in asked]
        found = ((shelf, answer.one()) for shelf, answer in answers)
        return {shelf: row[0] for shelf, row in found if row is not None}
