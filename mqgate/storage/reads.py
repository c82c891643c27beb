"""Which batches only look."""

from __future__ import annotations

from mqgate.storage.interface import (
    Batch,
    Check,
    FindValue,
    Get,
    Look,
    ReadValue,
    Review,
    ShowPushes,
)

_READS = (Get, Check, Look, Review, ReadValue, FindValue, ShowPushes)


def only_reads(batch: Batch) -> bool:
    """Whether nothing is written for any of a batch's operations."""
    reads = all(isinstance(operation, _READS) for operation in batch.operations)
    return reads and not batch.changes and not batch.high
