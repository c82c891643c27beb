"""Looking at a database as it is at one moment, whichever it is, without touching it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from mqgate.storage.statements.texts import Statement

#: What a statement's places are filled with: in order, or by name.
Values: TypeAlias = Sequence[object] | Mapping[str, object]
Row: TypeAlias = tuple[Any, ...]


class View(Protocol):
    """One moment of a database, beside whoever writes to it; nobody waits for anybody.

    Everything raises `StoreError`, in words for the operator.
    """

    def rows(
        self, statement: Statement, values: Values = (), *, most: int | None = None
    ) -> list[Row]:
        """What a statement finds: so many rows at most, or all."""

    def stream(self, statement: Statement, values: Values = ()) -> Iterator[Row]:
        """The same, read as the rows are taken; another statement may be run meanwhile."""

    def ahead(self) -> int:
        """By how many milliseconds the database's clock is ahead of this machine's."""

    def damage(self) -> str | None:
        """What the database finds wrong with its own files, if it can tell; this may take long."""

    def renew(self) -> None:
        """Let go of the moment, and take the present one."""

    def close(self) -> None:
        """Let go of the database."""
