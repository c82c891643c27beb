"""The operations of the engine: how each is asked for, and what it means to the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

import attrs
from twisted.internet.defer import Deferred, succeed

from mqgate.engine.engine import Engine
from mqgate.engine.errors import EngineError
from mqgate.engine.values import Message, NewMessage, QueueInfo
from tests.engine.letters import demand
from tests.engine.model import Key, Model, Waiter


class Missing(Enum):
    """What stands in place of an answer."""

    #: None yet: it waits.
    PENDING = "pending"
    #: Nobody will ever know: the client has gone, or the server has.
    UNKNOWN = "unknown"


PENDING, UNKNOWN = Missing.PENDING, Missing.UNKNOWN


@attrs.frozen
class Operation:
    """Something asked of the engine, and what it means to the model."""

    key: Key

    def issue(self, engine: Engine, key: Key) -> Deferred[Any]:
        """Ask the engine, about this queue as it numbers its worlds."""
        raise NotImplementedError

    def parts(self) -> Sequence[Operation]:
        """What it consists of, if others' operations may come in between."""
        return [self]

    def perform(self, model: Model, call: int, answer: object) -> None:
        """Do it to the model, judging the answer. Raises what the engine is to fail with."""
        raise NotImplementedError

    def outcomes(self, model: Model, call: int, answer: object) -> Iterator[Model]:
        """What the queues may be like after it. Raises `Illegal`."""
        after = model.copy()
        try:
            self.perform(after, call, answer)
        except EngineError as error:
            fits = answer is UNKNOWN or type(answer) is type(error)
            demand(fits, f"{self} answered {answer!r} instead of failing with {error!r}")
        else:
            answered = answer is not PENDING and not isinstance(answer, Exception)
            demand(answered, f"{self} answered {answer!r}")
        yield after


@attrs.frozen
class Post(Operation):
    """Put messages on a queue."""

    messages: Sequence[NewMessage]
    policy: str

    def issue(self, engine: Engine, key: Key) -> Deferred[Any]:
        return engine.post(*key, self.messages, policy=self.policy)

    def perform(self, model: Model, call: int, answer: object) -> None:
        model.post(self.key, self.messages, self.policy, call)
        if isinstance(answer, list):
            model.learn(self.key, self.messages, answer)


@attrs.frozen
class Reserve(Operation):
    """Take messages, waiting for them if need be."""

    n: int
    lease: int | None
    wait: int
    remove: bool

    def issue(self, engine: Engine, key: Key) -> Deferred[Any]:
        return engine.reserve(*key, self.n, lease=self.lease, wait=self.wait, remove=self.remove)

    def outcomes(self, model: Model, call: int, answer: object) -> Iterator[Model]:
        if call in model.gone:
            yield model
        elif model.ready(self.key):
            yield from handed_out(model, self.waiter(model, call), answer)
        elif self.wait and not model.draining:
            after = model.copy()
            after.line.append(self.waiter(model, call))
            yield after
        else:
            demand(answer in ([], UNKNOWN), f"{self} answered {answer}, but nothing was there")
            yield model

    def waiter(self, model: Model, call: int) -> Waiter:
        """This reserve, standing in line."""
        until = model.now + self.wait
        return Waiter(call, self.key, self.n, self.lease, self.remove, until)


def handed_out(model: Model, waiter: Waiter, answer: object) -> Iterator[Model]:
    """What the queues may be like when this one has been served."""
    rest = (waiter.lease, waiter.remove)
    if isinstance(answer, list):
        after = model.copy()
        after.hand_out(waiter.key, waiter.n, *rest, answer)
        yield after
    else:
        demand(answer is UNKNOWN, f"{waiter} got {answer!r}, though messages were there")
        for choice in model.choices(waiter.key, waiter.n):
            after = model.copy()
            taken = after.take(waiter.key, choice, *rest)
            after.unseen = {**after.unseen, waiter.call: taken}
            yield after


@attrs.frozen
class Cancel(Operation):
    """A waiting client goes away. What was taken for it goes back to its place."""

    call: int
    deferred: Deferred[Any]
    remove: bool

    def issue(self, engine: Engine, key: Key) -> Deferred[Any]:
        self.deferred.cancel()
        return succeed(None)

    def perform(self, model: Model, call: int, answer: object) -> None:
        model.line = [waiter for waiter in model.line if waiter.call != self.call]
        model.gone |= {self.call}
        model.give_back(self.key, model.unseen.get(self.call, {}), self.remove)


@attrs.frozen
class GiveBack(Operation):
    """A client went before it had its answer."""

    messages: Sequence[Message]
    removed: bool

    def issue(self, engine: Engine, key: Key) -> Deferred[Any]:
        engine.give_back(*key, self.messages, removed=self.removed)
        return succeed(None)

    def perform(self, model: Model, call: int, answer: object) -> None:
        deliveries = {message.body: message.count for message in self.messages}
        model.give_back(self.key, deliveries, self.removed)


@attrs.frozen
class Peek(Operation):
    """Look at what is next."""

    n: int

    def issue(self, engine: Engine, key: Key) -> Deferred[Any]:
        return engine.peek(*key, self.n)

    def perform(self, model: Model, call: int, answer: object) -> None:
        if isinstance(answer, list):
            model.peek(self.key, self.n, answer)


@attrs.frozen
class Get(Operation):
    """Look at one message."""

    id: int

    def issue(self, engine: Engine, key: Key) -> Deferred[Any]:
        return engine.get(*key, self.id)

    def perform(self, model: Model, call: int, answer: object) -> None:
        model.get(self.key, self.id, answer if isinstance(answer, Message) else None)


@attrs.frozen
class Touch(Operation):
    """Keep a message for longer."""

    id: int

    def issue(self, engine: Engine, key: Key) -> Deferred[Any]:
        return engine.touch(*key, self.id)

    def perform(self, model: Model, call: int, answer: object) -> None:
        model.touch(self.key, self.id)


@attrs.frozen
class Release(Operation):
    """Make a message available again."""

    id: int
    delay: int

    def issue(self, engine: Engine, key: Key) -> Deferred[Any]:
        return engine.release(*key, self.id, delay=self.delay)

    def perform(self, model: Model, call: int, answer: object) -> None:
        model.release(self.key, self.id, self.delay)


@attrs.frozen
class Delete(Operation):
    """Delete messages."""

    ids: Sequence[int]

    def issue(self, engine: Engine, key: Key) -> Deferred[Any]:
        return engine.delete(*key, self.ids)

    def perform(self, model: Model, call: int, answer: object) -> None:
        gone = model.delete(self.key, self.ids)
        demand(answer in (gone, UNKNOWN), f"{self} answered {answer!r}, {gone} were there")


@attrs.frozen
class Clear(Operation):
    """Empty a queue."""

    def issue(self, engine: Engine, key: Key) -> Deferred[Any]:
        return engine.clear(*key)

    def perform(self, model: Model, call: int, answer: object) -> None:
        model.clear(self.key)


@attrs.frozen
class DeleteQueue(Operation):
    """Do away with a queue."""

    def issue(self, engine: Engine, key: Key) -> Deferred[Any]:
        return engine.delete_queue(*key)

    def perform(self, model: Model, call: int, answer: object) -> None:
        model.delete_queue(self.key)


@attrs.frozen
class Info(Operation):
    """Ask about a queue."""

    def issue(self, engine: Engine, key: Key) -> Deferred[Any]:
        return engine.info(*key)

    def perform(self, model: Model, call: int, answer: object) -> None:
        model.info(self.key, answer if isinstance(answer, QueueInfo) else None)


@attrs.frozen
class Update(Operation):
    """Change a queue's settings, or make it; then look what it is like."""

    settings: Mapping[str, object]
    policy: str

    def issue(self, engine: Engine, key: Key) -> Deferred[Any]:
        return engine.update(*key, self.settings, policy=self.policy)

    def parts(self) -> Sequence[Operation]:
        return [self, Info(self.key)]

    def perform(self, model: Model, call: int, answer: object) -> None:
        model.update(self.key, self.settings, self.policy)


@attrs.frozen
class ListQueues(Operation):
    """List a world's queues."""

    offset: int
    limit: int

    def issue(self, engine: Engine, key: Key) -> Deferred[Any]:
        return engine.list_queues(key[0], offset=self.offset, limit=self.limit)

    def perform(self, model: Model, call: int, answer: object) -> None:
        if isinstance(answer, list):
            model.list_queues(self.key[0], self.offset, self.limit, answer)
