"""Long polls: who is woken, by what, and when."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, fail

from mqgate.engine.errors import StoreUnavailable
from mqgate.engine.values import NewMessage
from mqgate.storage.interface import Reserve, Unavailable
from tests.engine.case import EngineCase


class WaitingTests(EngineCase):
    """One gateway, many polls."""

    def test_a_poll_on_a_queue_with_messages_does_not_wait(self) -> None:
        self.post(b"1")
        self.assertEqual(self.poll(), [[b"1"]])

    def test_who_waits_is_served_before_who_comes_with_the_message(self) -> None:
        answers = self.poll()
        newcomer = self.engine.reserve(self.world, "q")
        self.post(b"1")
        self.assertEqual((answers, self.successResultOf(newcomer)), ([[b"1"]], []))

    def test_a_poll_and_the_post_that_makes_its_queue_share_a_turn(self) -> None:
        asked = self.engine.reserve(self.world, "new", wait=1000)
        self.post(b"1", queue="new")
        self.assertEqual([message.body for message in self.successResultOf(asked)], [b"1"])

    def test_what_was_removed_from_a_queue_does_not_come_back_into_its_successor(self) -> None:
        self.post(b"1")
        taken = self.done(self.engine.reserve(self.world, "q", remove=True))
        self.done(self.engine.delete_queue(self.world, "q"))
        self.post(b"2")
        self.engine.give_back(self.world, "q", taken, removed=True)
        self.turn()
        self.assertEqual(self.take(9), [b"2"])

    def test_a_post_wakes_the_poll_in_the_same_commit(self) -> None:
        answers = self.poll()
        self.store.batches.clear()
        self.post(b"1")
        self.assertEqual(answers, [[b"1"]])
        self.assertEqual(len(self.store.batches), 1)

    def test_first_come_first_served_one_message_wakes_one_poll(self) -> None:
        polls = [self.poll() for _ in range(3)]
        self.post(b"1")
        self.assertEqual(polls, [[[b"1"]], [], []])
        self.post(b"2", b"3")
        self.assertEqual(polls, [[[b"1"]], [[b"2"]], [[b"3"]]])

    def test_a_poll_takes_what_is_there_and_does_not_wait_for_more(self) -> None:
        first, second = self.poll(n=3), self.poll(n=3)
        self.post(b"1", b"2")
        self.assertEqual((first, second), ([[b"1", b"2"]], []))

    def test_a_poll_waits_for_a_queue_that_is_yet_to_be_made(self) -> None:
        answers = self.poll(queue="later")
        self.post(b"1", queue="later")
        self.assertEqual(answers, [[b"1"]])

    def test_a_poll_waits_on_through_the_end_of_its_queue(self) -> None:
        self.post(b"1")
        self.take()
        answers = self.poll()
        self.done(self.engine.delete_queue(self.world, "q"))
        self.post(b"2")
        self.assertEqual(answers, [[b"2"]])

    def test_posts_to_other_queues_and_worlds_wake_nobody(self) -> None:
        answers = self.poll()
        self.post(b"1", queue="other")
        (self.world,) = self.store.worlds([["a:other"]])
        self.post(b"1")
        self.assertEqual(answers, [])

    def test_time_runs_out_with_an_empty_answer(self) -> None:
        answers = self.poll(wait=5000)
        self.pass_time(4.999)
        self.assertEqual(answers, [])
        self.pass_time(0.001)
        self.assertEqual(answers, [[]])
        self.post(b"1")
        self.assertEqual(self.take(), [b"1"])

    def test_a_release_wakes(self) -> None:
        (id_,) = self.post(b"1")
        self.take()
        answers = self.poll()
        self.done(self.engine.release(self.world, "q", id_))
        self.assertEqual(answers, [[b"1"]])

    def test_a_released_message_with_a_delay_wakes_when_it_is_due(self) -> None:
        (id_,) = self.post(b"1")
        self.take()
        answers = self.poll()
        self.done(self.engine.release(self.world, "q", id_, delay=3000))
        self.pass_time(2.9)
        self.assertEqual(answers, [])
        self.pass_time(0.1)
        self.assertEqual(answers, [[b"1"]])

    def test_the_end_of_a_delay_wakes_whoever_came_first(self) -> None:
        self.post(b"1", delay=3000)
        before = self.poll()
        self.post(b"2", delay=1000)
        self.pass_time(1)
        self.assertEqual(before, [[b"2"]])
        after = self.poll()
        self.pass_time(2)
        self.assertEqual(after, [[b"1"]])

    def test_a_lapsed_reservation_wakes(self) -> None:
        self.post(b"1", timeout=4000)
        self.take()
        answers = self.poll()
        self.pass_time(4)
        self.assertEqual(answers, [[b"1"]])

    def test_a_reservation_made_after_the_poll_came_wakes_it_too(self) -> None:
        first, second = self.poll(), self.poll()
        self.post(b"1", timeout=4000)
        self.assertEqual(first, [[b"1"]])
        self.pass_time(4)
        self.assertEqual(second, [[b"1"]])

    def test_a_reservation_made_in_the_polls_own_batch_wakes_it(self) -> None:
        self.post(b"1", timeout=4000)
        first = self.engine.reserve(self.world, "q")
        second = self.engine.reserve(self.world, "q", wait=30_000)
        self.assertEqual(len(self.done(first)), 1)
        self.pass_time(4)
        self.assertEqual(len(self.done(second)), 1)

    def test_a_touch_puts_the_wake_up_off(self) -> None:
        (id_,) = self.post(b"1", timeout=4000)
        self.take()
        answers = self.poll()
        self.pass_time(3)
        self.done(self.engine.touch(self.world, "q", id_))
        self.pass_time(3.9)
        self.assertEqual(answers, [])
        self.pass_time(0.1)
        self.assertEqual(answers, [[b"1"]])

    def test_a_touch_that_shortens_a_reservation_wakes_sooner(self) -> None:
        (id_,) = self.post(b"1", timeout=2000)
        self.take(lease=10_000)
        answers = self.poll()
        self.done(self.engine.touch(self.world, "q", id_))
        self.pass_time(2)
        self.assertEqual(answers, [[b"1"]])

    def test_who_goes_back_into_line_keeps_the_place(self) -> None:
        self.post(b"1", timeout=2000)
        self.take()
        first = self.poll()
        second = self.poll()
        self.pass_time(1)
        third = self.poll()
        self.pass_time(1)
        self.assertEqual((first, second, third), ([[b"1"]], [], []))
        self.post(b"2")
        self.assertEqual((second, third), ([[b"2"]], []))

    def test_a_cancelled_poll_takes_nothing(self) -> None:
        self.poll()
        gone = self.last_poll
        stays = self.poll()
        gone.cancel()
        self.assertEqual(self.engine.waiting, 1)
        self.post(b"1")
        self.assertEqual(stays, [[b"1"]])

    def test_a_poll_cancelled_while_its_batch_is_under_way_gives_back(self) -> None:
        self.post(b"1", b"2")
        asked = self.engine.reserve(self.world, "q")
        held = self.hold_next_batch()
        self.turn()
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        held.callback(None)
        self.turn()
        (first, second) = self.done(self.engine.reserve(self.world, "q", 2))
        self.assertEqual((first.body, first.count), (b"1", 2))
        self.assertEqual((second.body, second.count), (b"2", 1))

    def test_a_poll_cancelled_before_its_batch_is_made_touches_nothing(self) -> None:
        self.post(b"1")
        asked = self.engine.reserve(self.world, "q", wait=1000)
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        (message,) = self.done(self.engine.reserve(self.world, "q"))
        self.assertEqual(message.count, 1)

    def test_what_is_given_back_wakes_the_next_in_line(self) -> None:
        self.post(b"1")
        taken = self.done(self.engine.reserve(self.world, "q"))
        answers = self.poll()
        self.engine.give_back(self.world, "q", taken)
        self.turn()
        self.assertEqual(answers, [[b"1"]])

    def test_a_long_line_is_woken_as_far_as_there_is_something_to_be_had(self) -> None:
        for _ in range(3):
            self.post(b"x", delay=1000)
        polls = [self.poll() for _ in range(100)]
        self.store.batches.clear()
        self.pass_time(1)
        self.turn()
        self.assertEqual(polls, [[[b"x"]]] * 3 + [[]] * 97)
        looks = [op for batch in self.store.batches for op in batch.operations]
        self.assertLess(len([op for op in looks if isinstance(op, Reserve)]), 20)
        self.assertEqual(self.engine.waiting, 97)

    def test_a_post_makes_nobody_look_in_vain(self) -> None:
        polls = [self.poll() for _ in range(3)]
        self.store.batches.clear()
        self.post(b"1")
        self.turn()
        self.assertEqual((polls[0], len(self.store.batches)), ([[b"1"]], 1))

    def test_everybody_is_served_when_much_comes_due_at_once(self) -> None:
        self.post(*[b"x"] * 50, delay=1000)
        polls = [self.poll() for _ in range(60)]
        self.pass_time(1)
        for _ in range(60):
            self.turn()
        self.assertEqual(polls, [[[b"x"]]] * 50 + [[]] * 10)

    def test_a_poll_in_a_failing_batch_is_answered_when_the_server_stops(self) -> None:
        answers = self.poll()
        held = self.hold_next_batch()
        posted = self.engine.post(self.world, "q", [NewMessage(b"1")], policy="back")
        self.turn()
        self.engine.drain()
        self.store.instead = lambda batch: fail(Unavailable("no disk"))
        held.callback(None)
        self.turn()
        self.failureResultOf(posted, StoreUnavailable)
        self.assertEqual(answers, [[]])

    def test_what_was_removed_is_given_back_even_if_the_database_is_away(self) -> None:
        self.post(b"1", b"2")
        taken = self.done(self.engine.reserve(self.world, "q", remove=True))
        self.store.instead = lambda batch: fail(Unavailable("no disk"))
        self.engine.give_back(self.world, "q", taken, removed=True)
        self.pass_time(1)
        self.assertEqual(self.flushLoggedErrors(), [])
        self.store.instead = lambda batch: None
        self.pass_time(1)
        self.pass_time(1)
        self.assertEqual(self.take(9), [b"1", b"2"])

    def test_draining_answers_all_with_nothing_and_nobody_waits_any_more(self) -> None:
        polls = [self.poll(), self.poll(queue="other")]
        self.engine.drain()
        self.assertEqual(polls, [[[]], [[]]])
        self.assertEqual(self.poll(), [[]])
        self.assertEqual(self.engine.waiting, 0)

    def test_a_poll_called_for_a_post_that_fails_goes_on_waiting(self) -> None:
        answers = self.poll()
        self.store.instead = lambda batch: fail(Unavailable("no disk"))
        message = [NewMessage(b"1")]
        posted = self.engine.post(self.world, "q", message, policy="back")
        self.assertIn("database", self.refused(posted, StoreUnavailable))
        self.assertEqual(answers, [])
        self.store.instead = lambda batch: None
        self.post(b"2")
        self.assertEqual(answers, [[b"2"]])

    def test_a_waiting_poll_looks_again_by_itself_once_the_database_is_back(self) -> None:
        self.post(b"1", timeout=1000)
        self.take()
        answers = self.poll()
        self.store.instead = lambda batch: fail(Unavailable("no disk"))
        self.pass_time(1)
        self.store.instead = lambda batch: None
        self.assertEqual(answers, [])
        self.pass_time(1)
        self.assertEqual(answers, [[b"1"]])

    def test_a_poll_that_comes_while_the_database_is_away_is_told(self) -> None:
        self.store.instead = lambda batch: fail(Unavailable("no disk"))
        self.refused(self.engine.reserve(self.world, "q", wait=1000), StoreUnavailable)

    def test_a_wait_is_over_while_its_batch_is_under_way(self) -> None:
        answers: list[object] = []
        held = self.hold_next_batch()
        self.engine.reserve(self.world, "q", wait=1000).addCallback(answers.append)
        self.turn()
        self.pass_time(2)
        self.assertEqual(answers, [])
        held.callback(None)
        self.assertEqual(answers, [[]])
