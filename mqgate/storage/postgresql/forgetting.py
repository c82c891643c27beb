"""Tombstones of queues and bindings are dropped, on one connection to PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from mqgate.storage.postgresql.line import Answer
from mqgate.storage.statements import catalogue, publishing

#: What a row is found by; its world comes first.
Key: TypeAlias = tuple[Any, ...]


class ForgettingStatements:
    """The part of `mqgate.storage.session.Session` that forgets what was removed.

    Whoever reads what has changed in a world is told by its row from which version on that is all:
    so tombstones go only while nobody else reads the world's catalogue.
    """

    _ask: Callable[..., Answer]

    def forget_queues(self, before: int, limit: int) -> int:
        found = self._ask(catalogue.QUEUES_TO_FORGET, (before, limit)).all()
        statement = catalogue.FORGET_QUEUES.postgresql
        keys = self._unread(found)
        return self._forgotten(
            [(key[0], self._ask(statement, (*key, before))) for key in keys],
        )

    def forget_bindings(self, before: int, limit: int) -> int:
        found = self._ask(publishing.BINDINGS_TO_FORGET, (before, limit)).all()
        statement = publishing.FORGET_BINDINGS.postgresql
        keys = self._unread(found)
        forgotten = self._forgotten(
            [(key[0], self._ask(statement, (*key, before))) for key in keys],
        )
        # Nobody asks for those of queues that are gone: there is nothing to be noted.
        values = (before, limit - forgotten)
        found = self._ask(publishing.BINDINGS_OF_QUEUES_TO_FORGET, values).all()
        statement = publishing.FORGET_BINDINGS_OF_QUEUES.postgresql
        answers = [self._ask(statement, key) for key in sorted(found)]
        return forgotten + sum(answer.count() for answer in answers)

    def _unread(self, found: Sequence[Key]) -> list[Key]:
        """Those of what was found whose worlds' catalogue nobody uses from here on, in order."""
        if not found:
            return []
        worlds = sorted({key[0] for key in found})
        alone = {row[0] for row in self._ask(catalogue.TRY_WORLDS_ALONE, (worlds,)).all()}
        return sorted(key for key in found if key[0] in alone)

    def _forgotten(self, removed: Sequence[tuple[int, Answer]]) -> int:
        """How many were removed in all; each world notes the highest version of its own."""
        versions: dict[int, list[int]] = {}
        for world, answer in removed:
            versions.setdefault(world, []).extend(row[0] for row in answer.all())
        for world, gone in versions.items():
            if gone:
                self._ask(catalogue.NOTE_FORGOTTEN.postgresql, (world, max(gone)))
        return sum(map(len, versions.values()))
