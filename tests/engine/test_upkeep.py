"""The engine's chores: what expires, what was left behind, and the space it took."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from twisted.internet.defer import fail, succeed

from mqgate.engine.errors import MessageNotFound, QueueNotFound
from mqgate.engine.upkeep import SLICE, SWEPT_AT_ONCE, TOMBSTONE
from mqgate.storage.interface import (
    Batch,
    Change,
    EmptyShelves,
    Forget,
    QueueRow,
    Reshelf,
    Sweep,
    Unavailable,
)
from tests.engine.case import EngineCase


class UpkeepCase(EngineCase):
    """Looks into the file beside the engine."""

    def rows(self, query: str) -> Any:
        self.assertEqual(self.database.problems(), [])
        return self.database.rows(query)

    def stored(self) -> int:
        """Messages in the file; what is left of others must be gone as well."""
        ((messages,),) = self.rows("SELECT count(*) FROM msg")
        return int(messages)

    def chores(self, kind: type) -> list[Any]:
        return [
            op for batch in self.store.batches for op in batch.operations if isinstance(op, kind)
        ]


class ExpiryTests(UpkeepCase):
    """Messages vanish on time."""

    def test_an_expired_message_is_gone_at_once_and_swept_within_a_second(self) -> None:
        (id_,) = self.post(b"1", expires_in=5000)
        self.post(b"2", expires_in=90_000)
        self.pass_time(5)
        self.assertEqual(self.done(self.engine.info(self.world, "q")).size, 1)
        self.refused(self.engine.get(self.world, "q", id_), MessageNotFound)
        self.pass_time(1)
        self.assertEqual(self.stored(), 1)

    def test_the_next_expiry_drives_the_sweep_but_for_a_look_each_minute(self) -> None:
        self.post(b"1", expires_in=3_600_000)
        self.pass_time(1)
        self.store.batches.clear()
        for _ in range(3598):
            self.pass_time(1)
        self.assertIn(len(self.chores(Sweep)), (59, 60))
        self.pass_time(1)
        self.pass_time(1)
        self.assertEqual(self.stored(), 0)

    def test_a_later_post_that_expires_earlier_is_swept_in_time(self) -> None:
        self.post(b"1", expires_in=3_600_000)
        self.post(b"2", expires_in=2000)
        self.pass_time(2)
        self.pass_time(1)
        self.assertEqual(self.stored(), 1)

    def test_many_are_swept_in_slices(self) -> None:
        for _ in range(3):
            self.post(*[b"x"] * SWEPT_AT_ONCE, expires_in=1000)
        self.pass_time(1)
        self.assertEqual(self.stored(), 2 * SWEPT_AT_ONCE)
        self.pass_time(0.01)
        self.assertEqual(self.stored(), SWEPT_AT_ONCE)
        self.pass_time(0.01)
        self.assertEqual(self.stored(), 0)

    def test_what_was_remembered_long_enough_is_swept(self) -> None:
        (id_,) = self.post(b"1")
        self.done(self.engine.delete(self.world, "q", [id_]))
        self.pass_time(599)
        self.assertEqual(self.stored(), 1)
        self.pass_time(1)
        self.pass_time(1)
        self.assertEqual(self.stored(), 0)

    def test_what_expired_while_nobody_ran_is_swept_at_start(self) -> None:
        self.post(b"1", expires_in=1000)
        self.finish()
        self.clock.advance(5)
        self.start()
        self.assertEqual(self.stored(), 0)

    def test_a_sweep_that_failed_is_tried_again(self) -> None:
        self.post(b"1", expires_in=1000)
        self.store.instead = lambda batch: fail(Unavailable("no disk"))
        self.pass_time(1)
        self.store.instead = lambda batch: None
        self.pass_time(1)
        self.pass_time(1)
        self.assertEqual(self.stored(), 0)


class ShelfTests(UpkeepCase):
    """Clear and delete are one small step, whatever they leave behind."""

    def fill(self, slices: int) -> None:
        for _ in range(slices):
            self.post(*[b"x"] * SLICE)

    def test_a_clear_moves_no_message_and_the_rest_goes_in_slices(self) -> None:
        self.fill(2)
        self.take()
        self.store.batches.clear()
        self.done(self.engine.clear(self.world, "q"))
        self.assertEqual(self.store.batches[0].changes[0].reshelved[0].old, 2)
        self.assertEqual(self.take(9), [])
        self.post(b"kept")
        self.assertEqual(self.done(self.engine.info(self.world, "q")).size, 1)
        for _ in range(5):
            self.pass_time(0.01)
        self.assertEqual(self.stored(), 1)
        self.assertEqual({op.limit for op in self.chores(EmptyShelves)}, {SLICE})
        self.assertEqual(self.rows("SELECT * FROM old_shelf"), [])
        self.assertEqual(self.take(9), [b"kept"])

    def test_the_total_survives_a_clear(self) -> None:
        self.fill(1)
        self.done(self.engine.clear(self.world, "q"))
        self.post(b"1")
        info = self.done(self.engine.info(self.world, "q"))
        self.assertEqual((info.size, info.total), (1, SLICE + 1))

    def test_a_deleted_queue_leaves_nothing(self) -> None:
        self.fill(1)
        self.post(b"later", delay=5000)
        self.done(self.engine.delete_queue(self.world, "q"))
        self.refused(self.engine.info(self.world, "q"), QueueNotFound)
        for _ in range(5):
            self.pass_time(0.01)
        self.assertEqual(self.stored(), 0)
        self.assertEqual(self.rows("SELECT * FROM qstat"), [])

    def test_a_shelf_left_by_an_earlier_run_is_emptied(self) -> None:
        self.fill(2)
        self.done(self.engine.clear(self.world, "q"))
        self.finish()
        self.start()
        for _ in range(5):
            self.pass_time(0.01)
        self.assertEqual(self.stored(), 0)

    def test_a_shelf_that_somebody_else_left_is_found(self) -> None:
        self.post(b"1")
        other = self.database.store(beside=True)
        other.open()
        move = Reshelf(self.world, 2, None)
        gone = QueueRow(self.world, 1, "q", 2, "back", {}, 0, self.now(), 2)
        change = Change(self.world, 2, 3, (gone,), (move,))
        other.run(Batch(self.now(), (), (change,), (), 0))
        other.close()
        for _ in range(62):
            self.pass_time(1)
        self.assertEqual(self.stored(), 0)

    def test_two_shelves_left_at_once_are_both_emptied(self) -> None:
        self.post(b"1")
        self.post(b"2", queue="other")
        cleared = [self.engine.clear(self.world, name) for name in ("q", "other")]
        for each in cleared:
            self.done(each)
        for _ in range(5):
            self.pass_time(0.01)
        self.assertEqual(self.stored(), 0)

    def test_emptying_goes_on_after_a_failure(self) -> None:
        self.fill(1)
        self.done(self.engine.clear(self.world, "q"))
        self.store.instead = lambda batch: fail(Unavailable("no disk"))
        self.pass_time(0.01)
        self.store.instead = lambda batch: None
        for _ in range(5):
            self.pass_time(1)
        self.assertEqual(self.stored(), 0)


class RestTests(UpkeepCase):
    """Space, tombstones, and chores that fail."""

    def test_space_is_given_back_slice_after_slice_while_there_is_more(self) -> None:
        answers = iter([True, True, False])
        asked: list[float] = []

        def tidy() -> Any:
            asked.append(self.clock.seconds())
            return succeed(next(answers, False))

        self.store.tidy = tidy  # type: ignore[method-assign]
        for _ in range(250):
            self.pass_time(0.01)
        pauses = [round(after - before, 2) for before, after in pairwise(asked)]
        self.assertEqual(len(asked), 4)
        self.assertTrue(all(pause < 0.1 for pause in pauses[:2]), pauses)
        self.assertGreaterEqual(pauses[2], 0.9)

    def test_a_failing_chore_is_logged_and_harms_nobody(self) -> None:
        self.store.tidy = lambda: fail(ValueError("odd"))  # type: ignore[method-assign]
        self.pass_time(1)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.post(b"1")
        self.assertEqual(self.take(), [b"1"])

    def test_tombstones_are_forgotten_after_a_while(self) -> None:
        self.post(b"1")
        self.done(self.engine.delete_queue(self.world, "q"))
        self.pass_time(2)
        self.assertEqual(len(self.rows("SELECT * FROM queue")), 1)
        for _ in range(3):
            self.pass_time(TOMBSTONE / 1000)
        self.assertEqual(self.rows("SELECT * FROM queue"), [])
        self.assertTrue(self.chores(Forget))
        self.assertEqual(self.done(self.engine.list_queues(self.world, offset=0, limit=9)), [])
