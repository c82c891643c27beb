"""``import``: post what was exported, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import attrs
from twisted.internet.defer import Deferred

from mqgate.engine.engine import Engine
from mqgate.engine.intake import Limits
from mqgate.engine.values import NewMessage, QueueInfo
from mqgate.operator.call import Call
from mqgate.operator.errors import CommandError, Interrupted
from mqgate.operator.lines import LONGEST, Header, QueueLine, decoded, decoded_header
from mqgate.operator.text import number
from mqgate.operator.worker import Ask, Worker
from mqgate.operator.worlds import World
from mqgate.storage.interface import StoreError

#: What is posted in one transaction: messages, or queues that are made …
BATCH = 500
#: … and bytes, so that it is one transaction for the engine, too.
BATCH_BYTES = Limits().batch_bytes


def import_(call: Call) -> int:
    """Post the messages of an export anew."""
    with _opened(call) as file:
        header = decoded_header(_line(file, 1))
        with call.snapshot() as snapshot:
            world = call.worlds(snapshot).one(call.arguments.world or header.world)
            there = {queue.name for queue in snapshot.queues(world.number)}
        with call.worker() as worker:
            importing = _Importing(call, worker, world, header, there)
            importing.run(file)
    return 0


@contextmanager
def _opened(call: Call) -> Iterator[BinaryIO]:
    path = call.arguments.file
    if path == "-":
        yield call.console.input.buffer
    else:
        with open(path, "rb") as file:
            yield file


def _line(file: BinaryIO, number_: int) -> bytes:
    """The next line; empty at the end."""
    line = file.readline(LONGEST + 1)
    if len(line) > LONGEST:
        raise CommandError(f"line {number_}: this is longer than {LONGEST >> 20} MiB")
    return line


@attrs.define
class _Part:
    """Messages for one queue."""

    queue: QueueLine
    messages: list[NewMessage] = attrs.Factory(list)


class _Importing:
    """One import on its way."""

    def __init__(
        self, call: Call, worker: Worker, world: World, header: Header, there: set[str]
    ) -> None:
        self._call = call
        self._worker = worker
        self._world = world
        self._header = header
        #: Queues that need not be made.
        self._there = there
        self._skip: int = call.arguments.skip
        #: Messages read, and those of them that are on disk, the skipped ones included.
        self._read = self._done = 0
        self._queues = 0
        self._parts: list[_Part] = []
        self._rows = self._bytes = 0
        self._progress = call.progress("imported", header.messages)

    def run(self, file: BinaryIO) -> None:
        """Do it all; raises with a word on how far it came."""
        try:
            self._run(file)
        except Interrupted as interrupted:
            raise Interrupted(interrupted.number, self._so_far()) from None
        except (CommandError, StoreError) as error:
            raise CommandError(f"{error}; {self._so_far()}") from None
        finally:
            self._progress.over()
        if self._read < self._skip:
            raise CommandError(f"--skip {self._skip} is more than the {self._read} there are")
        self._tell()

    def _run(self, file: BinaryIO) -> None:
        queue: QueueLine | None = None
        number_ = 1
        while raw := _line(file, number_ + 1):
            number_ += 1
            line = decoded(raw, number_)
            if isinstance(line, QueueLine):
                queue = line
                self._queues += 1
                if self._read >= self._skip:
                    self._begin(queue)
            elif queue is None:
                raise CommandError(f"line {number_}: this message has no queue before it")
            else:
                self._read += 1
                if self._read > self._skip:
                    self._add(queue, line.message())
        self._post()

    def _begin(self, queue: QueueLine) -> None:
        """What comes now is for this queue, which is made even if that is nothing."""
        if self._rows == BATCH:
            self._post()
        self._parts.append(_Part(queue))
        self._rows += 1

    def _add(self, queue: QueueLine, message: NewMessage) -> None:
        size = len(message.body) + len(message.props or b"")
        if self._rows == BATCH or (self._bytes and self._bytes + size > BATCH_BYTES):
            self._post(before=1)
        if not self._parts:
            self._parts.append(_Part(queue))
        self._parts[-1].messages.append(message)
        self._rows += 1
        self._bytes += size

    def _post(self, *, before: int = 0) -> None:
        """Put on disk what was read, but for the last ``before`` messages."""
        asks = [ask for part in self._parts for ask in self._asks(part)]
        if asks:
            began = self._call.times.monotonic()
            with self._call.signals.step():
                self._worker.do(*asks)
                self._there.update(part.queue.name for part in self._parts)
                self._done = self._read - before
            self._progress.reached(self._done)
            self._worker.rest(began)
        self._parts = []
        self._rows = self._bytes = 0

    def _asks(self, part: _Part) -> Iterator[Ask]:
        """What is asked of the engine. A queue that is there keeps its settings."""
        world, queue, messages = self._world.number, part.queue, part.messages

        def make(engine: Engine) -> Deferred[QueueInfo]:
            return engine.update(world, queue.name, queue.settings, policy=queue.policy)

        def post(engine: Engine) -> Deferred[list[int]]:
            return engine.post(world, queue.name, messages, policy=queue.policy)

        if queue.name not in self._there:
            yield make
        if messages:
            yield post

    def _so_far(self) -> str:
        done = max(self._done, self._skip)
        if not done:
            return "nothing was imported"
        return f"{number(done, 'message')} are imported: go on with --skip {done}"

    def _tell(self) -> None:
        header, posted = self._header, self._read - self._skip
        if self._call.arguments.json:
            document = {"world": list(self._world.names), "queues": self._queues}
            self._call.console.say_json({**document, "messages": posted, "skipped": self._skip})
        else:
            self._call.console.note(
                f"imported {number(posted, 'message')} of {number(self._queues, 'queue')} into"
                f" {self._world}, with new ids"
            )
        if (self._queues, self._read) != (header.queues, header.messages):
            self._call.console.note(
                f"the export says that it has {number(header.messages, 'message')} of"
                f" {number(header.queues, 'queue')}, and had {number(self._read, 'message')} of"
                f" {number(self._queues, 'queue')}: it may have been cut short"
            )
