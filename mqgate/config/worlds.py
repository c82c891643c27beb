"""Which worlds there are, and who may claim them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mqgate.config.problems import Place
from mqgate.config.values import Namespace
from mqgate.dialects.declaration import Declaration


def world_name(dialect: str, name: str) -> str:
    """What the engine calls a world that a dialect calls ``name``."""
    return f"{dialect}/{name}"


def worlds(
    namespaces: Sequence[Namespace], spoken: Mapping[str, Declaration], place: Place
) -> tuple[tuple[str, ...], ...]:
    """The names of each world: the first claims of a namespace share one, each other has its own.

    Raises `ConfigurationError` for a name that is claimed twice.
    """
    claimed: dict[str, Place] = {}
    found: list[tuple[str, ...]] = []
    for namespace in namespaces:
        main: list[str] = []
        for dialect, section in namespace.sections.items():
            here = place.below(namespace.name).below(dialect)
            names = spoken[dialect].claims(section)
            for index, name in enumerate(names):
                world = world_name(dialect, name)
                if world in claimed:
                    first = claimed[world].key
                    raise here.wrong(f'claims "{name}", as {first} does: a name has one owner')
                claimed[world] = here
                if index == 0:
                    main.append(world)
                else:
                    found.append((world,))
        if main:
            found.append(tuple(main))
    return tuple(found)
