"""What a worker is told at its start, and the words that it and its parent exchange.

They speak over a pair of connected sockets, in frames: a length, and so many bytes. The end of
either process is the end of the connection, which the other one notices.

=========================== ==================================================================
a worker says               when
=========================== ==================================================================
``ready``                   it serves
``failed LINE``             it cannot start; the line is for the operator
``alive``                   every second
``figures NUMBER TEXT``     it was asked for its figures
=========================== ==================================================================

The parent begins with a `Task`. Later it says ``figures NUMBER all``, or ``figures NUMBER own``
for those without the queues, which are the same in all workers.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Iterator

import attrs

from mqgate.config.values import Configuration
from mqgate.listening import Lent
from mqgate.storage.sharing import Seat

READY = b"ready"
FAILED = b"failed"
ALIVE = b"alive"
FIGURES = b"figures"
ALL, OWN = b"all", b"own"

#: How often a worker says that it is alive.
ALIVE_SECONDS = 1.0

_LENGTH = struct.Struct("!I")


@attrs.frozen
class Task:
    """All that a worker has from its parent. Descriptors have the same numbers in both."""

    #: Its place at the database.
    seat: Seat
    #: As the parent has read it: the file may be another one by now.
    configuration: Configuration
    #: What it listens at.
    lent: Lent
    #: The engine's time, in seconds, when the monotonic clock stood at 0: the same in all workers,
    #: so that none takes another's reservations for over. None if the database has a clock.
    time_began: float | None

    def packed(self) -> bytes:
        """For `unpacked` in a process of the same version."""
        return pickle.dumps(self)


def unpacked(data: bytes) -> Task:
    """The task that was packed, by the parent of this process and nobody else."""
    task = pickle.loads(data)
    assert isinstance(task, Task)
    return task


def framed(*words: bytes) -> bytes:
    """A message as a frame."""
    message = b" ".join(words)
    return _LENGTH.pack(len(message)) + message


class Frames:
    """Puts frames together again."""

    def __init__(self) -> None:
        self._data = bytearray()

    def received(self, data: bytes) -> Iterator[bytes]:
        """The messages that are complete now."""
        self._data += data
        while len(self._data) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._data)
            end = _LENGTH.size + length
            if len(self._data) < end:
                return
            message = bytes(self._data[_LENGTH.size : end])
            del self._data[:end]
            yield message
