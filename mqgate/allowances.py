"""From the limits that the configuration names to those that the engine keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mqgate.config.values import Configuration, Namespace
from mqgate.config.worlds import world_name
from mqgate.dialects.declaration import Declaration
from mqgate.engine.allowance import Allowance, QueueRule


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
