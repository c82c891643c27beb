"""The worlds behind the names that dialects have for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mqgate.storage.interface import StoreError


class WorldNames(Protocol):
    """A database's table of them, inside one transaction that nobody else makes worlds in."""

    def find(self, name: str) -> int | None:
        """The world of a name."""

    def make(self) -> int:
        """A new world."""

    def add(self, name: str, world: int) -> None:
        """One more name of a world."""


def worlds_of(names: WorldNames, groups: Sequence[Sequence[str]]) -> list[int]:
    """The world behind each group of names; no two groups share one. Raises `StoreError`."""
    owners: dict[int, Sequence[str]] = {}
    for group in groups:
        world = _world_of(names, group)
        if world in owners:
            raise StoreError(
                f"{group[0]} and {owners[world][0]} share their messages since they were one group,"
                " and cannot be told apart: put them together again, or take other names"
            )
        owners[world] = group
    return list(owners)


def _world_of(names: WorldNames, group: Sequence[str]) -> int:
    """The world behind a group of names: found by any of them, made if none is known."""
    found = {name: names.find(name) for name in group}
    known = {name: world for name, world in found.items() if world is not None}
    if len(set(known.values())) > 1:
        raise StoreError(
            f"{' and '.join(known)} hold messages of their own already and cannot become one"
        )
    world = next(iter(known.values())) if known else names.make()
    for name in dict.fromkeys(group):
        if name not in known:
            names.add(name, world)
    return world
