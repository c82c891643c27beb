"""Pushes: what becomes of a try, and of messages that are being pushed."""

from __future__ import annotations

from collections.abc import Sequence

from mqgate.storage.executor.acknowledging import delete_alike
from mqgate.storage.executor.execution import Execution
from mqgate.storage.interface import (
    AcknowledgePush,
    DeletePushed,
    Memory,
    PushKey,
    SettlePush,
    ShowPushes,
)
from mqgate.storage.interface.pushes import DELIVERED
from mqgate.storage.session import Shelf

#: Later than any message expires.
NEVER = 1 << 62


#: The kinds that may end messages' pushing.
ENDING: frozenset[type] = frozenset({SettlePush, AcknowledgePush, DeletePushed})


def hold(execution: Execution) -> None:
    """Before anything is read: end entries of these messages alone.

    Whoever ends a message's last entry deletes the message. Two that end one of two entries each,
    side by side, would each see the other one's open still.
    """
    keys = [operation.key for _, operation in execution.all(SettlePush)]
    keys += [operation.key for _, operation in execution.all(AcknowledgePush)]
    messages = {(key.world, key.message) for key in keys}
    for _, operation in execution.all(DeletePushed):
        messages.update((operation.world, id_) for id_ in operation.ids)
    execution.session.pushes.hold(messages)


def settle(execution: Execution) -> None:
    """Write down what became of tries."""
    ended = _Ended(execution)
    for index, operation in execution.all(SettlePush):
        held = execution.session.pushes.settle(operation)
        execution.results[index] = held
        if held and operation.status >= DELIVERED:
            ended.entry(index, operation.key, operation.memory)
        if held and operation.post is not None:
            execution.also(index, operation.post)
    ended.finish()


def acknowledge(execution: Execution) -> None:
    """End entries for their receivers."""
    ended = _Ended(execution)
    pushes = execution.session.pushes
    for index, operation in execution.all(AcknowledgePush):
        key, memory = operation
        known = pushes.is_known(key, memory.shelf, execution.now)
        execution.results[index] = known
        if known and pushes.acknowledge(key):
            ended.entry(index, key, memory)
    ended.finish()


def delete(execution: Execution) -> None:
    """Delete by ids, whether they are being pushed or not."""
    for index, operation in execution.all(DeletePushed):
        world, number, ids, memory = operation
        shelf = (world, number)
        pushed = execution.session.pushes.pushed(shelf, ids, execution.now)
        ended = _Ended(execution)
        ended.messages(shelf, [message for message, _ in pushed], memory)
        ended.finish()
        delete_alike(execution, shelf, [(index, operation)], memory if memory.time else None)
        there = {message for message, _ in pushed}
        there.update(execution.results[index])  # type: ignore[arg-type]
        execution.results[index] = tuple(each for each in dict.fromkeys(ids) if each in there)


class _Ended:
    """Messages whose pushing has come to its end, until they are deleted together."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._finished: dict[tuple[Shelf, Memory], list[int]] = {}

    def entry(self, index: int, key: PushKey, memory: Memory) -> None:
        """An entry has ended: see whether it was the last one of its message."""
        shelf = key[:2]
        still_open, failed = self._execution.session.pushes.left(shelf, key.message)
        if not still_open:
            # Whoever reads of a failure in the error queue is going to look the message up.
            time = NEVER if failed else memory.time
            self._execution.ended[index] = shelf
            self.messages(shelf, [key.message], Memory(memory.shelf, time))

    def messages(self, shelf: Shelf, messages: Sequence[int], memory: Memory) -> None:
        """These are not pushed any longer."""
        self._finished.setdefault((shelf, memory), []).extend(messages)

    def finish(self) -> None:
        """Delete them."""
        now, pushes = self._execution.now, self._execution.session.pushes
        for (shelf, memory), messages in sorted(self._finished.items()):
            self._execution.counts[shelf] -= len(messages)
            if memory.time:
                pushes.finish(shelf, messages, memory.shelf, min(now + memory.time, NEVER))
            else:
                self._execution.remove(shelf[0], pushes.pushed(shelf, messages, -1))
                pushes.remember(now, shelf, messages)


def show(execution: Execution) -> None:
    """Tell how far messages are."""
    for index, operation in execution.all(ShowPushes):
        execution.results[index] = execution.session.pushes.show(operation, execution.now)
