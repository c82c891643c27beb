"""Pushing, as the engine does it: who is tried when, and what is written down of it."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.logger import capturedLogs

from mqgate.engine.allowance import Allowance, QueueRule
from mqgate.engine.deliveries import (
    DELIVERED,
    FAILED,
    QUEUED,
    RESERVED,
    RETRYING,
    Failed,
    Forwarded,
    PushLimits,
)
from mqgate.engine.errors import InvalidRequest, MessageNotFound
from mqgate.engine.values import (
    DELETED,
    FANOUT,
    PUSHED,
    NewAlert,
    NewMessage,
    Topology,
)
from mqgate.storage.interface import Batch, Unavailable
from tests.engine.push_case import DONE, LATER, NO, RETRY_SECONDS, PushCase


class TryTests(PushCase):
    """One message, one receiver."""

    def setUp(self) -> None:
        super().setUp()
        self.make(["a"])

    def test_a_message_is_carried_with_all_that_its_carrier_has_to_know(self) -> None:
        posted = self.engine.post(
            self.world, "q", [NewMessage(b"hello", 30_000)], policy="push", via=lambda: "the door"
        )
        self.turns()
        (message,) = self.successResultOf(posted)
        delivery = self.answer(DONE)
        self.assertEqual((delivery.message_id, delivery.body), (message, b"hello"))
        self.assertEqual((delivery.queue, delivery.world), ("q", self.world))
        self.assertEqual(delivery.target, ("a", "a", "data of a"))
        self.assertEqual((delivery.timeout, delivery.via), (30_000, "the door"))
        self.assertEqual([each.id for each in self.status(message)], [delivery.id])

    def test_nobody_can_have_a_message_that_is_pushed(self) -> None:
        (message,) = self.push(b"hello")
        self.assertEqual(self.take(), [])
        self.assertEqual(self.done(self.engine.peek(self.world, "q")), [])
        touched = self.engine.touch(self.world, "q", message)
        self.refused(touched, MessageNotFound)
        self.refused(self.engine.release(self.world, "q", message), MessageNotFound)
        self.assertEqual(self.done(self.engine.get(self.world, "q", message)).state, PUSHED)
        self.assertEqual(self.size(), 1)

    def test_what_was_delivered_is_deleted_and_readable(self) -> None:
        (message,) = self.push(b"hello")
        self.answer(DONE)
        found = self.done(self.engine.get(self.world, "q", message))
        self.assertEqual((found.state, found.body), (DELETED, b"hello"))
        (status,) = self.status(message)
        self.assertEqual((status.status, status.code, status.address), (DELIVERED, 200, "a"))
        self.assertEqual((status.retries, status.retries_left, status.retry_delay), (1, 0, 60_000))
        self.assertEqual(self.size(), 0)

    def test_and_then_forgotten_with_its_entries(self) -> None:
        (message,) = self.push(b"hello")
        self.answer(DONE)
        self.later(601)
        self.refused(self.engine.pushes.deliveries(self.world, "q", message), MessageNotFound)
        self.assertEqual(self.sql("SELECT * FROM push"), [])

    def test_the_states_of_a_delivery_that_succeeds_at_last(self) -> None:
        """From its post to its end, with the tries that are left."""
        self.make(["a"], retries=3)
        (message,) = self.post(b"hello", delay=5_000)
        self.assertEqual(self.states(message), [QUEUED])
        self.later(4.9)
        self.assertEqual(self.under_way(), [])
        self.later(0.1)
        (status,) = self.status(message)
        self.assertEqual((status.status, status.code, status.retries_left), (RESERVED, 0, 2))
        self.answer(NO)
        (status,) = self.status(message)
        self.assertEqual((status.status, status.code, status.retries_left), (RETRYING, 503, 2))
        self.later(RETRY_SECONDS - 0.1)
        self.assertEqual(self.under_way(), [])
        self.later(0.1)
        self.assertEqual(self.under_way(), ["a"])
        self.answer(DONE)
        (status,) = self.status(message)
        self.assertEqual((status.status, status.code, status.retries_left), (DELIVERED, 200, 1))

    def test_as_many_retries_as_the_queue_says_and_no_more(self) -> None:
        for retries in (0, 1, 2):
            self.make(["a"], retries=retries)
            (message,) = self.push(b"hello")
            for _ in range(retries):
                self.answer(NO)
                self.later(RETRY_SECONDS)
            self.answer(NO)
            (status,) = self.status(message)
            self.assertEqual((status.status, status.retries_left), (FAILED, 0))
            self.later(10 * RETRY_SECONDS)
            self.assertEqual(self.under_way(), [])

    def test_what_failed_stays_readable_until_it_expires(self) -> None:
        """Whoever finds its id in the error queue wants to see it."""
        self.make(["a"], retries=0)
        (message,) = self.push(b"hello", expires_in=86_400_000)
        self.answer(NO)
        self.later(86_000)
        self.assertEqual(self.done(self.engine.get(self.world, "q", message)).state, DELETED)
        self.later(400)
        self.refused(self.engine.get(self.world, "q", message), MessageNotFound)

    def test_expiry_ends_the_tries(self) -> None:
        (message,) = self.push(b"hello", expires_in=30_000)
        self.answer(NO)
        self.later(61)
        self.assertEqual(self.under_way(), [])
        self.refused(self.engine.pushes.deliveries(self.world, "q", message), MessageNotFound)
        self.assertEqual(self.size(), 0)

    def test_expiry_during_a_try_leaves_nothing(self) -> None:
        self.push(b"hello", expires_in=30_000)
        self.later(31)
        self.answer(DONE)
        self.assertEqual(self.sql("SELECT * FROM push"), [])

    def test_a_carrier_that_breaks_is_a_try_that_failed(self) -> None:
        (message,) = self.push(b"hello")
        found = self.carrier.tries.pop()
        found.deferred.errback(ZeroDivisionError())
        self.turns()
        self.assertEqual(self.states(message), [RETRYING])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_message_of_a_queue_without_receivers_can_be_had(self) -> None:
        self.make()
        (message,) = self.push(b"hello")
        self.assertEqual(self.take(), [b"hello"])
        self.assertEqual(self.status(message), [])

    def test_what_was_posted_before_the_switch_can_be_had_and_what_comes_after_it_not(self) -> None:
        self.post(b"before", queue="r", policy="push")
        self.make(["a"], queue="r")
        self.push(b"after", queue="r")
        self.assertEqual(self.take(2, queue="r"), [b"before"])
        self.assertEqual(self.answer(DONE).body, b"after")

    def test_what_is_being_pushed_goes_on_when_the_queue_pushes_no_more(self) -> None:
        (message,) = self.push(b"pushed")
        self.answer(NO)
        self.done(self.engine.update(self.world, "q", {"to": []}, policy="push"))
        self.push(b"pulled")
        self.assertEqual(self.take(2), [b"pulled"])
        self.later(RETRY_SECONDS)
        self.answer(DONE)
        self.assertEqual(self.states(message), [DELIVERED])

    def test_too_many_deliveries_are_refused_and_nothing_is_posted(self) -> None:
        self.make(*[["a"]] * 101)
        messages = [NewMessage(b"")] * 100
        self.refused(self.engine.post(self.world, "q", messages, policy="push"), InvalidRequest)
        self.assertEqual(self.size(), 0)


class AcknowledgementTests(PushCase):
    """A receiver that takes its time."""

    def setUp(self) -> None:
        super().setUp()
        self.make(["a"], errors="errors")
        (self.message,) = self.push(b"hello", timeout=30_000)

    def acknowledge(self, delivery: int, message: int | None = None) -> Deferred[Any]:
        found = self.engine.pushes.acknowledge(self.world, "q", message or self.message, delivery)
        self.turns()
        return found

    def test_it_is_left_alone_until_it_acknowledges(self) -> None:
        delivery = self.answer(LATER)
        self.assertEqual(self.states(self.message), [RESERVED])
        self.later(29)
        self.assertEqual(self.under_way(), [])
        self.successResultOf(self.acknowledge(delivery.id))
        self.assertEqual(self.states(self.message), [DELIVERED])
        self.later(100)
        self.assertEqual(self.under_way(), [])
        self.assertEqual(self.size(), 0)

    def test_one_that_does_not_has_failed(self) -> None:
        self.answer(LATER)
        self.later(30)
        (status,) = self.status(self.message)
        self.assertEqual((status.status, status.code), (RETRYING, 202))
        self.later(RETRY_SECONDS)
        self.answer(LATER)
        self.later(30)
        self.assertEqual(self.states(self.message), [FAILED])
        ((_, failures),) = self.carrier.errors
        self.assertEqual(failures, [Failed(202, "it was not acknowledged in time")])

    def test_one_may_acknowledge_before_it_answers(self) -> None:
        (found,) = self.carrier.tries
        self.successResultOf(self.acknowledge(found.delivery.id))
        self.assertEqual(self.states(self.message), [DELIVERED])
        self.answer(NO)
        self.assertEqual(self.states(self.message), [DELIVERED])
        self.later(RETRY_SECONDS)
        self.assertEqual(self.under_way(), [])

    def test_one_may_acknowledge_twice_and_after_its_failure(self) -> None:
        delivery = self.answer(DONE)
        self.successResultOf(self.acknowledge(delivery.id))
        self.make(["a"], retries=0)
        (message,) = self.push(b"hello")
        delivery = self.answer(NO)
        self.successResultOf(self.acknowledge(delivery.id, message))
        self.assertEqual(self.states(message), [FAILED])

    def test_what_was_never_pushed_cannot_be_acknowledged(self) -> None:
        delivery = self.carrier.tries[0].delivery.id
        for wrong, message in (
            (delivery + 1, self.message),
            (delivery, self.message + 1),
            (0, self.message),
            (1 << 63, self.message),
        ):
            self.failureResultOf(self.acknowledge(wrong, message), MessageNotFound)


class ManyTests(PushCase):
    """Several receivers of one message."""

    def test_each_is_on_its_own(self) -> None:
        self.make(["a"], ["b"], ["c"])
        (message,) = self.push(b"hello")
        self.assertCountEqual(self.under_way(), ["a", "b", "c"])
        self.answer(DONE, "a")
        self.answer(NO, "b")
        self.answer(DONE, "c")
        self.assertEqual(self.states(message), [DELIVERED, RETRYING, DELIVERED])
        self.assertEqual(self.size(), 1)
        self.later(RETRY_SECONDS)
        self.assertEqual(self.under_way(), ["b"])
        self.answer(DONE)
        self.assertEqual(self.size(), 0)

    def test_one_of_them_gets_it_and_the_others_stand_by(self) -> None:
        self.make(["a", "b", "c"], retries=1, errors="errors")
        (message,) = self.push(b"hello")
        order: list[str] = []
        for round_ in range(2):
            for _ in range(3):
                self.assertEqual(len(self.under_way()), 1)
                delivery = self.answer(Failed(500 + len(order), f"no {len(order)}"))
                order.append(delivery.target.address)
                (status,) = self.status(message)
            self.assertEqual(self.under_way(), [])
            if not round_:
                self.assertEqual(status.status, RETRYING)
                self.later(RETRY_SECONDS)
        self.assertEqual(sorted(order[:3]), ["a", "b", "c"])
        self.assertEqual(order[:3], order[3:])
        self.assertEqual((status.status, status.retries_left), (FAILED, 0))
        ((delivery, failures),) = self.carrier.errors
        self.assertEqual([each.address for each in delivery.targets], order[:3])
        self.assertEqual(list(failures), [Failed(500 + n, f"no {n}") for n in (3, 4, 5)])
        self.assertEqual(self.take(2, queue="errors"), [b"%d failed" % message])

    def test_messages_begin_with_one_after_the_other(self) -> None:
        self.make(["a", "b"])
        self.push(b"1", b"2", b"3", b"4")
        self.assertEqual(sorted(self.under_way()), ["a", "a", "b", "b"])


class ErrorQueueTests(PushCase):
    """What is told of a delivery that failed."""

    def test_it_is_made_at_the_first_error_and_told_once_for_each(self) -> None:
        self.make(["a"], ["b"], ["c"], retries=0, errors="errors")
        (message,) = self.push(b"hello")
        self.answer(NO, "a")
        self.answer(NO, "b")
        self.answer(DONE, "c")
        self.assertEqual(self.take(5, queue="errors"), [b"%d failed" % message] * 2)
        names = self.done(self.engine.list_queues(self.world, offset=0, limit=9))
        self.assertEqual([each.name for each in names], ["errors", "q"])

    def test_there_is_none_before_the_first_error(self) -> None:
        self.make(["a"], errors="errors")
        self.push(b"hello")
        self.answer(DONE)
        names = self.done(self.engine.list_queues(self.world, offset=0, limit=9))
        self.assertEqual([each.name for each in names], ["q"])

    def test_a_poll_on_it_is_woken(self) -> None:
        self.make(["a"], retries=0, errors="errors")
        answers = self.poll(queue="errors")
        (message,) = self.push(b"hello")
        self.answer(NO)
        self.assertEqual(answers, [[b"%d failed" % message]])

    def test_a_queue_that_is_its_own_error_queue_ends_with_one_more_message(self) -> None:
        self.make(["a"], retries=0, errors="q")
        self.push(b"hello")
        for _ in range(2):
            self.answer(NO)
        self.assertEqual(self.under_way(), [])
        self.assertEqual(self.size(), 0)

    def test_it_is_in_the_transaction_of_the_failure(self) -> None:
        self.make(["a"], retries=0, errors="errors")
        (message,) = self.push(b"hello")
        self.store.instead = lambda batch: fail(Unavailable("disk full"))
        self.answer(NO)
        self.restart(kill=True)
        self.turns()
        self.assertEqual(self.take(queue="errors"), [])
        self.answer(NO)
        self.assertEqual(self.take(2, queue="errors"), [b"%d failed" % message])


class ErrorQueueTroubleTests(PushCase):
    """Error queues that cannot be told: the delivery has failed all the same."""

    allowed = Allowance(rules=(QueueRule("full", length=0),))

    def fail_with(self, errors: str) -> None:
        self.make(["a"], retries=0, errors=errors)
        (message,) = self.push(b"hello")
        with capturedLogs() as events:
            self.answer(NO)
        self.assertEqual(self.states(message), [FAILED])
        (warning,) = [each for each in events if "cannot be told" in each["log_format"]]
        self.assertEqual(warning["queue"], errors)
        self.later(1000)
        self.assertEqual(self.under_way(), [])

    def test_one_that_is_full(self) -> None:
        self.fail_with("full")

    def test_a_name_that_is_the_engines_own(self) -> None:
        self.fail_with("\x1fq")


class OtherWaysTests(PushCase):
    """Messages that get to a pushing queue without being posted to it."""

    def test_what_is_published_to_it_is_pushed(self) -> None:
        self.make(["a"], ["b"])
        self.done(self.engine.update(self.world, "r", {}, policy="push"))
        bindings = [("all", "q", ""), ("all", "r", "")]
        self.engine.declare(self.world, Topology({"all": FANOUT}, {}, bindings))
        self.done(self.engine.publish(self.world, "all", ["k"], NewMessage(b"hello")))
        self.turns()
        self.assertEqual([each.delivery.body for each in self.carrier.tries], [b"hello"] * 2)
        self.answer(DONE, "a")
        self.answer(DONE, "b")
        self.assertEqual(self.size(), 0)
        self.assertEqual(self.take(2, queue="r"), [b"hello"])

    def test_the_message_of_an_alert_is_pushed(self) -> None:
        self.make(["a"])
        self.alert(NewAlert(False, False, 2, "q", 0), queue="watched")
        self.push(b"1", b"2", queue="watched")
        self.assertEqual(self.answer(DONE, "a").queue, "q")
        self.assertEqual(self.under_way(), [])

    def test_the_end_of_a_push_sets_alerts_off(self) -> None:
        self.make(["a"])
        self.push(b"1", b"2", b"3")
        self.done(self.engine.update(self.world, "q", {"to": []}, policy="push"))
        self.alert(NewAlert(False, True, 1, "bells", 0), queue="q")
        self.answer(DONE)
        self.assertEqual(self.take(2, queue="bells"), [])
        self.answer(DONE)
        self.answer(DONE)
        self.assertEqual(len(self.take(2, queue="bells")), 1)

    def alert(self, alert: NewAlert, queue: str) -> None:
        self.done(self.engine.add_alerts(self.world, queue, [alert], policy="push"))


class ForwardTests(PushCase):
    """A target that is a queue here: its post and the end of the delivery are one."""

    def setUp(self) -> None:
        super().setUp()
        self.make(["a"])
        (self.message,) = self.push(b"hello")

    def forward(self, queue: str, via: str = "") -> None:
        self.answer(Forwarded(200, self.world, queue, NewMessage(b"hello"), via))

    def test_it_is_put_there(self) -> None:
        answers = self.poll(queue="r")
        self.forward("r")
        self.assertEqual(answers, [[b"hello"]])
        self.assertEqual(self.states(self.message), [DELIVERED])

    def test_it_may_be_pushed_on_from_there(self) -> None:
        self.make(["b"], queue="r")
        self.forward("r", "on the way")
        self.assertEqual(self.answer(DONE, "b").via, "on the way")

    def test_it_is_put_there_once_however_often_that_is_tried(self) -> None:
        batches: list[Batch] = []

        def refuse(batch: Batch) -> Deferred[Any]:
            batches.append(batch)
            return fail(Unavailable("disk full"))

        self.store.instead = refuse
        self.forward("r")
        self.assertEqual(len(batches), 1)
        self.store.instead = lambda batch: None
        self.later(1)
        self.assertEqual(self.take(2, queue="r"), [b"hello"])
        self.assertEqual(self.states(self.message), [DELIVERED])

    def test_a_name_that_is_the_engines_own_is_a_failure(self) -> None:
        self.forward("\x1fr")
        self.assertEqual(self.states(self.message), [RETRYING])

    def test_what_cannot_be_put_there_is_a_failure(self) -> None:
        self.make(*[["b"]] * 10_001, queue="r")
        self.forward("r")
        self.assertEqual(self.states(self.message), [RETRYING])


class EndTests(PushCase):
    """Deleting and clearing end pushes."""

    def setUp(self) -> None:
        super().setUp()
        self.make(["a"])

    def test_deleting_a_message_ends_its_pushes(self) -> None:
        waiting, under_way, pulled = *self.push(b"1", b"2"), 0
        self.answer(NO)
        self.make(queue="q")
        (pulled,) = self.push(b"3")
        asked = [waiting, under_way, pulled, 17]
        gone = self.done(self.engine.delete(self.world, "q", asked))
        self.assertEqual(gone, {waiting, under_way, pulled})
        self.assertEqual(self.states(waiting), [DELIVERED])
        self.assertEqual(self.size(), 0)
        self.answer(NO)
        self.assertEqual(self.states(under_way), [DELIVERED])
        self.later(2 * RETRY_SECONDS)
        self.assertEqual(self.under_way(), [])
        self.assertEqual(self.done(self.engine.delete(self.world, "q", asked)), frozenset())

    def test_clearing_the_queue_ends_all_pushes_and_forgets_them(self) -> None:
        (done,) = self.push(b"0")
        self.answer(DONE)
        messages = self.push(*[b"%d" % n for n in range(15)])
        self.assertEqual(len(self.under_way()), 10)
        self.done(self.engine.clear(self.world, "q"))
        while self.under_way():
            self.answer(NO)
        self.later(2 * RETRY_SECONDS)
        self.assertEqual(self.under_way(), [])
        self.refused(self.engine.pushes.deliveries(self.world, "q", messages[0]), MessageNotFound)
        self.assertEqual(self.states(done), [DELIVERED])
        self.assertEqual(self.sql("SELECT count(*) FROM push"), [(1,)])
        self.assertEqual(self.sql("SELECT count(*) FROM msg"), [(1,)])

    def test_so_does_deleting_the_queue(self) -> None:
        self.push(*[b"%d" % n for n in range(15)])
        self.done(self.engine.delete_queue(self.world, "q"))
        self.make(["b"])
        self.answer(NO)
        self.push(b"new")
        self.later(2 * RETRY_SECONDS)
        self.assertEqual(set(self.under_way()), {"a", "b"})
        self.assertEqual(self.sql("SELECT count(*) FROM msg"), [(1,)])

    def test_a_queue_that_forgets_has_nothing_left_of_what_was_delivered(self) -> None:
        settings = {"to": [["a"]]}
        self.done(self.engine.update(self.world, "f", settings, policy="push, forgets"))
        one, two = self.push(b"1", b"2", queue="f")
        self.answer(DONE)
        self.assertEqual(self.done(self.engine.delete(self.world, "f", [two])), {two})
        for message in (one, two):
            self.refused(self.engine.pushes.deliveries(self.world, "f", message), MessageNotFound)
        self.later(61)
        self.assertEqual(self.sql("SELECT * FROM push"), [])


class RestartTests(PushCase):
    """What the database knows is enough to go on."""

    def setUp(self) -> None:
        super().setUp()
        self.make(["a"], retries=0)

    def test_what_was_under_way_when_it_was_killed_is_repeated_and_not_counted(self) -> None:
        messages = self.push(*[b"%d" % n for n in range(15)])
        self.restart(kill=True)
        self.assertEqual(len(self.under_way()), 10)
        for _ in messages:
            self.answer(DONE)
        self.assertEqual(self.under_way(), [])
        self.assertEqual([self.states(each) for each in messages], [[DELIVERED]] * 15)

    def test_what_is_under_way_at_a_stop_is_given_time_and_then_given_up(self) -> None:
        quick, slow = self.push(b"quick", b"slow")
        stopped = self.engine.pushes.stop()
        self.answer(DONE)
        self.assertNoResult(stopped)
        (left,) = self.carrier.tries
        self.later(1)
        self.successResultOf(stopped)
        self.assertTrue(left.cancelled)
        self.assertEqual(self.states(quick), [DELIVERED])
        (status,) = self.status(slow)
        self.assertEqual((status.status, status.tries), (QUEUED, 0))
        self.restart()
        self.answer(DONE)
        self.assertEqual(self.states(slow), [DELIVERED])

    def test_nothing_is_pushed_after_a_stop(self) -> None:
        self.stop_pushing()
        (message,) = self.push(b"hello")
        self.later(100)
        self.assertEqual(self.states(message), [QUEUED])
        self.assertEqual(self.under_way(), [])

    def test_an_acknowledgement_may_come_after_a_restart(self) -> None:
        (message,) = self.push(b"hello")
        delivery = self.answer(LATER)
        self.restart(kill=True)
        self.assertEqual(self.states(message), [RESERVED])
        self.done(self.engine.pushes.acknowledge(self.world, "q", message, delivery.id))
        self.assertEqual(self.states(message), [DELIVERED])

    def test_a_claim_that_runs_out_is_a_try_that_failed(self) -> None:
        """Its gateway is gone, or far too slow."""
        (message,) = self.push(b"hello")
        self.later(90)
        self.assertEqual(self.states(message), [FAILED])
        self.answer(DONE)
        self.assertEqual(self.states(message), [FAILED])

    def test_what_could_not_be_written_down_at_a_stop_is_repeated(self) -> None:
        (message,) = self.push(b"hello")
        self.store.instead = lambda batch: fail(Unavailable("disk full"))
        self.answer(DONE)
        stopped = self.engine.pushes.stop()
        self.turns()
        self.successResultOf(stopped)
        self.store.instead = lambda batch: None
        self.restart()
        self.answer(DONE)
        self.assertEqual(self.states(message), [DELIVERED])


class TroubleTests(PushCase):
    """A database that does not answer for a while."""

    def test_what_became_of_a_try_is_written_down_when_it_does(self) -> None:
        self.make(["a"])
        (message,) = self.push(b"hello")
        self.store.instead = lambda batch: fail(Unavailable("disk full"))
        self.answer(DONE)
        self.later(5)
        self.store.instead = lambda batch: None
        self.later(1)
        self.assertEqual(self.states(message), [DELIVERED])

    def test_what_is_due_meanwhile_is_pushed_when_it_does(self) -> None:
        self.make(["a"])
        (message,) = self.push(b"hello", delay=10_000)
        self.store.instead = lambda batch: fail(Unavailable("disk full"))
        self.later(15)
        self.assertEqual(self.under_way(), [])
        self.store.instead = lambda batch: None
        self.later(1)
        self.answer(DONE)
        self.assertEqual(self.states(message), [DELIVERED])


class LimitTests(PushCase):
    """One receiver that hangs holds up nobody else, and nothing is claimed that has no place."""

    limits_of_pushes = PushLimits(at_once=12, per_lane=5)

    def test_no_more_are_under_way_than_may_be(self) -> None:
        self.make(["a"], ["b"], ["c"], ["d"])
        self.push(*[b"%d" % n for n in range(20)])
        self.assertEqual(len(self.under_way()), 12)
        self.assertEqual(self.engine.pushes.under_way, 12)
        claimed = self.sql("SELECT count(*) FROM push WHERE claim > 0")
        self.assertEqual(claimed, [(12,)])
        for _ in range(80):
            self.assertLessEqual(len(self.under_way()), 12)
            self.answer(DONE)
        self.assertEqual(self.size(), 0)

    def test_a_lane_that_is_full_holds_up_nobody_else(self) -> None:
        """However much is due in it, and since when."""
        self.make(["hangs"], queue="h")
        for _ in range(3):
            self.push(*[b"x"] * 200, queue="h")
        self.assertEqual(self.under_way(), ["hangs"] * 5)
        self.make(["a1"], ["b1"])
        self.push(*[b"%d" % n for n in range(9)])
        for _ in range(9):
            self.answer(DONE, "a1")
            self.answer(DONE, "b1")
        self.assertEqual(self.size(), 0)
        self.assertEqual(self.under_way(), ["hangs"] * 5)
        self.answer(DONE)
        self.assertEqual(self.under_way(), ["hangs"] * 5)

    def test_all_of_very_many_lanes_get_their_turn(self) -> None:
        self.make(["hangs"], queue="h")
        self.push(*[b"x"] * 300, queue="h")
        names = [chr(0x4E00 + n) for n in range(150)]
        self.make(*[[name] for name in names])
        self.push(b"1")
        seen = []
        while len(self.under_way()) > 5:
            seen.append(self.answer(DONE, next(n for n in self.under_way() if n != "hangs")))
            self.later(0.01)
        self.assertEqual(sorted(each.target.address for each in seen), names)
        self.assertEqual(self.size(), 0)

    def test_nothing_is_looked_for_while_nothing_is_due(self) -> None:
        self.make(["a"])
        self.push(b"hello", delay=3_600_000)
        self.store.batches.clear()
        self.later(1)
        self.clock.pump([1.0] * 120)
        claims = [op for batch in self.store.batches for op in batch.operations]
        self.assertLessEqual(len([op for op in claims if "Claim" in type(op).__name__]), 3)
