"""Group commit: what shares a batch, what is refused, and what happens when a batch fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
from twisted.internet.defer import Deferred, fail, succeed

from mqgate.engine.commits import PLANNED_AT_MOST
from mqgate.engine.errors import (
    InvalidRequest,
    MessageNotFound,
    NoRoom,
    OperationFailed,
    Overloaded,
    QueueNotFound,
    StoreUnavailable,
)
from mqgate.engine.intake import Limits
from mqgate.engine.values import NewMessage
from mqgate.storage.interface import (
    INSTANT_SHIFT,
    SLOT_SHIFT,
    Batch,
    Damaged,
    Get,
    Moved,
    Post,
    QueueRow,
    Stale,
    Unavailable,
    WorldRows,
)
from tests.engine.case import EngineCase


class SharingTests(EngineCase):
    """Batches and their caps."""

    limits = Limits(batch_rows=10, batch_bytes=1000)

    def ask(self, *bodies: bytes) -> Deferred[list[int]]:
        messages = [NewMessage(body) for body in bodies]
        return self.engine.post(self.world, "q", messages, policy="back")

    def test_what_one_turn_brings_is_one_batch(self) -> None:
        asked = [self.ask(b"1") for _ in range(9)]
        self.assertEqual(self.store.batches, [])
        self.turn()
        self.assertEqual(len(self.store.batches), 1)
        self.assertEqual(len({self.successResultOf(each)[0] for each in asked}), 9)

    def test_what_comes_while_a_batch_is_under_way_waits_for_the_next(self) -> None:
        held = self.hold_next_batch()
        first = self.ask(b"1")
        self.turn()
        later = [self.ask(b"2"), self.ask(b"3")]
        self.turn()
        self.assertNoResult(first)
        self.assertEqual(self.store.batches, [])
        held.callback(None)
        self.successResultOf(first)
        self.turn()
        self.assertEqual(len(self.store.batches), 2)
        for each in later:
            self.successResultOf(each)

    def test_a_batch_takes_as_many_rows_as_it_may(self) -> None:
        for each in [self.ask(*[b"x"] * 4) for _ in range(5)]:
            self.turn()
            self.turn()
            self.successResultOf(each)
        sizes = [
            [len(op.rows) for op in b.operations if isinstance(op, Post)]
            for b in self.store.batches
        ]
        self.assertEqual(sizes, [[4, 4], [4, 4], [4]])

    def test_a_batch_takes_as_many_bytes_as_it_may(self) -> None:
        asked = [self.ask(b"x" * 400) for _ in range(3)]
        self.pass_time(0)
        self.turn()
        self.assertEqual([len(batch.operations) for batch in self.store.batches], [2, 1])
        for each in asked:
            self.successResultOf(each)

    def test_one_request_larger_than_a_batch_is_a_batch_of_its_own(self) -> None:
        self.assertEqual(len(self.done(self.ask(*[b"x"] * 50))), 50)


class BackPressureTests(EngineCase):
    """What may wait to enter a batch."""

    limits = Limits(waiting_operations=3, waiting_bytes=100)

    def test_too_many_operations_are_refused_and_the_others_are_done(self) -> None:
        asked = [self.engine.peek(self.world, "q") for _ in range(4)]
        self.failureResultOf(asked[3], Overloaded)
        self.turn()
        for each in asked[:3]:
            self.assertEqual(self.successResultOf(each), [])
        self.assertEqual(self.take(), [])

    def test_too_many_bytes_are_refused_and_the_others_are_done(self) -> None:
        def ask() -> Deferred[list[int]]:
            return self.engine.post(self.world, "q", [NewMessage(b"x" * 60)], policy="back")

        first, second = ask(), ask()
        self.failureResultOf(second, Overloaded)
        self.turn()
        self.successResultOf(first)
        self.assertEqual(len(self.done(ask())), 1)


class FailingTests(EngineCase):
    """The database is away, or one operation cannot be done."""

    def choke_on_poison(self, batch: Batch) -> Deferred[Any] | None:
        posts = [op for op in batch.operations if isinstance(op, Post)]
        if any(row.data == b"poison" for op in posts for row in op.rows):
            return fail(ValueError("cannot be done"))
        return None

    def test_a_failed_commit_changes_nothing_and_the_next_one_is_tried(self) -> None:
        self.store.instead = lambda batch: fail(Unavailable("disk full"))
        asked = self.engine.post(self.world, "new", [NewMessage(b"1")], policy="back")
        self.refused(asked, StoreUnavailable)
        self.assertEqual(self.engine.trouble(), "disk full")
        self.store.instead = lambda batch: None
        self.refused(self.engine.info(self.world, "new"), QueueNotFound)
        self.assertEqual(self.engine.trouble(), "disk full", "nothing was written")
        self.post(b"2", queue="new")
        self.assertIsNone(self.engine.trouble())
        self.assertEqual(self.take(9, queue="new"), [b"2"])

    def test_who_only_reads_needs_nothing_written(self) -> None:
        """Not even the bound of the ids that a post before has drawn in vain."""
        (kept,) = self.post(b"1")
        self.pass_time(1)
        self.store.instead = lambda batch: fail(Unavailable("read-only"))
        asked = self.engine.post(self.world, "q", [NewMessage(b"2")] * 2, policy="back")
        self.refused(asked, StoreUnavailable)
        self.store.instead = lambda batch: None
        self.assertEqual(self.done(self.engine.get(self.world, "q", kept)).body, b"1")
        self.assertEqual(self.store.batches[-1].high, 0)
        (later,) = self.post(b"3")
        self.assertGreater(self.store.batches[-1].high, later)

    def test_damage_fails_those_who_need_the_damaged_part_and_stays(self) -> None:
        self.post(b"1", queue="sound")

        def tear(batch: Batch) -> Deferred[Any] | None:
            if any(isinstance(op, Get) for op in batch.operations):
                return fail(Damaged("queues.db is damaged"))
            return None

        self.store.instead = tear
        torn = self.engine.get(self.world, "sound", 5)
        sound = self.engine.reserve(self.world, "sound")
        for _ in range(6):
            self.turn()
        self.failureResultOf(torn, StoreUnavailable)
        self.assertEqual(len(self.successResultOf(sound)), 1)
        self.assertEqual(self.engine.trouble(), "queues.db is damaged")

    def test_writing_is_tried_by_itself_while_there_is_trouble(self) -> None:
        self.store.instead = lambda batch: fail(Unavailable("disk full"))
        self.refused(self.engine.peek(self.world, "q"), StoreUnavailable)
        self.pass_time(1)
        self.assertEqual(self.engine.trouble(), "disk full")
        self.store.instead = lambda batch: None
        self.pass_time(1)
        self.assertIsNone(self.engine.trouble())

    def test_only_the_culprit_of_a_failed_batch_fails(self) -> None:
        self.store.instead = self.choke_on_poison
        bodies = [b"a", b"poison", b"b", b"c"]
        asked = [
            self.engine.post(self.world, f"q{body.decode()}", [NewMessage(body)], policy="back")
            for body in bodies
        ]
        for _ in range(6):
            self.turn()
        for body, each in zip(bodies, asked, strict=True):
            if body == b"poison":
                self.failureResultOf(each, OperationFailed)
            else:
                self.successResultOf(each)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        names = [q.name for q in self.done(self.engine.list_queues(self.world, offset=0, limit=9))]
        self.assertEqual(names, ["qa", "qb", "qc"])

    def test_a_culprit_on_a_queue_with_waiting_polls_fails_alone_too(self) -> None:
        polls = [self.poll(), self.poll()]
        self.store.instead = self.choke_on_poison
        bad = self.engine.post(self.world, "q", [NewMessage(b"poison")], policy="back")
        other = self.engine.post(self.world, "other", [NewMessage(b"1")], policy="back")
        for _ in range(12):
            self.turn()
        self.failureResultOf(bad, OperationFailed)
        self.successResultOf(other)
        self.assertEqual(polls, [[], []])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.post(b"1", b"2")
        self.assertEqual(polls, [[[b"1"]], [[b"2"]]])

    def test_a_good_post_tried_alone_wakes_who_waits(self) -> None:
        answers = self.poll()
        self.store.instead = self.choke_on_poison
        self.engine.post(self.world, "x", [NewMessage(b"poison")], policy="back").addErrback(str)
        self.engine.post(self.world, "q", [NewMessage(b"1")], policy="back")
        for _ in range(12):
            self.turn()
        self.assertEqual(answers, [[b"1"]])
        self.flushLoggedErrors(ValueError)

    def test_those_refused_beside_a_culprit_hear_their_own_reason(self) -> None:
        self.store.instead = self.choke_on_poison
        bad = self.engine.post(self.world, "q", [NewMessage(b"poison")], policy="back")
        lost = self.engine.get(self.world, "missing", 5)
        for _ in range(6):
            self.turn()
        self.failureResultOf(bad, OperationFailed)
        self.failureResultOf(lost, QueueNotFound)
        self.flushLoggedErrors(ValueError)

    def test_a_message_that_cannot_even_be_planned_fails_alone(self) -> None:
        bad: Any = NewMessage(b"x", delay="soon")  # type: ignore[arg-type]
        asked = self.engine.post(self.world, "q", [bad], policy="back")
        good = self.engine.post(self.world, "q", [NewMessage(b"1")], policy="back")
        self.refused(asked, OperationFailed)
        self.successResultOf(good)
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)

    def test_a_queue_is_not_made_for_a_message_that_cannot_be_planned(self) -> None:
        bad: Any = NewMessage(b"x", delay="soon")  # type: ignore[arg-type]
        self.refused(self.engine.post(self.world, "q", [bad], policy="back"), OperationFailed)
        self.flushLoggedErrors(TypeError)
        self.refused(self.engine.info(self.world, "q"), QueueNotFound)

    def test_without_room_nothing_is_taken_in_but_all_else_goes_on(self) -> None:
        (first, second) = self.post(b"1", b"2")
        self.store.room = False
        message = [NewMessage(b"3")]
        self.refused(self.engine.post(self.world, "q", message, policy="back"), NoRoom)
        self.refused(self.engine.update(self.world, "new", {}, policy="back"), NoRoom)
        self.assertEqual(self.take(), [b"1"])
        self.done(self.engine.release(self.world, "q", first))
        self.done(self.engine.touch(self.world, "q", second))
        self.done(self.engine.update(self.world, "q", {"a": 1}, policy="back"))
        self.assertEqual(self.done(self.engine.delete(self.world, "q", [first])), {first})
        self.store.room = True
        self.post(b"4")


class RefusingTests(EngineCase):
    """What no store could take never enters a batch."""

    def test_ids_beyond_63_bits_are_nobodys(self) -> None:
        (id_,) = self.post(b"1")
        for bad in (0, -1, 1 << 63, 1 << 200):
            for verb in (self.engine.get, self.engine.touch, self.engine.release):
                self.refused(verb(self.world, "q", bad), MessageNotFound)
            self.assertEqual(self.done(self.engine.delete(self.world, "q", [bad, id_])), {id_})
            (id_,) = self.post(b"1")

    def test_a_name_with_a_nul_is_refused(self) -> None:
        for asked in (
            self.engine.post(self.world, "a\0b", [NewMessage(b"1")], policy="back"),
            self.engine.reserve(self.world, "a\0b", wait=100),
            self.engine.info(self.world, "a\0b"),
            self.engine.get(self.world, "a\0b", 5),
        ):
            self.failureResultOf(asked, InvalidRequest)

    def test_a_name_that_is_no_text_is_refused(self) -> None:
        self.failureResultOf(self.engine.info(self.world, "\ud800"), InvalidRequest)

    def test_no_messages_at_all_cannot_be_asked_for(self) -> None:
        for n in (0, -1):
            self.failureResultOf(self.engine.reserve(self.world, "q", n), InvalidRequest)
            self.failureResultOf(self.engine.peek(self.world, "q", n), InvalidRequest)

    def test_a_post_of_nothing_is_refused(self) -> None:
        self.failureResultOf(self.engine.post(self.world, "q", [], policy="back"), InvalidRequest)


class OutdatedTests(EngineCase):
    """Another gateway changed the catalogue meanwhile."""

    def others_queue(self) -> Stale:
        row = QueueRow(self.world, 50, "theirs", 51, "back", {}, 0, 0, 7)
        return Stale((WorldRows(self.world, 7, 52, False, (row,)),))

    def test_an_outdated_plan_is_made_anew(self) -> None:
        self.post(b"1")
        answers: Iterator[Deferred[Any]] = iter([succeed(self.others_queue())])
        seen: list[Batch] = []

        def other_gateway(batch: Batch) -> Deferred[Any]:
            seen.append(batch)
            # The file knows nothing of the other gateway: so it is asked about nothing.
            return next(answers, succeed([(3, 4)] * len(batch.operations)))

        self.store.instead = other_gateway
        info = self.done(self.engine.info(self.world, "theirs"))
        self.assertEqual((info.number, info.size, info.total), (50, 3, 4))
        self.assertEqual([batch.versions[0][1] for batch in seen], [1, 7])

    def test_a_queue_is_missing_only_if_the_plan_was_current(self) -> None:
        self.post(b"1")
        answers: Iterator[Deferred[Any]] = iter([succeed(self.others_queue()), succeed([()])])
        self.store.instead = lambda batch: next(answers, None)
        self.assertEqual(self.done(self.engine.delete(self.world, "theirs", [5])), frozenset())

    def test_a_catalogue_that_never_holds_still_is_given_up_on(self) -> None:
        self.store.instead = lambda batch: succeed(self.others_queue())
        self.refused(self.engine.info(self.world, "q"), StoreUnavailable)
        self.assertEqual(len(self.store.batches), PLANNED_AT_MOST)
        self.store.instead = lambda batch: None


class MovedTests(EngineCase):
    """Another gateway had this one's slot."""

    def test_the_batch_is_planned_again_with_ids_of_the_new_slot(self) -> None:
        (before,) = self.post(b"1")
        high = before + (5000 << INSTANT_SHIFT)
        answers = iter([succeed(Moved(9, high))])
        self.store.instead = lambda batch: next(answers, None)
        ids = self.post(b"2", b"3")
        self.assertEqual([each >> SLOT_SHIFT & 1023 for each in ids], [9, 9])
        self.assertGreater(min(ids), high)
        first, second = self.store.batches[-2:]
        self.assertFalse(posted(first) & posted(second))
        self.assertEqual(posted(second), set(ids))
        self.assertGreaterEqual(second.high, max(ids))  # what the new slot has given out
        self.assertEqual(self.take(9), [b"1", b"2", b"3"])

    def test_a_gateway_that_finds_no_slot_to_stay_in_gives_up(self) -> None:
        self.store.instead = lambda batch: succeed(Moved(9, 0))
        self.refused(
            self.engine.post(self.world, "q", [NewMessage(b"1")], policy="back"), StoreUnavailable
        )
        self.assertEqual(len(self.store.batches), PLANNED_AT_MOST)
        self.store.instead = lambda batch: None


def posted(batch: Batch) -> set[int]:
    """The ids of what is posted in a batch."""
    return {row.id for each in batch.operations if isinstance(each, Post) for row in each.rows}


class RestartTests(EngineCase):
    """What another engine finds on the same file."""

    def test_everything_is_there_again(self) -> None:
        self.post(b"1", b"2", b"3")
        (one, two) = self.done(self.engine.reserve(self.world, "q", 2))
        self.done(self.engine.delete(self.world, "q", [one.id]))
        self.done(self.engine.update(self.world, "q", {"a": [1]}, policy="back"))
        before = self.done(self.engine.info(self.world, "q"))
        self.finish()
        self.start()
        self.assertEqual(self.done(self.engine.info(self.world, "q")), before)
        self.assertEqual(self.done(self.engine.get(self.world, "q", one.id)).state, 3)
        self.assertEqual(self.take(9), [b"3"])
        self.pass_time(60)
        self.assertEqual(self.take(9), [b"2", b"3"])
        self.assertEqual(two.body, b"2")

    def test_ids_do_not_repeat_when_the_clock_was_set_back(self) -> None:
        (before,) = self.post(b"1")
        self.finish()
        self.clock.rightNow -= 3600
        self.start()
        (after,) = self.post(b"2")
        self.assertGreater(after, before)

    def test_stopping_waits_for_the_batch_under_way_and_what_waits_behind_it(self) -> None:
        held = self.hold_next_batch()
        first = self.engine.post(self.world, "q", [NewMessage(b"1")], policy="back")
        self.turn()
        second = self.engine.post(self.world, "q", [NewMessage(b"2")], policy="back")
        stopped = self.engine.stop()
        self.turn()
        self.assertNoResult(stopped)
        held.callback(None)
        self.turn()
        self.turn()
        self.successResultOf(first)
        self.successResultOf(second)
        self.successResultOf(stopped)


class SettingsTests(EngineCase):
    """Queues and what a dialect keeps with them."""

    def test_settings_are_laid_over_those_there_are(self) -> None:
        info = self.done(self.engine.update(self.world, "q", {"a": 1, "b": 2}, policy="back"))
        self.assertEqual(info.settings, {"a": 1, "b": 2})
        info = self.done(self.engine.update(self.world, "q", {"b": 3}, policy="place"))
        self.assertEqual(info.settings, {"a": 1, "b": 3})

    def test_an_update_that_changes_nothing_writes_no_catalogue(self) -> None:
        self.done(self.engine.update(self.world, "q", {"a": 1}, policy="back"))
        self.store.batches.clear()
        self.done(self.engine.update(self.world, "q", {}, policy="back"))
        self.assertEqual(self.store.batches[0].changes, ())

    def test_a_queue_deleted_and_made_again_is_another(self) -> None:
        (id_,) = self.post(b"1")
        before = self.done(self.engine.info(self.world, "q"))
        deleted = self.engine.delete_queue(self.world, "q")
        posted = self.engine.post(self.world, "q", [NewMessage(b"2")], policy="back")
        self.done(deleted)
        self.successResultOf(posted)
        after = self.done(self.engine.info(self.world, "q"))
        self.assertNotEqual(before.number, after.number)
        self.assertEqual((after.size, after.total), (1, 1))
        self.refused(self.engine.get(self.world, "q", id_), MessageNotFound)

    def test_queues_are_listed_by_name_in_pages(self) -> None:
        for name in ("b", "ä", "a", "B", "c"):
            self.post(b"1", queue=name)
        self.done(self.engine.delete_queue(self.world, "c"))
        self.post(b"1", queue="bb")

        def page(offset: int, limit: int) -> list[str]:
            asked = self.engine.list_queues(self.world, offset=offset, limit=limit)
            return [attrs.asdict(each)["name"] for each in self.done(asked)]

        self.assertEqual(page(0, 9), ["B", "a", "b", "bb", "ä"])
        self.assertEqual(page(1, 2), ["a", "b"])
        self.assertEqual(page(9, 2), [])
