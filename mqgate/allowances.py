"""From the limits that the configuration names to those that the engine keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mqgate.config.values import Configuration, Namespace
from mqgate.config.worlds import world_name
from mqgate.dialects.declaration import Declaration
from mqgate.engine.allowance import Allowance, QueueRule
from mqgate.storage.interface import Store


def settle_worlds(
    store: Store, configuration: Configuration, declarations: Sequence[Declaration]
) -> tuple[dict[str, int], dict[int, Allowance]]:
    """Have an open store know the worlds, and count what their limits ask for.

    The number of each name's world, and what worlds may hold. Blocking; raises `StoreError`.
    """
    names = configuration.worlds
    numbers = store.worlds(names)
    worlds = {name: number for group, number in zip(names, numbers, strict=True) for name in group}
    allowed = allowances(configuration, declarations, worlds)
    store.meter(any(each.bytes is not None for each in allowed.values()))
    return worlds, allowed


def allowances(
    configuration: Configuration, declarations: Sequence[Declaration], worlds: Mapping[str, int]
) -> dict[int, Allowance]:
    """What each world may hold, by its number, for those that may not hold everything."""
    found: dict[int, Allowance] = {}
    for namespace in configuration.namespaces:
        allowance = _allowance(namespace)
        if allowance == Allowance():
            continue
        for declaration in declarations:
            section = namespace.sections.get(declaration.name)
            names = () if section is None else declaration.claims(section)
            found |= {worlds[world_name(declaration.name, name)]: allowance for name in names}
    return found


def _allowance(namespace: Namespace) -> Allowance:
    """What each world of a namespace may hold."""
    limits = namespace.limits
    rules = tuple(
        QueueRule(
            table.match,
            length=table.max_length,
            drop=table.overflow == "drop-head",
            age=None if table.max_age_seconds is None else table.max_age_seconds * 1000,
        )
        for table in namespace.queues
    )
    return Allowance(limits.queues, limits.messages, limits.bytes, rules)
