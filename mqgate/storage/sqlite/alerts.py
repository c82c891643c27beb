"""The statements of `mqgate.storage.statements.alerts`, run on one SQLite connection."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence

from mqgate.storage.alert_session import AlertKey, QueueKey
from mqgate.storage.interface import Alert, Change
from mqgate.storage.session import Shelf
from mqgate.storage.statements import alerts as sql


class SQLiteAlerts:
    """Implements `mqgate.storage.alert_session.AlertSession`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute
        self._executemany = connection.executemany

    def since(self, world: int, version: int) -> dict[int, tuple[Alert, ...]]:
        """The alerts of queues whose rows are newer than a version, by the queues' numbers."""
        found: defaultdict[int, list[Alert]] = defaultdict(list)
        for queue, id_, progressive, descending, *rest in self._execute(
            sql.ALERTS.sqlite, (world, version)
        ):
            found[queue].append(Alert(id_, bool(progressive), bool(descending), *rest))
        return {queue: tuple(sorted(alerts)) for queue, alerts in found.items()}

    def change(self, change: Change) -> None:
        """Write the alerts of the queues that have other ones now."""
        for row in change.queues:
            if row.number in change.alerts_of:
                key = (row.world, row.number)
                ids = json.dumps([alert.id for alert in row.alerts])
                self._execute(sql.DROP_OTHERS.sqlite, (*key, ids))
                self._executemany(sql.ADD.sqlite, [(*key, *alert) for alert in row.alerts])

    def lock(self, queues: Sequence[QueueKey]) -> dict[AlertKey, int]:
        # The transaction has the whole file to itself already.
        return {
            (world, queue, id_): fired_at
            for key in queues
            for world, queue, id_, fired_at in self._execute(sql.FIRED_AT.sqlite, key)
        }

    def set_off(self, alerts: Iterable[AlertKey], now: int) -> None:
        self._executemany(sql.SET_OFF.sqlite, [(now, *key) for key in alerts])

    def watched(self, shelves: Iterable[Shelf]) -> dict[Shelf, str]:
        found: dict[Shelf, str] = {}
        asked = list(shelves)
        if not asked or self._execute(sql.ANY.sqlite).fetchone() is None:
            return found
        for shelf in asked:
            row = self._execute(sql.ALERTED.sqlite, shelf).fetchone()
            if row is not None:
                found[shelf] = row[0]
        return found
