"""``exchanges``, ``bindings`` and ``unbind``: where published messages go."""

from __future__ import annotations

from collections import Counter
from typing import Any

from mqgate.operator.call import Call
from mqgate.operator.snapshot import Binding
from mqgate.operator.text import table
from mqgate.operator.worlds import World


def exchanges(call: Call) -> int:
    """List the exchanges of the worlds that were named."""
    with call.snapshot() as snapshot:
        found = []
        for world in call.worlds(snapshot).some(call.arguments.worlds):
            counts = Counter(each.exchange for each in snapshot.bindings(world.number))
            found += [
                (world, name, type_, counts[name])
                for name, type_ in sorted(snapshot.exchanges(world.number, counts).items())
            ]
    if call.arguments.json:
        call.console.say_json({"exchanges": [_exchange(*each) for each in found]})
    elif found:
        rows = [(str(world), name, type_, bound) for world, name, type_, bound in found]
        call.console.say(table(("WORLD", "EXCHANGE", "TYPE", "BINDINGS"), rows))
    else:
        call.console.note("there are no exchanges, but for those that every world has")
    return 0


def _exchange(world: World, name: str, type_: str, bindings: int) -> dict[str, Any]:
    """An exchange for scripts."""
    return {"world": list(world.names), "exchange": name, "type": type_, "bindings": bindings}


def bindings(call: Call) -> int:
    """List the bindings of the worlds that were named."""
    exchange, queue = call.arguments.exchange, call.arguments.queue
    with call.snapshot() as snapshot:
        found = [
            (world, binding)
            for world in call.worlds(snapshot).some(call.arguments.worlds)
            for binding in snapshot.bindings(world.number)
            if exchange in (None, binding.exchange) and queue in (None, binding.queue)
        ]
    if call.arguments.json:
        call.console.say_json({"bindings": [_binding(*each) for each in found]})
    elif found:
        call.console.say(table(("WORLD", "EXCHANGE", "QUEUE", "KEY"), [_row(*it) for it in found]))
    else:
        call.console.note(
            "there are no such bindings" if exchange or queue else "there are no bindings"
        )
    return 0


def _row(world: World, binding: Binding) -> tuple[str, ...]:
    # No key at all is shown as a shell spells it.
    return str(world), binding.exchange, binding.queue, binding.key or "''"


def _binding(world: World, binding: Binding) -> dict[str, Any]:
    """A binding for scripts."""
    return {
        "world": list(world.names),
        "exchange": binding.exchange,
        "queue": binding.queue,
        "key": binding.key,
    }


def unbind(call: Call) -> int:
    """Remove a binding."""
    arguments = call.arguments
    binding = Binding(arguments.exchange, arguments.queue, arguments.key)
    with call.snapshot() as snapshot:
        world = call.world(snapshot)
    with call.worker() as worker, call.signals.step():
        worker.do(lambda engine: engine.unbind(world.number, *binding))
        if arguments.json:
            call.console.say_json({**_binding(world, binding), "unbound": True})
        else:
            exchange, queue, key = binding
            call.console.note(f"queue {queue!r} is no longer bound to {exchange!r} with {key!r}")
    if any(binding in topology.bindings for topology in call.declared(world)):
        call.console.note("the configuration declares it: the next start makes it again")
    return 0
