"""What the server is meant to cost, and whether it does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs

from benchmarks.figures import Cell, Row

Figures = Mapping[Cell, Mapping[str, float]]


@attrs.frozen
class Verdict:
    """A budget and what was found."""

    what: str
    limit: float
    unit: str
    found: float

    @property
    def excess(self) -> float:
        """What was found as a multiple of what is allowed."""
        return self.found / self.limit


_POST, _LIFE, _BATCH = Cell("post"), Cell("life", variant="swept"), Cell("batch", variant="swept")
_FEW = Cell("backlog", depth=1_000)
_EXACT = {depth: Cell("topics", callers=8, variant="exact", depth=depth) for depth in (10, 100_000)}
_MILLION, _MILLIONS = Cell("backlog", depth=1_000_000), Cell("backlog", depth=10_000_000)

#: What, cell, figure, limit, unit. All with 64 callers.
_LIMITS: Sequence[tuple[str, Cell, str, float, str]] = (
    ("post", _POST, "cpu_ms", 0.10, "CPU-ms"),
    ("life cycle with its sweep", _LIFE, "cpu_ms", 0.30, "CPU-ms"),
    ("the same in batches of 100", _BATCH, "cpu_ms", 0.025, "CPU-ms"),
    ("p99 of a post", _POST, "p99_ms", 15, "ms"),
    ("wake-up of a poll, p50", Cell("wake"), "p50_ms", 3, "ms"),
    ("memory, 1 million waiting", _MILLION, "memory_mb", 100, "MB"),
    ("restart, 1 million waiting", _MILLION, "restart_s", 2, "s"),
    ("memory, 10 million waiting", _MILLIONS, "memory_mb", 150, "MB"),
    ("restart, 10 million waiting", _MILLIONS, "restart_s", 2, "s"),
    *(
        (
            f"`{read}` among 100,000 topics",
            attrs.evolve(_EXACT[100_000], variant=read),
            "cpu_ms",
            2,
            "CPU-ms",
        )
        for read in ("a/+/c", "@", "+/nomatch", "a/@")
    ),
)
#: What, figure of which cell, by that of which other cell, limit.
_RATIOS: Sequence[tuple[str, Cell, Cell, float]] = (
    ("post, TLS / plain", Cell("post", "TLS"), _POST, 1.5),
    ("life cycle, TLS / plain", Cell("life", "TLS", variant="swept"), _LIFE, 1.5),
    ("batches, TLS / plain", Cell("batch", "TLS", variant="swept"), _BATCH, 1.5),
    ("RoboMQ's publish and get / IronMQ's", Cell("publish"), Cell("take"), 1.3),
    ("the same, TLS", Cell("publish", "TLS"), Cell("take", "TLS"), 1.3),
    ("life cycle, 1 million / 1,000 waiting", _MILLION, _FEW, 1.2),
    ("life cycle, 10 million / 1,000 waiting", _MILLIONS, _FEW, 1.2),
    ("exact read, 100,000 / 10 topics", _EXACT[100_000], _EXACT[10], 1.2),
)


def verdicts(rows: Iterable[Row]) -> Iterator[Verdict]:
    """Every budget for which there is a figure."""
    figures: Figures = {row.cell: row.figures for row in rows}
    for what, cell, name, limit, unit in _LIMITS:
        if cell in figures:
            yield Verdict(what, limit, unit, figures[cell][name])
    for what, cell, base, limit in _RATIOS:
        if cell in figures and base in figures:
            found = figures[cell]["cpu_ms"] / figures[base]["cpu_ms"]
            yield Verdict(what, limit, "times", found)
