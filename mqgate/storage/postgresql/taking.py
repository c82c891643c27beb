"""Work that is looked for in all worlds is taken world by world.

So every statement that locks names one world, and a database whose tables are spread over servers
by world knows where it is to be carried out. What was found without a lock may be gone by then, or
another gateway may be at it: neither is waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from mqgate.storage.postgresql.line import Answer

#: The number of something, which has no other like it in its world, and the world.
Key: TypeAlias = tuple[int, int]


def by_world(found: Iterable[Key]) -> list[tuple[int, list[int]]]:
    """Each world with the numbers found in it; worlds in order, as all gateways lock them."""
    worlds: dict[int, list[int]] = {}
    for number, world in found:
        worlds.setdefault(world, []).append(number)
    return sorted(worlds.items())


def take(
    ask: Callable[..., Answer], statement: str, found: Sequence[Key], *more: object
) -> list[Any]:
    """The rows of what was found, in its order, but for those that are gone or somebody is at.

    The statement takes a world and numbers, and returns rows that begin with a `Key`.
    """
    answers = [ask(statement, (world, ids, *more)) for world, ids in by_world(found)]
    rows = {row[:2]: row for answer in answers for row in answer.all()}
    return [rows[key] for key in found if key in rows]
