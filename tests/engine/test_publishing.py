"""Publish, take and what they need: exchanges, bindings, queues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from mqgate.engine.commits import PLANNED_AT_MOST
from mqgate.engine.errors import (
    BindingNotFound,
    ExchangeDiffers,
    ExchangeNotFound,
    InvalidRequest,
    NoRoom,
    QueueNotFound,
    ReservedName,
    StoreUnavailable,
    TooManyPatterns,
    Unroutable,
)
from mqgate.engine.exchanges import TopicRoutes
from mqgate.engine.intake import Limits
from mqgate.engine.patterns import STEPS_AT_MOST, Steps
from mqgate.engine.values import NewMessage, Taken, Topology, Wiring
from mqgate.storage.interface import Batch, Stale
from tests.engine.case import POLICIES, EngineCase, WatchedStore


def wiring(
    exchange: str = "e",
    queue: str = "q",
    key: str = "k",
    *,
    declare: bool = True,
    bind: bool = True,
) -> Wiring:
    """What a request needs, by a user who may make all of it unless it is said otherwise."""
    return Wiring(exchange, queue, key, "place", may_declare=declare, may_bind=bind)


class PublishingCase(EngineCase):
    """Steps, and the look at the file that every test ends with."""

    def finish(self) -> None:
        super().finish()
        self.assertEqual(self.database.problems(), [])

    def wire(self, exchange: str = "e", queue: str = "q", key: str = "k") -> None:
        """Make it all, and take nothing."""
        self.assertIsNone(self.get(queue, wiring(exchange, queue, key)))

    def declare(
        self,
        exchanges: dict[str, str] | None = None,
        queues: Sequence[str] = (),
        bindings: Sequence[tuple[str, str, str]] = (),
    ) -> None:
        places = dict.fromkeys(queues, "place")
        self.engine.declare(self.world, Topology(exchanges or {}, places, bindings))

    def publish(
        self,
        *keys: str,
        exchange: str = "e",
        body: bytes = b"m",
        needs: Wiring | None = None,
        mandatory: bool = False,
        **how: Any,
    ) -> int:
        message = NewMessage(body, **how)
        published = self.engine.publish(
            self.world, exchange, keys, message, wiring=needs, mandatory=mandatory
        )
        return self.done(published)

    def get(self, queue: str = "q", needs: Wiring | None = None) -> Taken | None:
        return self.done(self.engine.take(self.world, queue, wiring=needs))

    def bodies(self, queue: str = "q") -> list[bytes]:
        """All that is there, taken off."""
        found = []
        while (taken := self.get(queue)) is not None:
            found.append(taken.message.body)
        return found

    def names(self) -> list[str]:
        listed = self.done(self.engine.list_queues(self.world, offset=0, limit=99))
        return [each.name for each in listed]

    def restart(self) -> None:
        stopped = self.engine.stop()
        self.turn()
        self.turn()
        self.successResultOf(stopped)
        self.store.close()
        self.start()


class RoutingTests(PublishingCase):
    """Where a message goes."""

    def test_it_reaches_every_queue_that_is_bound_with_a_matching_key_once(self) -> None:
        self.wire(queue="one", key="a.*")
        self.wire(queue="one", key="a.#")
        self.wire(queue="two", key="#")
        self.wire(queue="three", key="b")
        self.assertEqual(self.publish("a.b", body=b"x"), 2)
        self.assertEqual(
            [self.bodies(name) for name in ("one", "two", "three")], [[b"x"], [b"x"], []]
        )

    def test_further_keys_lead_further_and_still_once(self) -> None:
        self.wire(queue="one", key="a")
        self.wire(queue="two", key="b")
        self.assertEqual(self.publish("a", "b", "a", "c"), 2)
        self.assertEqual([self.bodies("one"), self.bodies("two")], [[b"m"], [b"m"]])

    def test_a_queue_bound_later_gets_nothing(self) -> None:
        self.wire(queue="one", key="a")
        self.publish("a")
        self.wire(queue="two", key="a")
        self.assertEqual([self.bodies("one"), self.bodies("two")], [[b"m"], []])

    def test_a_direct_exchange_takes_keys_as_they_are(self) -> None:
        self.declare({"d": "direct"}, ["q", "r"], [("d", "q", "a.*"), ("d", "r", "a.b")])
        self.assertEqual(self.publish("a.b", exchange="d"), 1)
        self.assertEqual(self.publish("a.*", exchange="d", body=b"star"), 1)
        self.assertEqual([self.bodies("q"), self.bodies("r")], [[b"star"], [b"m"]])

    def test_a_fanout_exchange_cares_for_no_key(self) -> None:
        self.declare(
            {"f": "fanout"}, ["q", "r"], [("f", "q", "x"), ("f", "q", "y"), ("f", "r", "")]
        )
        self.assertEqual(self.publish("whatever", exchange="f"), 2)
        self.assertEqual([self.bodies("q"), self.bodies("r")], [[b"m"], [b"m"]])

    def test_some_exchanges_are_there_from_the_beginning(self) -> None:
        for exchange, reached in (("amq.topic", 1), ("amq.direct", 0), ("amq.fanout", 1)):
            self.wire(exchange, exchange[4:], "a.#")
            self.assertEqual(self.publish("a.b", exchange=exchange), reached, exchange)

    def test_the_default_exchange_leads_to_the_queue_of_that_name(self) -> None:
        self.wire("", "q", "ignored")
        self.assertEqual(self.publish("q", exchange=""), 1)
        self.assertEqual(self.publish("q", "q", "nowhere", exchange=""), 1)
        self.assertEqual(self.publish("ignored", exchange=""), 0)
        self.assertEqual(self.bodies(), [b"m", b"m"])

    def test_bindings_belong_to_their_exchange_and_world(self) -> None:
        self.wire("e", "q", "k")
        self.wire("f", "r", "k")
        (other,) = self.store.worlds([["b:other"]])
        self.assertEqual(self.publish("k", exchange="e"), 1)
        elsewhere = self.engine.publish(other, "e", ["k"], NewMessage(b""))
        self.turn()
        self.refused(elsewhere, ExchangeNotFound)
        self.assertEqual([self.bodies("q"), self.bodies("r")], [[b"m"], []])

    def test_an_exchange_that_is_not_there_is_no_place_to_publish(self) -> None:
        published = self.engine.publish(self.world, "e", ["k"], NewMessage(b""))
        self.refused(published, ExchangeNotFound)
        self.assertEqual(self.publish("q", exchange=""), 0)

    def test_bindings_are_added_to_tables_that_are_never_made_anew(self) -> None:
        """Ten thousand devices that bind their queues cost the last no more than the first."""
        tables = self.engine._catalogue.world(self.world).exchanges
        for number in range(300):
            self.get("q", wiring("e", "q", f"device.{number}.#"))
        routes = tables._routes["e"]
        self.get("q", wiring("e", "q", "one.more"))
        self.assertIs(self.engine._catalogue.world(self.world).exchanges, tables)
        self.assertIs(tables._routes["e"], routes)
        self.assertEqual(self.publish("device.299.on"), 1)


class WiringTests(PublishingCase):
    """What is missing is made, or missed."""

    def test_what_is_missing_is_made_in_the_same_transaction(self) -> None:
        self.assertEqual(self.publish("k", needs=wiring()), 1)
        (batch,) = [batch for batch in self.store.batches if batch.changes]
        self.assertEqual(len(batch.operations), 1)
        self.assertEqual(self.bodies(), [b"m"])

    def test_what_is_there_costs_no_change(self) -> None:
        self.wire()
        self.store.batches.clear()
        self.publish("k", needs=wiring())
        self.assertEqual([batch.changes for batch in self.store.batches], [()])

    def test_requests_of_one_batch_make_it_together(self) -> None:
        calls = [
            self.engine.publish(self.world, "e", ["k"], NewMessage(b"%d" % n), wiring=wiring())
            for n in range(5)
        ]
        self.turn()
        self.assertEqual([self.successResultOf(call) for call in calls], [1] * 5)
        self.assertEqual(self.bodies(), [b"0", b"1", b"2", b"3", b"4"])

    def test_a_publish_reaches_a_queue_that_its_own_batch_binds(self) -> None:
        self.wire("e", "old", "k")
        taken = self.engine.take(self.world, "new", wiring=wiring("e", "new", "k"))
        published = self.engine.publish(self.world, "e", ["k"], NewMessage(b"x"))
        self.assertEqual(self.done(published), 2)
        found = self.successResultOf(taken)
        self.assertEqual(found.message.body if found else None, b"x")

    def test_an_exchange_of_another_type_is_used_as_it_is(self) -> None:
        self.declare({"e": "fanout"})
        self.wire("e", "r", "other")
        self.assertEqual(self.publish("k", needs=wiring()), 2)

    def test_what_may_not_be_made_is_missed_and_nothing_else_is_made(self) -> None:
        self.wire("there", "here", "k")
        before = self.engine._catalogue.world(self.world).version
        for needs, error in (
            (wiring("no", "here", "k", declare=False), ExchangeNotFound),
            (wiring("there", "no", "k", declare=False), QueueNotFound),
            (wiring("", "no", "k", declare=False), QueueNotFound),
            (wiring("there", "here", "no", bind=False), BindingNotFound),
            (wiring("no", "here", "k", bind=False), BindingNotFound),
            (wiring("there", "no", "k", bind=False), BindingNotFound),
        ):
            self.refused(self.engine.take(self.world, needs.queue, wiring=needs), error)
            message = NewMessage(b"")
            refused = self.engine.publish(self.world, needs.exchange, ["k"], message, wiring=needs)
            self.refused(refused, error)
        self.assertEqual(self.names(), ["here"])
        self.assertEqual(self.engine._catalogue.world(self.world).version, before)

    def test_what_is_there_needs_no_rights(self) -> None:
        self.wire()
        self.wire("", "q", "")
        for exchange in ("e", ""):
            needs = wiring(exchange, declare=False, bind=False)
            self.assertEqual(self.publish("q", "k", exchange=exchange, needs=needs), 1)
            self.assertIsNotNone(self.get("q", needs))

    def test_reserved_names_cannot_be_made(self) -> None:
        for needs, kind, name in (
            (wiring("amq.x"), "exchange", "amq.x"),
            (wiring("amq.headers"), "exchange", "amq.headers"),
            (wiring(queue="amq.q"), "queue", "amq.q"),
            (wiring("", queue="amq.topic"), "queue", "amq.topic"),
        ):
            taken = self.engine.take(self.world, needs.queue, wiring=needs)
            text = self.refused(taken, ReservedName)
            self.assertEqual(text, f"{kind} name {name!r} contains reserved prefix 'amq.*'")
            error = self.failureResultOf(self.ask(needs)).value
            self.assertEqual((error.kind, error.name), (kind, name))
        self.assertEqual(self.names(), [])

    def ask(self, needs: Wiring) -> Any:
        taken = self.engine.take(self.world, needs.queue, wiring=needs)
        self.turn()
        return taken

    def test_a_reserved_queue_that_another_dialect_made_is_used(self) -> None:
        self.post(b"x", queue="amq.q")
        taken = self.get("amq.q", wiring(queue="amq.q"))
        self.assertEqual(taken.message.body if taken else None, b"x")

    def test_names_that_no_store_takes_are_refused_before_they_enter_a_batch(self) -> None:
        for bad in ("a\0b", "\ud800"):
            for needs in (wiring(bad), wiring(queue=bad), wiring(key=bad)):
                taken = self.engine.take(self.world, needs.queue, wiring=needs)
                self.failureResultOf(taken, InvalidRequest)
                published = self.engine.publish(
                    self.world, needs.exchange, [], NewMessage(b""), wiring=needs
                )
                self.failureResultOf(published, InvalidRequest)
        self.assertEqual(self.store.batches, [])

    def test_keys_are_not_stored_so_any_will_do(self) -> None:
        self.wire(key="#")
        self.assertEqual(self.publish("a\0b", "\ud800"), 1)

    def test_a_full_disk_takes_nothing_in_but_hands_out(self) -> None:
        self.wire()
        self.publish("k")
        self.store.room = False
        message = NewMessage(b"")
        self.refused(self.engine.publish(self.world, "e", ["k"], message), NoRoom)
        self.refused(self.engine.take(self.world, "r", wiring=wiring(queue="r")), NoRoom)
        self.assertIsNotNone(self.get("q", wiring()))


class MandatoryTests(PublishingCase):
    """What has to reach a queue and would not."""

    def test_it_is_refused_and_nothing_is_made(self) -> None:
        self.declare({"d": "direct"})
        for exchange, keys in (("", ["other"]), ("d", ["other"]), ("d", [])):
            published = self.engine.publish(
                self.world, exchange, keys, NewMessage(b""), wiring=wiring(exchange), mandatory=True
            )
            self.refused(published, Unroutable)
        self.refused(
            self.engine.publish(self.world, "d", ["k"], NewMessage(b""), mandatory=True), Unroutable
        )
        self.assertEqual(self.names(), [])

    def test_a_queue_made_for_it_counts(self) -> None:
        self.declare({"d": "direct"})
        self.assertEqual(self.publish("q", exchange="", needs=wiring(""), mandatory=True), 1)
        self.assertEqual(self.publish("k", exchange="d", needs=wiring("d"), mandatory=True), 1)
        needs = wiring("new", "q", "a.#")
        self.assertEqual(self.publish("a.b", exchange="new", needs=needs, mandatory=True), 1)

    def test_a_queue_that_is_there_counts(self) -> None:
        self.wire(key="#")
        self.assertEqual(self.publish("x", mandatory=True), 1)

    def test_what_need_not_reach_a_queue_reaches_none(self) -> None:
        self.declare({"d": "direct"})
        self.assertEqual(self.publish("k", exchange="d"), 0)


class CopyTests(PublishingCase):
    """Copies of one message share its body and nothing else."""

    def setUp(self) -> None:
        super().setUp()
        self.declare({"f": "fanout"}, ["a", "b", "c"], [("f", each, "") for each in "abc"])

    def stored(self, what: str) -> list[tuple[Any, ...]]:
        return self.database.rows(what)

    def test_the_body_is_stored_once(self) -> None:
        self.assertEqual(self.publish("", exchange="f", body=b"x" * 1000, props=b"p"), 3)
        self.assertEqual(
            self.stored("SELECT refs, length(data), props FROM body"), [(3, 1000, b"p")]
        )

    def test_copies_have_ids_of_their_own_and_one_origin(self) -> None:
        self.publish("", exchange="f", props=b"p")
        taken = [self.get(name) for name in "abc"]
        messages = [each.message for each in taken if each is not None]
        self.assertEqual(len({each.id for each in messages}), 3)
        self.assertEqual({each.origin for each in messages}, {messages[0].id})
        self.assertEqual([(each.body, each.props) for each in messages], [(b"m", b"p")] * 3)

    def test_the_body_goes_with_the_last_copy(self) -> None:
        self.publish("", exchange="f")
        for name, left in (("b", 2), ("a", 1)):
            self.get(name)
            self.assertEqual(self.stored("SELECT refs FROM body"), [(left,)])
        self.get("c")
        self.assertEqual(self.stored("SELECT * FROM body"), [])

    def test_a_copy_that_is_put_back_shares_the_body_again(self) -> None:
        self.publish("", exchange="f")
        first, last = self.get("a"), self.get("c")
        assert first is not None and last is not None
        self.engine.give_back(self.world, "c", [last.message], removed=True)
        self.engine.give_back(self.world, "a", [first.message], removed=True)
        self.turn()
        self.assertEqual(self.stored("SELECT refs FROM body"), [(3,)])
        self.assertEqual([self.bodies(name) for name in "abc"], [[b"m"]] * 3)

    def test_all_copies_put_back_bring_one_body_back(self) -> None:
        large = b"back" * 1000
        self.publish("", exchange="f", body=large)
        taken = {name: self.get(name) for name in "abc"}
        self.assertEqual(self.stored("SELECT * FROM body"), [])
        for name, each in taken.items():
            assert each is not None
            self.engine.give_back(self.world, name, [each.message], removed=True)
        self.turn()
        self.assertEqual(self.stored("SELECT refs, data FROM body"), [(3, large)])
        self.assertEqual([self.bodies(name) for name in "abc"], [[large]] * 3)

    def test_each_copy_expires_in_its_queue(self) -> None:
        self.publish("", exchange="f", expires_in=500)
        self.get("a")
        self.pass_time(0.4)
        self.assertEqual(self.bodies("b"), [b"m"])
        self.pass_time(0.1)
        self.assertEqual(self.bodies("c"), [])
        self.pass_time(1)
        self.assertEqual(self.stored("SELECT * FROM body"), [])

    def test_a_message_that_lives_no_time_is_dead_at_once(self) -> None:
        polled = self.poll(queue="a")
        self.assertEqual(self.publish("", exchange="f", expires_in=0), 3)
        self.assertEqual(polled, [])
        self.assertEqual(self.bodies("b"), [])
        self.engine.drain()
        self.turn()

    def test_a_delayed_message_is_delayed_in_all_queues(self) -> None:
        polled = self.poll(queue="b")
        self.publish("", exchange="f", delay=1000)
        self.assertEqual(self.bodies("a"), [])
        self.pass_time(1)
        self.assertEqual(polled, [[b"m"]])
        self.assertEqual(self.bodies("a"), [b"m"])

    def test_polls_on_all_of_the_queues_are_woken(self) -> None:
        polls = [self.poll(queue=name) for name in "abc"]
        self.publish("", exchange="f")
        self.assertEqual(polls, [[[b"m"]]] * 3)

    def test_clearing_one_queue_leaves_the_other_copies(self) -> None:
        self.publish("", exchange="f")
        self.done(self.engine.clear(self.world, "a"))
        self.done(self.engine.delete_queue(self.world, "b"))
        self.pass_time(1)
        self.assertEqual(self.bodies("c"), [b"m"])
        self.assertEqual(self.stored("SELECT * FROM body"), [])

    def test_a_large_fan_out_makes_the_next_batches_small(self) -> None:
        """What a publish comes to is not known before it is planned; the last one tells."""
        self.assertEqual(self.publish("", exchange="f"), 3)
        self.engine._commits._intake._limits = Limits(batch_rows=6)
        self.store.batches.clear()
        for _ in range(10):
            self.engine.publish(self.world, "f", [""], NewMessage(b""))
        for _ in range(20):
            self.turn()
        self.assertEqual([len(batch.operations) for batch in self.store.batches], [2] * 5)


class TakeTests(PublishingCase):
    """One message, for good."""

    def test_messages_come_in_order_each_with_how_many_are_left(self) -> None:
        self.wire()
        for number in range(3):
            self.publish("k", body=b"%d" % number)
        found = [self.get() for _ in range(4)]
        told = [each and (each.message.body, each.left, each.redelivered) for each in found]
        self.assertEqual(told, [(b"0", 2, False), (b"1", 1, False), (b"2", 0, False), None])

    def test_takes_of_one_batch_count_down(self) -> None:
        self.wire()
        for number in range(4):
            self.publish("k", body=b"%d" % number)
        calls = [self.engine.take(self.world, "q") for _ in range(6)]
        self.engine.publish(self.world, "e", ["k"], NewMessage(b"4"))
        self.turn()
        found = [self.successResultOf(call) for call in calls]
        told = [each and (each.message.body, each.left) for each in found]
        wanted = [(b"0", 4), (b"1", 3), (b"2", 2), (b"3", 1), (b"4", 0), None]
        self.assertEqual(told, wanted)

    def test_what_others_hold_or_wait_for_or_has_expired_is_not_left(self) -> None:
        self.post(b"held", b"second")
        self.take()
        self.post(b"later", delay=5000)
        self.post(b"dead", expires_in=100)
        self.clock.rightNow += 0.2  # without the sweep that would come with it
        self.post(b"third")
        taken = self.get()
        self.assertEqual(taken and (taken.message.body, taken.left), (b"second", 1))

    def test_a_lapsed_reservation_counts_again_and_is_redelivered(self) -> None:
        self.post(b"first", b"second", timeout=1000, policy="place")
        self.take()
        self.clock.rightNow += 2
        taken = self.get()
        self.assertEqual(
            taken and (taken.message.body, taken.left, taken.redelivered), (b"first", 1, True)
        )

    def test_a_queue_that_is_not_there_is_not_found(self) -> None:
        self.refused(self.engine.take(self.world, "q"), QueueNotFound)

    def test_what_is_put_back_stands_at_its_old_place_marked(self) -> None:
        self.wire()
        for number in range(3):
            self.publish("k", body=b"%d" % number)
        self.get()
        taken = self.get()
        assert taken is not None
        self.engine.give_back(self.world, "q", [taken.message], removed=True)
        self.publish("k", body=b"3")
        found = [self.get() for _ in range(3)]
        told = [each and (each.message.body, each.left, each.redelivered) for each in found]
        self.assertEqual(told, [(b"1", 2, True), (b"2", 1, False), (b"3", 0, False)])

    def leave(self, taken: Deferred[Taken | None]) -> None:
        taken.cancel()
        self.failureResultOf(taken, CancelledError)

    def test_who_goes_before_his_batch_is_handed_nothing(self) -> None:
        self.wire()
        self.publish("k")
        self.leave(self.engine.take(self.world, "q"))
        self.turn()
        taken = self.get()
        self.assertEqual(taken and taken.redelivered, False)

    def test_who_goes_while_his_batch_is_carried_out_leaves_the_message_in_its_place(self) -> None:
        self.wire()
        self.publish("k", body=b"1")
        self.publish("k", body=b"2")
        held = self.hold_next_batch()
        taken = self.engine.take(self.world, "q")
        self.turn()
        self.leave(taken)
        held.callback(None)
        self.turn()
        found = [self.get(), self.get()]
        told = [each and (each.message.body, each.redelivered) for each in found]
        self.assertEqual(told, [(b"1", True), (b"2", False)])

    def test_who_goes_from_an_empty_queue_leaves_nothing(self) -> None:
        self.wire()
        held = self.hold_next_batch()
        taken = self.engine.take(self.world, "q")
        self.turn()
        self.leave(taken)
        held.callback(None)
        self.publish("k")
        self.assertEqual(self.bodies(), [b"m"])

    def test_who_goes_is_not_told_of_a_failure(self) -> None:
        taken = self.engine.take(self.world, "nowhere")
        held = self.hold_next_batch()
        self.turn()
        self.leave(taken)
        held.callback(None)
        self.turn()

    def test_where_deleted_messages_are_remembered_taken_ones_are_too(self) -> None:
        (message,) = self.post(b"x")  # under the policy that remembers
        self.assertIsNotNone(self.get())
        found = self.done(self.engine.get(self.world, "q", message))
        self.assertEqual(found.state, 3)

    def test_waiting_polls_are_served_before_takes_that_came_later(self) -> None:
        self.wire()
        polled = self.poll()
        self.engine.publish(self.world, "e", ["k"], NewMessage(b"x"))
        taken = self.engine.take(self.world, "q")
        self.assertIsNone(self.done(taken))
        self.assertEqual(polled, [[b"x"]])


class LifeTests(PublishingCase):
    """What becomes of exchanges and bindings."""

    def test_they_survive_a_restart_with_the_messages(self) -> None:
        self.declare({"d": "direct"}, ["q"], [("d", "q", "k")])
        self.wire("t", "r", "a.#")
        self.publish("k", exchange="d", body=b"before")
        self.restart()
        self.assertEqual(self.publish("k", exchange="d", body=b"after"), 1)
        self.assertEqual(self.publish("a.b", exchange="t"), 1)
        self.assertEqual([self.bodies("q"), self.bodies("r")], [[b"before", b"after"], [b"m"]])

    def test_a_queue_that_is_deleted_takes_its_bindings_along(self) -> None:
        self.wire()
        self.wire(queue="r")
        self.done(self.engine.delete_queue(self.world, "q"))
        self.assertEqual(self.publish("k"), 1)
        tables = self.engine._catalogue.world(self.world).exchanges
        self.assertEqual(list(tables.bindings.values()), [{("e", "k")}])  # nothing is left behind
        self.assertEqual(len(tables.lead("e", ["k"], Steps())), 1)
        self.post(b"x", queue="q")  # another one of that name
        self.assertEqual(self.publish("k"), 1)
        self.restart()
        self.assertEqual(self.publish("k"), 1)
        self.assertEqual(self.bodies("q"), [b"x"])

    def test_a_queue_that_is_deleted_in_the_same_batch_is_not_reached(self) -> None:
        self.wire()
        gone = self.engine.delete_queue(self.world, "q")
        published = self.engine.publish(self.world, "e", ["k"], NewMessage(b""))
        self.assertEqual(self.done(published), 0)
        self.done(gone)

    def test_rows_of_deleted_queues_are_dropped_after_an_hour(self) -> None:
        for number in range(5):
            self.wire(key=f"k.{number}")
        self.wire(queue="r")
        self.done(self.engine.unbind(self.world, "e", "r", "k"))
        self.done(self.engine.delete_queue(self.world, "q"))
        for _ in range(3):
            self.pass_time(3601)
        self.assertEqual(self.database.rows("SELECT * FROM binding"), [])
        self.assertEqual(self.database.rows("SELECT name FROM queue"), [("r",)])

    def test_a_binding_can_be_removed_and_made_again(self) -> None:
        self.wire(key="a.*")
        self.wire(key="b")
        self.done(self.engine.unbind(self.world, "e", "q", "a.*"))
        self.assertEqual([self.publish("a.x"), self.publish("b")], [0, 1])
        self.restart()
        self.assertEqual([self.publish("a.x"), self.publish("b")], [0, 1])
        self.assertEqual(len(self.bodies()), 2)
        self.wire(key="a.*")
        self.assertEqual(self.publish("a.x"), 1)

    def test_what_is_not_there_cannot_be_unbound(self) -> None:
        self.wire()
        for exchange, queue, key, error in (
            ("no", "q", "k", ExchangeNotFound),
            ("", "q", "q", ExchangeNotFound),
            ("e", "no", "k", QueueNotFound),
            ("e", "q", "no", BindingNotFound),
        ):
            self.refused(self.engine.unbind(self.world, exchange, queue, key), error)

    def test_unbinding_binding_and_publishing_in_one_batch_follow_their_order(self) -> None:
        for exchange, type_ in (("t", "topic"), ("d", "direct"), ("f", "fanout")):
            self.declare(
                {exchange: type_}, ["q", "r"], [(exchange, "q", "k"), (exchange, "r", "k")]
            )
            calls: list[Any] = [
                self.engine.unbind(self.world, exchange, "q", "k"),
                self.engine.publish(self.world, exchange, ["k"], NewMessage(b"")),
                self.engine.take(self.world, "q", wiring=wiring(exchange, "q", "k")),
                self.engine.publish(self.world, exchange, ["k"], NewMessage(b"")),
                self.engine.take(self.world, "q", wiring=wiring(exchange, "q", "new")),
                self.engine.unbind(self.world, exchange, "q", "new"),
                self.engine.unbind(self.world, exchange, "q", "k"),
                self.engine.publish(self.world, exchange, ["new", "k"], NewMessage(b"")),
            ]
            self.turn()
            reached = [self.successResultOf(calls[index]) for index in (1, 3, 7)]
            self.assertEqual(reached, [1, 2, 1], type_)
            self.restart()
            self.assertEqual(self.publish("k", "new", exchange=exchange), 1)

    def test_two_engines_see_each_others_bindings(self) -> None:
        """As an operator's command beside a server does."""
        self.wire()
        other = self.database.store(beside=True)
        opened = other.open()
        self.addCleanup(other.close)
        here, self.store = self.store, WatchedStore(other)
        mine, self.engine = (
            self.engine,
            type(self.engine)(self.store, self.clock, self.now, POLICIES, opened=opened),
        )
        self.done(self.engine.unbind(self.world, "e", "q", "k"))
        self.wire(key="other")
        self.store, self.engine = here, mine
        self.assertEqual([self.publish("k"), self.publish("other")], [0, 1])


class DeclareTests(PublishingCase):
    """What the configuration says has to be there."""

    def test_it_is_made_once(self) -> None:
        for _ in range(2):
            self.declare(
                {"d": "direct", "amq.topic": "topic"},
                ["q"],
                [("d", "q", "k"), ("amq.topic", "q", "#")],
            )
        changes = [batch for batch in self.store.batches if batch.changes]
        self.assertEqual(len(changes), 1)
        self.assertEqual(self.engine._catalogue.world(self.world).version, 1)
        self.assertEqual(self.publish("k", exchange="d"), 1)
        self.assertEqual(self.publish("x", exchange="amq.topic"), 1)

    def test_a_catalogue_that_changes_too_fast_is_given_up(self) -> None:
        def outdated(batch: Batch) -> Stale:
            self.store.batches.append(batch)
            return Stale(())

        self.patch(self.store, "run_now", outdated)
        with self.assertRaises(StoreUnavailable):
            self.declare({"e": "topic"})
        self.assertEqual(len(self.store.batches), PLANNED_AT_MOST)

    def test_it_is_made_in_a_world_nobody_has_asked_about(self) -> None:
        (other,) = self.store.worlds([["b:other"]])
        self.engine.declare(other, Topology({"e": "fanout"}, {"q": "place"}, [("e", "q", "")]))
        self.assertEqual(self.done(self.engine.publish(other, "e", ["x"], NewMessage(b""))), 1)

    def test_what_cannot_be_made_is_told_and_nothing_is_made(self) -> None:
        self.declare({"e": "topic"})
        for topology, error in (
            (Topology({"new": "topic", "e": "fanout"}, {}, []), ExchangeDiffers),
            (Topology({"amq.direct": "fanout"}, {}, []), ExchangeDiffers),
            (Topology({"amq.new": "topic"}, {}, []), ReservedName),
            (Topology({"new": "topic"}, {"amq.q": "place"}, []), ReservedName),
            (Topology({"new": "topic"}, {}, [("no", "q", "")]), ExchangeNotFound),
            (Topology({"new": "topic"}, {}, [("new", "no", "")]), QueueNotFound),
            (Topology({"a\0b": "topic"}, {}, []), InvalidRequest),
        ):
            with self.assertRaises(error):
                self.engine.declare(self.world, topology)
        self.refused(self.engine.publish(self.world, "new", [], NewMessage(b"")), ExchangeNotFound)


#: A pattern that a long row of ``a`` fits in as many ways as there can be.
TRAP = ".".join(["#", "a"] * 63)


def costly(last: object) -> str:
    """A key for which looking costs some thousand steps where that pattern is."""
    return ".".join(["a"] * 120 + [str(last)])


class CostTests(PublishingCase):
    """What it costs to look for queues is bounded: nobody is answered meanwhile."""

    def test_a_publish_for_which_it_would_take_too_long_is_refused(self) -> None:
        self.wire(key=TRAP)
        self.wire(key="#")
        keys = [costly(number) for number in range(20)]
        published = self.engine.publish(self.world, "e", keys, NewMessage(b""))
        self.refused(published, TooManyPatterns)
        self.assertEqual(self.publish(keys[0]), 1)
        self.assertEqual(self.publish(*["k"] * 20, *keys[:1] * 20, "x.y.z"), 1)
        self.assertEqual(self.bodies(), [b"m", b"m"])

    def test_it_is_refused_before_anything_is_made_for_it(self) -> None:
        for exchange, key, keys in (
            ("e", "k", [costly(number) for number in range(20)]),
            ("new", TRAP, [costly(number) for number in range(20)]),
        ):
            self.wire(key=TRAP)
            published = self.engine.publish(
                self.world,
                exchange,
                [key, *keys],
                NewMessage(b""),
                wiring=wiring(exchange, "other", key),
            )
            self.refused(published, TooManyPatterns)
            self.assertEqual(self.names(), ["q"])
        self.refused(self.engine.publish(self.world, "new", [], NewMessage(b"")), ExchangeNotFound)

    def test_costly_ones_do_not_share_a_batch_and_keep_their_order(self) -> None:
        self.wire(key=TRAP)
        self.wire(key="#")
        self.store.batches.clear()
        done = [
            self.engine.publish(self.world, "e", [costly(number)], NewMessage(b"%d" % number))
            for number in range(40)
        ]
        while not all(each.called for each in done):
            self.turn()
        batches = [len(batch.operations) for batch in self.store.batches]
        self.assertEqual(sum(batches), 40)
        self.assertLess(max(batches), 20)
        self.assertEqual(self.engine.entering, 0)
        self.assertEqual(self.bodies(), [b"%d" % number for number in range(40)])

    def test_the_bound_is_far_from_what_is_usual(self) -> None:
        tree = TopicRoutes()
        for number in range(10_000):
            tree.bind(number, f"site.{number}.#")
            tree.bind(number, f"*.{number}.*.alarm")
            tree.bind(number, f"#.kind{number}.#")
        steps = Steps()
        keys = [f"site.{number}.floor.alarm" for number in range(100)]
        self.assertEqual(tree.lead(keys, (), steps), set(range(100)))
        self.assertLess(steps.taken, STEPS_AT_MOST / 10)


class OrderTests(PublishingCase):
    """Many publishers at once."""

    def test_every_queue_has_each_publishers_messages_in_order(self) -> None:
        self.declare({"f": "fanout"}, ["a", "b"], [("f", "a", ""), ("f", "b", "")])
        publishers, rounds = 64, 10
        for number in range(rounds):
            for publisher in range(publishers):
                body = b"%d %d" % (publisher, number)
                exchange, key = ("f", "") if publisher % 2 else ("", "a")
                self.engine.publish(self.world, exchange, [key], NewMessage(body))
            if number % 3:
                self.turn()
        self.turn()
        for queue, senders in (("a", range(publishers)), ("b", range(1, publishers, 2))):
            bodies = [tuple(map(int, body.split())) for body in self.bodies(queue)]
            self.assertEqual(len(bodies), len(senders) * rounds)
            for sender in senders:
                mine = [number for publisher, number in bodies if publisher == sender]
                self.assertEqual(mine, list(range(rounds)))
