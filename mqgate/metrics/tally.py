"""Counting while requests are served: a few additions each, and nothing that locks.

What is counted here is put into Prometheus' words only when somebody asks (`exposition`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

import attrs

from mqgate.web.values import Asked, Fault, Watch

#: Upper bounds, in seconds.
REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
COMMIT_SECONDS = (0.0005, *REQUEST_SECONDS)
PUSH_SECONDS = (*REQUEST_SECONDS, 30.0, 60.0)
BATCH_OPERATIONS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class Histogram:
    """How many values were at most each of the bounds, and their sum."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        #: For each bound, the values above the one before it; the last, those above them all.
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


@attrs.define(eq=False)
class Answers:
    """The answers of one status to one operation."""

    #: That of all answers to the operation.
    seconds: Histogram
    count: int = 0


class Requests:
    """Counts answers and refusals; a `Watch` of the HTTP room."""

    def __init__(self) -> None:
        #: By door, operation and status.
        self.answers: dict[tuple[str, str, int], Answers] = {}
        #: How long it took, by door and operation.
        self.seconds: dict[tuple[str, str], Histogram] = {}
        #: By kind.
        self.refusals: dict[str, int] = {}

    def answered(self, asked: Asked, door: str, status: int, size: int, seconds: float) -> None:
        """See `Watch`."""
        operation = asked.operation
        answers = self.answers.get((door, operation, status))
        if answers is None:
            answers = self._begin(door, operation, status)
        answers.count += 1
        # How long one waits that may wait is for clients to say, not a sign of our speed.
        if not asked.waits:
            histogram = answers.seconds
            histogram.counts[bisect_left(REQUEST_SECONDS, seconds)] += 1
            histogram.sum += seconds

    def refused(self, fault: Fault) -> None:
        """See `Watch`."""
        self.refusals[fault.kind] = self.refusals.get(fault.kind, 0) + 1

    def _begin(self, door: str, operation: str, status: int) -> Answers:
        histogram = self.seconds.setdefault((door, operation), Histogram(REQUEST_SECONDS))
        answers = self.answers[door, operation, status] = Answers(histogram)
        return answers


class Batches:
    """Counts the engine's batches; its `Observer`."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._began = 0.0
        self._size = 0
        self.committed = 0
        self.failed = 0
        self.operations = Histogram(BATCH_OPERATIONS)
        #: From handing a batch to the store until its commit was heard of.
        self.seconds = Histogram(COMMIT_SECONDS)

    def batch_began(self, operations: int) -> None:
        """See `Observer`."""
        self._began = self._seconds()
        self._size = operations

    def batch_ended(self, committed: bool) -> None:
        """See `Observer`."""
        self.operations.add(self._size)
        if committed:
            self.committed += 1
            self.seconds.add(self._seconds() - self._began)
        else:
            self.failed += 1


class Pushes:
    """Counts pushes; the engine's `PushObserver`."""

    def __init__(self) -> None:
        #: By outcome.
        self.ended: dict[str, int] = {}
        self.under_way = 0
        #: From the moment a message is handed to its carrier until it is known what became of it.
        self.seconds = Histogram(PUSH_SECONDS)

    def push_began(self) -> None:
        """See `PushObserver`."""
        self.under_way += 1

    def push_ended(self, outcome: str, seconds: float) -> None:
        """See `PushObserver`."""
        self.under_way -= 1
        self.ended[outcome] = self.ended.get(outcome, 0) + 1
        self.seconds.add(seconds)


class Watches:
    """Several watches of the HTTP room as one, with a clock for them."""

    def __init__(self, seconds: Callable[[], float], watches: Sequence[Watch]) -> None:
        self.seconds = seconds
        self._watches = tuple(watches)

    def answered(self, asked: Asked, door: str, status: int, size: int, seconds: float) -> None:
        """See `Watch`."""
        for watch in self._watches:
            watch.answered(asked, door, status, size, seconds)

    def refused(self, fault: Fault) -> None:
        """See `Watch`."""
        for watch in self._watches:
            watch.refused(fault)
