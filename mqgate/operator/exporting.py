"""``export``: a world, or some of its queues, as lines of JSON."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

import msgspec

from mqgate.operator.call import Call
from mqgate.operator.lines import VERSION, Header, Line, QueueLine, encoded, message_line
from mqgate.operator.snapshot import Queue, Snapshot
from mqgate.operator.text import instant, number
from mqgate.operator.worlds import World

#: Bytes that are collected before they are written.
_BUFFER = 1 << 18


def export(call: Call) -> int:
    """Write out what is there at one moment."""
    with call.snapshot() as snapshot:
        world = call.world(snapshot)
        names = dict.fromkeys(call.arguments.queues)
        queues = [call.queue(snapshot, name) for name in names]
        if not names:
            queues = snapshot.queues(world.number)
        path = call.arguments.output
        if path is None:
            call.console.out.flush()
            encode = _ascii if call.console.out.isatty() else encoded
            total = _export(call, snapshot, world, queues, call.console.out.buffer, encode)
        else:
            with _whole_file(path) as file:
                total = _export(call, snapshot, world, queues, file, encoded)
    counted = f"{number(total, 'message')} of {number(len(queues), 'queue')}"
    if path is not None or call.console.err.isatty():
        call.console.note(f"exported {counted}" + (f" to {path}" if path else ""))
    return 0


def _export(
    call: Call,
    snapshot: Snapshot,
    world: World,
    queues: list[Queue],
    file: BinaryIO,
    encode: Callable[[Header | Line], bytes],
) -> int:
    """Write the lines; how many messages they are."""
    total = sum(snapshot.figures(queue).size for queue in queues)
    header = Header(
        version=VERSION,
        world=world.stored[0],
        made_at=instant(snapshot.now),
        queues=len(queues),
        messages=total,
    )
    progress = call.progress("exported", total)
    done = 0
    try:
        file.write(encode(header))
        for queue in queues:
            settings = dict(queue.settings)
            line = QueueLine(name=queue.name, policy=queue.policy, settings=settings)
            file.write(encode(line))
            keeps_place = call.policy(queue).keeps_place
            for row in snapshot.messages(queue, keeps_place=keeps_place):
                file.write(encode(message_line(row, snapshot.now)))
                done += 1
                progress.reached(done)
        file.flush()
    finally:
        progress.over()
    return done


def _ascii(line: Header | Line) -> bytes:
    """The line for a terminal, which might act on some of what UTF-8 can hold."""
    return json.dumps(msgspec.to_builtins(line)).encode("ascii") + b"\n"


@contextmanager
def _whole_file(path: str) -> Iterator[BinaryIO]:
    """A file for its owner alone that is there when it is whole, or not at all."""
    path = os.path.realpath(path)
    if os.path.exists(path) and not os.path.isfile(path):  # a device or a pipe
        with open(path, "wb", _BUFFER) as file:
            yield file
        return
    folder, name = os.path.split(path)
    descriptor, aside = tempfile.mkstemp(prefix=f"{name}.", suffix=".part", dir=folder)
    try:
        with open(descriptor, "wb", _BUFFER) as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        os.replace(aside, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(aside)
        raise
