"""What is looked at before anything enters a batch: what no store could take fails alone."""

from __future__ import annotations

from collections.abc import Iterable

from mqgate.engine.errors import InvalidRequest
from mqgate.engine.ids import LARGEST
from mqgate.engine.names import check_names
from mqgate.engine.values import NewAlert, Wiring


def names_in(wiring: Wiring | None) -> tuple[str, ...]:
    """The names that would be stored of it."""
    return () if wiring is None else (wiring.exchange, wiring.queue, wiring.key)


def check_alerts(alerts: Iterable[NewAlert]) -> None:
    """Raise `InvalidRequest` for alerts with such names, or with impossible numbers."""
    for alert in alerts:
        check_names(alert.target)
        for number, least in ((alert.threshold, 1), (alert.snooze, 0)):
            if not least <= number <= LARGEST:
                raise InvalidRequest(f"{number} is not between {least} and {LARGEST}")
