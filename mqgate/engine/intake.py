"""What waits to enter a batch: in order of arrival, and no more than is good."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import attrs

from mqgate.engine.catalogue import Catalogue
from mqgate.engine.errors import Overloaded
from mqgate.engine.planning import Verb
from mqgate.engine.verbs import OnQueue


@attrs.frozen
class Limits:
    """How much enters one batch, and how much may wait to enter one."""

    batch_rows: int = 2000
    batch_bytes: int = 4 << 20
    #: A reserve or peek stops adding messages once it has so many bytes: an answer of a hundred
    #: large ones would hold everybody else up while it is written.
    answer_bytes: int = 8 << 20
    #: How many topics with values one world has.
    topics: int = 100_000
    #: So many messages are copied for a group's poll that may wait for them, and so many at a time
    #: in the background.
    copied_for_a_poll: int = 64
    copied_at_once: int = 1000
    waiting_operations: int = 10_000
    #: What waits behind a batch that the database has had for so many seconds is given up.
    patience: float = 10.0
    waiting_bytes: int = 64 << 20


class Intake:
    """Verbs on their way into a batch."""

    def __init__(self, limits: Limits, catalogue: Catalogue) -> None:
        self._limits = limits
        self._catalogue = catalogue
        self._verbs: deque[Verb[Any]] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        """How many verbs wait."""
        return len(self._verbs)

    def check(self, verb: Verb[Any]) -> None:
        """Raise `Overloaded` where too much waits already for this one to wait too."""
        if (
            len(self._verbs) >= self._limits.waiting_operations
            or self._bytes + verb.size > self._limits.waiting_bytes
        ):
            raise Overloaded("too much is waiting to be stored already")

    def add(self, verb: Verb[Any]) -> None:
        """Let a verb wait behind the others."""
        self._verbs.append(verb)
        self._bytes += verb.size

    def put_back(self, verbs: Sequence[Verb[Any]]) -> None:
        """Let verbs that were taken wait again, before the others."""
        self._verbs.extendleft(reversed(verbs))
        self._bytes += sum(each.size for each in verbs)

    def empty(self) -> list[Verb[Any]]:
        """Take out all."""
        verbs = list(self._verbs)
        self._verbs.clear()
        self._bytes = 0
        return verbs

    def next_verbs(self) -> list[Verb[Any]]:
        """Take out as many as make one batch."""
        verbs: list[Verb[Any]] = []
        rows = size = 0
        alerts = self._catalogue.has_alerts
        while self._verbs:
            verb = self._verbs[0]
            rows += verb.rows
            if alerts and isinstance(verb, OnQueue):
                rows += self._catalogue.alert_messages(*verb.key)
            size += verb.size
            if verbs and (rows > self._limits.batch_rows or size > self._limits.batch_bytes):
                break
            verbs.append(self._verbs.popleft())
            self._bytes -= verb.size
        return verbs
