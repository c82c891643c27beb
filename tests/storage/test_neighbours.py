"""What processes that share a file tell each other."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mqgate.storage.interface import StoreError
from mqgate.storage.runners import Inline
from mqgate.storage.sharing import Seat
from mqgate.storage.sqlite import SQLiteStore, places
from mqgate.storage.sqlite.neighbours import (
    LARGEST,
    LONGEST_RETRY_SECONDS,
    NAMED,
    RETRY_SECONDS,
    Neighbours,
)
from mqgate.storage.sqlite.sharing import SharedFile


class ReadingClock(Clock):
    """A clock with readers, which are to be called by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[Neighbours] = []

    def addReader(self, reader: Neighbours) -> None:
        """See `IReactorFDSet`."""
        self.readers.append(reader)

    def removeReader(self, reader: Neighbours) -> None:
        """See `IReactorFDSet`."""
        self.readers.remove(reader)


class Heard:
    """Whom a store tells."""

    def __init__(self) -> None:
        self.queues: list[Sequence[tuple[int, str]] | None] = []

    def readied(self, queues: Sequence[tuple[int, str]] | None) -> None:
        """See `Peers`."""
        self.queues.append(queues)

    def ahead(self, milliseconds: int) -> None:
        """See `Peers`."""


class NeighboursTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = ReadingClock()
        boxes = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(3)]
        for box in boxes:
            for each in box:
                self.addCleanup(each.close)
        self.boxes = boxes
        self.neighbours = [self.at(slot) for slot in range(3)]
        self.heard = [Heard() for _ in range(3)]
        for neighbour, heard in zip(self.neighbours, self.heard, strict=True):
            neighbour.attend(heard)

    def at(self, slot: int) -> Neighbours:
        outlets = [os.dup(box[1].fileno()) for i, box in enumerate(self.boxes) if i != slot]
        seat = Seat(slot, os.dup(self.boxes[slot][0].fileno()), tuple(outlets))
        neighbours = Neighbours(self.clock, seat)
        self.addCleanup(neighbours.close)
        return neighbours

    def read(self) -> list[list[Sequence[tuple[int, str]] | None]]:
        for reader in self.clock.readers:
            reader.doRead()
        return [heard.queues for heard in self.heard]

    def test_all_the_others_hear_of_it(self) -> None:
        self.neighbours[1].announce([(1, "a"), (2, "ü/\0")])
        told = [[(1, "a"), (2, "ü/\0")]]
        self.assertEqual(self.read(), [told, [], told])

    def test_what_comes_together_is_told_once(self) -> None:
        for _ in range(3):
            self.neighbours[0].announce([(1, "a")])
        self.neighbours[2].announce([(1, "b")])
        self.assertEqual(self.read()[1], [[(1, "a"), (1, "b")]])

    def test_too_many_are_any_of_them(self) -> None:
        self.neighbours[0].announce([(1, str(number)) for number in range(NAMED + 1)])
        self.neighbours[0].announce([(1, "x" * LARGEST)])
        self.neighbours[0].announce([(1, "a")])
        self.assertEqual(self.read()[1], [None])

    def test_who_is_busy_hears_of_it_later(self) -> None:
        names = [f"q{number}" for number in range(1000)]
        for name in names:
            self.neighbours[0].announce([(1, name)])
        for _ in range(20):
            self.read()
            self.clock.advance(RETRY_SECONDS)
        heard = {name for queues in self.heard[1].queues for _, name in queues or ()}
        self.assertEqual(heard, set(names))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_who_hears_nothing_at_all_is_asked_less_and_less_often(self) -> None:
        tries = 0
        for number in range(3 * NAMED):
            self.neighbours[0].announce([(1, str(number))])
        for _ in range(60_000):
            (call,) = self.clock.getDelayedCalls()
            self.clock.advance(0.001)
            tries += not call.active()
        self.assertLess(tries, 60 / LONGEST_RETRY_SECONDS + 20)
        for _ in range(30):
            self.read()
        self.clock.advance(LONGEST_RETRY_SECONDS)
        self.assertEqual(self.read()[1][-1], None)

    def test_whoever_replaces_one_hears_what_was_told_meanwhile(self) -> None:
        self.neighbours[1].close()
        self.neighbours[0].announce([(1, "a")])
        heard = Heard()
        self.at(1).attend(heard)
        self.read()
        self.assertEqual(heard.queues, [[(1, "a")]])

    def test_after_its_end_it_leaves_nothing_behind(self) -> None:
        for number in range(100):
            self.neighbours[0].announce([(1, str(number))])
        for each in self.neighbours:
            each.close()
            each.close()
        self.assertEqual((self.clock.getDelayedCalls(), self.clock.readers), ([], []))


class StoreTests(SynchronousTestCase):
    """Stores of two workers over one file."""

    def setUp(self) -> None:
        self.path = os.path.abspath(self.mktemp())
        self.clock = ReadingClock()

    def store(self, seat: Seat) -> SQLiteStore:
        descriptors = os.dup(seat.inbox or 0), tuple(map(os.dup, seat.outlets))
        neighbours = Neighbours(self.clock, Seat(seat.slot, *descriptors))
        place = places.worker(self.path, seat.slot, self.clock.seconds, neighbours)
        return SQLiteStore(self.path, Inline(), place=place)

    def test_they_have_slots_of_their_own_and_hear_of_each_other(self) -> None:
        first = SQLiteStore(self.path, Inline(), place=places.first(self.path))
        shared = SharedFile(self.path, first, 2, self.clock.seconds, 10.0)
        shared.open()
        self.addCleanup(shared.close)
        self.assertEqual((first.open().slot, first.shared), (0, False))
        self.successResultOf(first.close())
        stores = [self.store(shared.seat(slot)[0]) for slot in range(2)]
        self.assertEqual([store.open().slot for store in stores], [0, 1])
        self.assertEqual([store.shared for store in stores], [True, True])
        heard = Heard()
        stores[1].attend(heard)
        stores[0].announce([(1, "q")])
        stores[1]._place.neighbours.doRead()  # type: ignore[union-attr]
        self.assertEqual(heard.queues, [[(1, "q")]])
        for store in stores:
            self.successResultOf(store.close())
        self.assertEqual(self.clock.readers, [])

    def test_they_neither_make_nor_upgrade_it(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
            store = self.store(Seat(0, inbox.fileno()))
        error = self.assertRaises(StoreError, store.open)
        self.assertIn("there is no database", str(error))
