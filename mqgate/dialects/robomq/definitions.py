"""Exchanges, queues and bindings declared in the configuration, in RabbitMQ's words.

What the dialect itself cannot make (an exchange of another type, a queue nobody has asked for yet)
the operator writes down under ``[[namespaces.X.robomq.exchanges]]`` and so on. The names of the
keys are those of a RabbitMQ's ``definitions.json``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from mqgate.engine.values import DEFAULT_EXCHANGE, PREDECLARED, Topology, is_reserved

#: The longest name, and routing key, in bytes: AMQP's limit.
_LONGEST_BYTES = 255


class _Definition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that has to be there when the server has started."""

    #: The vhost it is in; None is the first one of the section.
    vhost: str | None = None


class Exchange(_Definition, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[namespaces.X.robomq.exchanges]]``"""

    name: str
    type: Literal["topic", "direct", "fanout"]


class Queue(_Definition, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[namespaces.X.robomq.queues]]``"""

    name: str


class Binding(_Definition, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[namespaces.X.robomq.bindings]]``"""

    #: The exchange.
    source: str
    #: The queue.
    destination: str
    routing_key: str = ""


def check_definitions(
    vhosts: Sequence[str],
    exchanges: Sequence[Exchange],
    queues: Sequence[Queue],
    bindings: Sequence[Binding],
) -> None:
    """Raise `ValueError` with a line for the operator if this could not be made."""
    there = {(vhost, name) for vhost in vhosts for name in PREDECLARED}
    there |= _check_named("exchanges", vhosts, exchanges)
    known = _check_named("queues", vhosts, queues)
    for index, binding in enumerate(bindings):
        place = f"bindings[{index}]"
        vhost = _vhost_of(place, vhosts, binding)
        if binding.source == DEFAULT_EXCHANGE:
            raise ValueError(f"{place}.source is empty: nothing is bound to the default exchange")
        if (vhost, binding.source) not in there:
            raise ValueError(
                f"{place}.source is {binding.source!r}: use the name of one of the exchanges"
                f" of vhost {vhost!r}, or {', '.join(PREDECLARED)}"
            )
        if (vhost, binding.destination) not in known:
            raise ValueError(
                f"{place}.destination is {binding.destination!r}: use the name of one of the queues"
                f" of vhost {vhost!r}"
            )
        _check_text(f"{place}.routing_key", binding.routing_key)


def topologies(
    vhosts: Sequence[str],
    exchanges: Sequence[Exchange],
    queues: Sequence[Queue],
    bindings: Sequence[Binding],
    policy: str,
) -> Mapping[str, Topology]:
    """What has to be there, by vhost; queues get that policy."""
    return {
        vhost: Topology(
            {each.name: each.type for each in exchanges if _is_in(vhost, vhosts, each)},
            {each.name: policy for each in queues if _is_in(vhost, vhosts, each)},
            [
                (each.source, each.destination, each.routing_key)
                for each in bindings
                if _is_in(vhost, vhosts, each)
            ],
        )
        for vhost in vhosts
    }


def _is_in(vhost: str, vhosts: Sequence[str], definition: _Definition) -> bool:
    return (definition.vhost or vhosts[0]) == vhost


def _check_named(
    key: str, vhosts: Sequence[str], definitions: Sequence[Exchange | Queue]
) -> set[tuple[str, str]]:
    """The names, each with its vhost; raises `ValueError` if one cannot be used."""
    names: set[tuple[str, str]] = set()
    for index, definition in enumerate(definitions):
        place, name = f"{key}[{index}]", definition.name
        vhost = _vhost_of(place, vhosts, definition)
        if not name:
            raise ValueError(f"{place}.name is empty: use a name")
        if is_reserved(name):
            raise ValueError(f"{place}.name is {name!r}: use one that does not begin with 'amq.'")
        if (vhost, name) in names:
            raise ValueError(f"{place}.name is {name!r}, as that of one before it: use each once")
        _check_text(f"{place}.name", name)
        names.add((vhost, name))
    return names


def _vhost_of(place: str, vhosts: Sequence[str], definition: _Definition) -> str:
    """The vhost it is in; raises `ValueError` if there is none of that name."""
    if definition.vhost is None:
        return vhosts[0]
    if definition.vhost not in vhosts:
        raise ValueError(f"{place}.vhost is {definition.vhost!r}: use names that vhosts has")
    return definition.vhost


def _check_text(place: str, text: str) -> None:
    if "\0" in text or len(text.encode()) > _LONGEST_BYTES:
        raise ValueError(f"{place} cannot be used: use at most {_LONGEST_BYTES} bytes, without NUL")
