"""``purge`` and ``delete``: what cannot be undone, so what is asked about first."""

from __future__ import annotations

from mqgate.operator.call import Call
from mqgate.operator.errors import Interrupted
from mqgate.operator.text import number
from mqgate.operator.worker import Worker


def purge(call: Call) -> int:
    """Take all messages off a queue."""
    return _remove(call, whole=False)


def delete(call: Call) -> int:
    """Remove a queue with all that is on it."""
    return _remove(call, whole=True)


def _remove(call: Call, *, whole: bool) -> int:
    with call.snapshot() as snapshot:
        world = call.world(snapshot)
        queue = call.queue(snapshot, call.arguments.queue)
        size = snapshot.figures(queue).size
    name, number_of_world = queue.name, world.number
    there = f"{number(size, 'message')} in queue {name!r} of {world}"
    call.console.confirm(
        f"Delete the queue, with {there}?" if whole else f"Delete {there}?",
        sure=call.arguments.yes,
    )
    with call.worker() as worker:
        with call.signals.step():
            # In one transaction, so that it is known what was there.
            info, _ = worker.do(
                lambda engine: engine.info(number_of_world, name),
                lambda engine: (engine.delete_queue if whole else engine.clear)(
                    number_of_world, name
                ),
            )
            if call.arguments.json:
                removed = {"world": list(world.names), "queue": name, "messages": info.size}
                call.console.say_json({**removed, "deleted": whole})
            else:
                what = f"deleted queue {name!r}, with" if whole else f"purged queue {name!r} of"
                call.console.note(f"{what} {number(info.size, 'message')}")
        _make_room(call, worker, info.size)
    return 0


def _make_room(call: Call, worker: Worker, size: int) -> None:
    """Remove what nobody sees any more; the server may not look for it for a long time."""
    progress = call.progress("room is made: removed", size)
    try:
        worker.empty_shelves(progress.reached)
    except Interrupted as interrupted:
        so_far = "it is done, and the server makes room for other messages when it starts next"
        raise Interrupted(interrupted.number, so_far) from None
    finally:
        progress.over()
