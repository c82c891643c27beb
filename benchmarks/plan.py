"""What is measured, in which order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path

import attrs

from benchmarks.figures import Cell
from benchmarks.topics import READS

LOAD_CASES = ("constant", "post", "life", "batch", "take", "publish", "topic")
CASES = (*LOAD_CASES, "push", "wake", "backlog", "topics")
TRANSPORTS = ("plain", "TLS")
DATABASES = ("sqlite", "postgresql")
#: Cases in which databases and numbers of workers are compared.
COMPARED = ("post", "life", "batch", "take")
FEW = 1_000
#: Topics among which is read, and by how many at a time.
TOPICS = (10, 100_000)
READERS = 8


@attrs.frozen(kw_only=True)
class Options:
    """What was asked for on the command line."""

    cases: Sequence[str] = CASES
    transports: Sequence[str] = TRANSPORTS
    callers: Sequence[int] = (1, 16, 64)
    databases: Sequence[str] = ("sqlite",)
    workers: Sequence[int] = (1,)
    seconds: float = 4.0
    warm_up: float = 1.0
    rounds: int = 1
    size: int = 256
    depths: Sequence[int] = (FEW, 100_000)
    vary_heads: bool = False
    folder: Path = Path("benchmark-results")
    against: Path | None = None


def cells(options: Options) -> list[Cell]:
    """All cells, so that those that are compared with each other are measured near each other."""
    found: list[Cell] = []
    for case in options.cases:
        if case == "backlog":
            found += [Cell(case, callers=64, depth=depth) for depth in options.depths]
        elif case == "topics":
            found += [
                Cell(case, callers=READERS, variant=read, depth=depth)
                for depth in TOPICS
                for read in READS
            ]
        elif case in ("push", "wake"):
            found += [Cell(case, transport) for transport in options.transports]
        else:
            found += [
                attrs.evolve(cell, database=database, workers=workers)
                for cell in _load_cells(case, options)
                for database, workers in _servers(cell, options)
            ]
    return found


def _servers(cell: Cell, options: Options) -> Iterable[tuple[str, int]]:
    """On which databases and with how many workers a cell is measured: a few are compared."""
    if cell.case in COMPARED and not cell.variant:
        return product(options.databases, options.workers)
    return [(options.databases[0], options.workers[0])]


def _load_cells(case: str, options: Options) -> list[Cell]:
    most = max(options.callers)
    found = []
    for callers in options.callers:
        for transport in options.transports:
            found.append(Cell(case, transport, callers))
            if case in ("life", "batch") and callers == most:
                found.append(Cell(case, transport, callers, "swept"))
            if case in ("post", "life", "batch") and (
                options.vary_heads or (callers == most and transport == "plain")
            ):
                found.append(Cell(case, transport, callers, "varied"))
    return found
