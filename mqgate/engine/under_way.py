"""A batch at the store, and those who wait for it."""

from __future__ import annotations

from typing import Any

import attrs

from mqgate.engine.errors import EngineError
from mqgate.engine.planning import Plan, Verb
from mqgate.engine.waiting import LineKey
from mqgate.storage.interface import Batch, Operation, Post, Probe, Publish, PublishValue


@attrs.frozen
class UnderWay:
    """A batch from its plan to its end."""

    attempt: int
    #: Whether one verb is tried alone, because it may be what made a batch fail.
    alone: bool
    plan: Plan
    #: Targets of alerts, by (world, name), that an attempt before needed and did not have.
    missing: frozenset[tuple[int, str]]
    verbs: list[Verb[Any]] = attrs.field(factory=list)
    operations: list[Operation] = attrs.field(factory=list)
    #: The lines for which it has more than its own verbs take.
    left: set[LineKey] = attrs.field(factory=set)
    #: Refused by the plan, which holds only if the plan's catalogue turns out to be current.
    refused: list[tuple[Verb[Any], EngineError]] = attrs.field(factory=list)

    def everybody(self) -> list[Verb[Any]]:
        """All who wait for it."""
        return self.verbs + [verb for verb, _ in self.refused]


def wrote(batch: Batch) -> bool:
    """Whether it has shown that writing works: a disk may let itself be read, and no more."""
    writes = Post | Probe | Publish | PublishValue
    sure = any(isinstance(operation, writes) for operation in batch.operations)
    return sure or bool(batch.changes or batch.high)
