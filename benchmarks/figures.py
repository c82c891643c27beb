"""What a measurement is kept as, and arithmetic on such."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs


class BenchmarkFailed(Exception):
    """The server did not do what was measured, so there is no figure."""


@attrs.frozen
class Cell:
    """One thing to measure."""

    case: str
    transport: str = "plain"
    callers: int = 64
    #: Empty; or ``varied``: no two heads are alike; or ``swept``: what was deleted is forgotten
    #: within a second, and the CPU that this takes is counted. Of topics, what is read.
    variant: str = ""
    #: Messages that wait on the queue beforehand, or topics that there are.
    depth: int = 0
    #: What the server keeps its messages in.
    database: str = "sqlite"
    #: Processes that serve.
    workers: int = 1

    def __str__(self) -> str:
        """For people: ``life, swept, TLS, 64 callers``."""
        words = [self.case, self.variant, self.transport, f"{self.callers} callers"]
        if self.depth:
            what = "topics" if self.case == "topics" else "messages"
            words.append(f"{self.depth:,} {what}")
        if self.database != "sqlite":
            words.append(self.database)
        if self.workers > 1:
            words.append(f"{self.workers} workers")
        return ", ".join(word for word in words if word)


def usual(cell: Cell) -> Cell:
    """The same cell, measured on a server as it is without a word in its configuration."""
    return attrs.evolve(cell, database="sqlite", workers=1)


@attrs.frozen
class Row:
    """A cell and its figures. CPU in milliseconds a message, latencies in milliseconds."""

    cell: Cell
    figures: Mapping[str, float]


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value that ``share`` of the ordered ones do not exceed (nearest rank)."""
    if not ordered:
        raise BenchmarkFailed("nothing was answered in the measured time")
    rank = -int(-share * len(ordered) // 1)  # rounded up
    return ordered[max(rank, 1) - 1]


def latencies(seconds: Iterable[float]) -> dict[str, float]:
    """Median, 99th percentile and longest, in milliseconds."""
    ordered = sorted(seconds)
    return {
        "p50_ms": 1000 * percentile(ordered, 0.5),
        "p99_ms": 1000 * percentile(ordered, 0.99),
        "max_ms": 1000 * percentile(ordered, 1),
    }


def quieter(first: Row | None, second: Row) -> Row:
    """Of two measurements of one cell, that during which others used less of the machine."""
    if first is None or second.figures["others_cores"] < first.figures["others_cores"]:
        return second
    return first


def ratios(now: Iterable[Row], before: Iterable[Row]) -> list[Row]:
    """Each figure divided by what it was before, for the cells that are in both."""
    old = {row.cell: row.figures for row in before}
    return [
        Row(row.cell, {name: row.figures[name] / value for name, value in shared.items()})
        for row in now
        if (shared := _shared(row.figures, old.get(row.cell, {})))
    ]


def _shared(figures: Mapping[str, float], old: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in old.items() if value and name in figures}
