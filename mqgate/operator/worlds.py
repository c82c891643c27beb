"""What the operator calls a world, and which one is meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from mqgate.config.values import Namespace
from mqgate.config.worlds import world_name
from mqgate.dialects.declaration import Declaration
from mqgate.operator.errors import CommandError

#: As many worlds are named to somebody who named none of them.
_NAMED = 5


@attrs.frozen
class World:
    """A world that the database has."""

    number: int
    #: Its names: ``namespace/dialect/name``; those no longer configured are ``dialect/name``.
    names: tuple[str, ...]
    #: What the database calls it: ``dialect/name``, the same in every configuration.
    stored: tuple[str, ...]

    def __str__(self) -> str:
        return " = ".join(self.names)


@attrs.frozen
class Worlds:
    """All worlds that the database has, configured or not."""

    all: tuple[World, ...]
    #: Which world is meant by what, as far as that is sure.
    _exact: Mapping[str, int]
    #: The same for all that may be short for a world, or stand for several.
    _loose: Mapping[str, frozenset[int]]

    def one(self, word: str) -> World:
        """The world that is meant; raises `CommandError` unless there is exactly one."""
        found = self._find(word)
        if len(found) > 1:
            names = " or ".join(world.names[0] for world in found)
            raise CommandError(f"{word!r} may be several: use {names}")
        return found[0]

    def some(self, words: Sequence[str]) -> list[World]:
        """The worlds that are meant; all of them where nothing is said."""
        if not words:
            return list(self.all)
        wanted = {world.number for word in words for world in self._find(word)}
        return [world for world in self.all if world.number in wanted]

    def _find(self, word: str) -> list[World]:
        if word in self._exact:
            numbers = frozenset([self._exact[word]])
        else:
            numbers = self._loose.get(word, frozenset())
        if not numbers:
            names = [world.names[0] for world in self.all]
            known = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
            hint = f"use {known}" if known else "start the server once to make those configured"
            raise CommandError(f"the database has no world {word!r}: {hint}")
        return [world for world in self.all if world.number in numbers]


def find_worlds(
    numbers: Mapping[str, int],
    namespaces: Sequence[Namespace],
    declarations: Sequence[Declaration],
) -> Worlds:
    """The worlds behind ``numbers``, which are by the database's names for them."""
    owners = _owners(namespaces, declarations)
    exact: dict[str, int] = {}
    loose: dict[str, set[int]] = {}
    names: dict[int, list[tuple[str, str]]] = {}
    for stored, number in numbers.items():
        dialect, _, name = stored.partition("/")
        namespace = owners.get(stored)
        shorts = [stored, name, dialect]
        full = stored
        if namespace is not None:
            full = f"{namespace}/{stored}"
            shorts += [namespace, f"{namespace}/{dialect}", f"{namespace}/{name}"]
        exact[full] = number
        names.setdefault(number, []).append((full, stored))
        for short in shorts:
            loose.setdefault(short, set()).add(number)
    return Worlds(
        tuple(World(number, *zip(*names[number], strict=True)) for number in sorted(names)),
        exact,
        {short: frozenset(found) for short, found in loose.items()},
    )


def _owners(namespaces: Sequence[Namespace], declarations: Sequence[Declaration]) -> dict[str, str]:
    """The namespace of each name that is configured."""
    spoken = {declaration.name: declaration for declaration in declarations}
    return {
        world_name(dialect, name): namespace.name
        for namespace in namespaces
        for dialect, section in namespace.sections.items()
        for name in spoken[dialect].claims(section)
    }
