"""Alerts: what sets them off, exactly, and what they post in the same commit."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail

from mqgate.engine.alerting import FOLLOWED
from mqgate.engine.errors import (
    AlertRepeated,
    AlertsInRing,
    AlertsNotPossible,
    InvalidRequest,
    NoRoom,
    QueueNotFound,
    StoreUnavailable,
    TooManyAlerts,
)
from mqgate.engine.intake import Limits
from mqgate.engine.upkeep import SLICE
from mqgate.engine.values import (
    FANOUT,
    Alert,
    Alerting,
    Letter,
    NewAlert,
    NewMessage,
    Policy,
    Topology,
)
from mqgate.storage.interface import LEVELS, Batch, Stale, Unavailable, Watch
from tests import stores
from tests.engine import case
from tests.engine.case import EngineCase

FIXED, PROGRESSIVE = False, True
ASC, DESC = False, True


def alert(
    threshold: int,
    *,
    progressive: bool = FIXED,
    descending: bool = ASC,
    target: str = "bells",
    snooze: int = 0,
) -> NewAlert:
    """An alert: fixed and ascending unless said."""
    return NewAlert(progressive, descending, threshold, target, snooze)


def _letter(queue: str, alert: Alert, now: int) -> Letter:
    if alert.target == "broken":
        raise ValueError("no such letter")
    return Letter(f"{queue} ".encode(), b"", timeout=45_000, expires_in=20_000)


RULES = Alerting(possible=lambda settings: "push" not in settings, letter=_letter)


class AlertCase(EngineCase):
    """A queue ``q``, whose alerts ring in ``bells`` unless said."""

    policies = {**case.POLICIES, "bells": Policy(alerting=RULES)}

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self.check)

    def check(self) -> None:
        self.assertEqual(self.database.problems(), [])

    def alert(self, *alerts: NewAlert, queue: str = "q") -> None:
        self.done(self.engine.add_alerts(self.world, queue, alerts, policy="bells"))

    def bells(self, queue: str = "bells") -> list[int]:
        """The sizes that were told there since the last look."""
        told: list[bytes] = []
        while more := self.take(100, queue=queue, remove=True):
            told += more
        return [int(body.split()[-1]) for body in told]

    def told(self, queue: str = "bells") -> list[bytes]:
        return self.take(100, queue=queue, remove=True)

    def at_once(self, *asked: Deferred[Any]) -> list[Any]:
        """The answers to what goes into one batch."""
        self.turn()
        return [self.done(each) for each in asked]

    def posting(self, n: int = 1, queue: str = "q", **how: Any) -> Deferred[list[int]]:
        messages = [NewMessage(b"x", **how) for _ in range(n)]
        return self.engine.post(self.world, queue, messages, policy="place")

    def deleting(self, ids: Sequence[int], queue: str = "q") -> Deferred[frozenset[int]]:
        return self.engine.delete(self.world, queue, list(ids))

    def size(self, queue: str = "q") -> int:
        return self.done(self.engine.info(self.world, queue)).size

    def up_and_down(self, top: int) -> tuple[list[list[int]], list[list[int]]]:
        """What is told at each size from 1 up to the top, and then from there down to 0."""
        up: list[list[int]] = []
        ids: list[int] = []
        for _ in range(top):
            posted = self.done(self.posting())
            ids += posted
            up.append(self.bells())
        down = []
        for id_ in ids:
            self.done(self.deleting([id_]))
            down.append(self.bells())
        return up, down


class CrossingTests(AlertCase):
    """Which changes of size set an alert off."""

    def test_fixed_ascending_rings_at_its_size_on_the_way_up(self) -> None:
        """Not before, not again while above, again after passing back."""
        self.alert(alert(3))
        for _ in range(2):
            up, down = self.up_and_down(5)
            self.assertEqual(up, [[], [], [3], [], []])
            self.assertEqual(down, [[]] * 5)

    def test_fixed_descending_rings_at_its_size_on_the_way_down(self) -> None:
        self.alert(alert(3, descending=DESC))
        for _ in range(2):
            up, down = self.up_and_down(5)
            self.assertEqual(up, [[]] * 5)
            self.assertEqual(down, [[], [3], [], [], []])

    def test_progressive_ascending_rings_at_every_multiple_on_the_way_up(self) -> None:
        self.alert(alert(2, progressive=PROGRESSIVE))
        up, down = self.up_and_down(5)
        self.assertEqual(up, [[], [2], [], [4], []])
        self.assertEqual(down, [[]] * 5)

    def test_progressive_descending_rings_at_every_multiple_on_the_way_down_but_not_at_0(
        self,
    ) -> None:
        self.alert(alert(2, progressive=PROGRESSIVE, descending=DESC))
        up, down = self.up_and_down(5)
        self.assertEqual(up, [[]] * 5)
        self.assertEqual(down, [[4], [], [2], [], []])

    def test_a_step_over_rings_once_and_tells_where_it_ended(self) -> None:
        self.alert(
            alert(3),
            alert(2, progressive=PROGRESSIVE),
            alert(3, descending=DESC),
            alert(2, progressive=PROGRESSIVE, descending=DESC),
        )
        ids = self.done(self.posting(9))
        self.assertEqual(self.bells(), [9, 9])
        self.done(self.deleting(ids[:8]))
        self.assertEqual(self.bells(), [1, 1])
        self.done(self.posting(2))
        self.assertEqual(self.bells(), [3, 3])

    def test_a_change_within_two_multiples_is_silent(self) -> None:
        self.alert(
            alert(10, progressive=PROGRESSIVE),
            alert(10, progressive=PROGRESSIVE, descending=DESC),
        )
        ids = self.done(self.posting(19))
        self.assertEqual(self.bells(), [19])
        self.done(self.deleting(ids[:8]))  # 11 are left
        self.assertEqual(self.bells(), [])
        self.done(self.deleting(ids[8:9]))
        self.assertEqual(self.bells(), [10])
        self.done(self.posting(9))
        self.assertEqual(self.bells(), [])

    def test_leaving_a_multiple_downwards_is_silent_until_the_next(self) -> None:
        self.alert(alert(2, progressive=PROGRESSIVE, descending=DESC))
        ids = self.done(self.posting(4))
        self.done(self.deleting(ids[:1]))  # from 4 to 3
        self.assertEqual(self.bells(), [])
        self.done(self.deleting(ids[1:2]))
        self.assertEqual(self.bells(), [2])

    def test_a_threshold_of_one(self) -> None:
        self.alert(alert(1), alert(1, progressive=PROGRESSIVE, descending=DESC))
        up, down = self.up_and_down(3)
        self.assertEqual(up, [[1], [], []])
        self.assertEqual(down, [[2], [1], []])

    def test_an_alert_says_nothing_of_the_size_it_finds(self) -> None:
        self.done(self.posting(5))
        self.alert(alert(3), alert(5, descending=DESC))
        self.assertEqual(self.bells(), [])

    def test_messages_come_in_the_order_of_the_alerts(self) -> None:
        self.alert(alert(2), alert(1, progressive=PROGRESSIVE, target="others"), alert(1))
        self.done(self.posting(2))
        self.assertEqual((self.bells(), self.bells("others")), ([2, 2], [2]))

    def test_the_message_is_as_its_policy_says(self) -> None:
        self.alert(alert(1))
        self.done(self.posting())
        (found,) = self.done(self.engine.reserve(self.world, "bells"))
        self.assertEqual((found.body, found.props, found.count), (b"q 1", None, 1))
        self.assertEqual((found.timeout, found.expires_at), (45_000, self.now() + 20_000))
        self.assertEqual(found.id, found.position)

    def test_an_alert_of_a_policy_that_nobody_knows_still_rings(self) -> None:
        asked = self.engine.add_alerts(self.world, "q", [alert(1)], policy="gone")
        self.done(asked)
        self.done(self.posting())
        self.assertEqual(self.told(), [b"size of q: 1"])


class ChangeTests(AlertCase):
    """Every change of size counts, whatever makes it."""

    def setUp(self) -> None:
        super().setUp()
        self.alert(alert(2, descending=DESC), alert(4, target="up"))

    def test_reserved_and_delayed_messages_are_there(self) -> None:
        self.done(self.posting(2, delay=60_000))
        self.done(self.posting(2))
        self.assertEqual(self.bells("up"), [4])
        self.take(2)
        self.assertEqual(self.size(), 4)
        self.assertEqual(self.bells(), [])

    def test_release_touch_and_a_lapse_change_nothing(self) -> None:
        ids = self.done(self.posting(4, timeout=5000))
        self.take(2)
        self.done(self.engine.release(self.world, "q", ids[0]))
        self.done(self.engine.touch(self.world, "q", ids[1]))
        self.pass_time(6)
        self.take(2)
        self.assertEqual((self.bells("up"), self.bells()), ([4], []))

    def test_a_delete_of_what_is_not_there_changes_nothing(self) -> None:
        ids = self.done(self.posting(3))
        self.assertEqual(self.done(self.deleting([7, 8])), frozenset())
        self.assertEqual(self.bells(), [])
        self.done(self.deleting([*ids[:1], 9]))
        self.assertEqual(self.bells(), [2])

    def test_a_get_that_removes(self) -> None:
        self.done(self.posting(3))
        self.take()
        self.assertEqual(self.bells(), [])
        self.take(remove=True)
        self.assertEqual(self.bells(), [2])

    def test_a_message_that_is_put_back(self) -> None:
        self.done(self.posting(4))
        self.assertEqual(self.bells("up"), [4])
        taken = self.done(self.engine.reserve(self.world, "q", 3, remove=True))
        self.assertEqual(self.bells(), [1])
        self.engine.give_back(self.world, "q", taken, removed=True)
        self.turn()
        self.assertEqual(self.bells("up"), [4])

    def test_a_publish_and_a_take(self) -> None:
        """Another dialect's words for it."""
        self.alert(alert(1, target="three"), queue="r")
        for queue in ("q", "r"):
            self.engine.declare(self.world, self.wired(queue))
        for _ in range(3):
            self.done(self.engine.publish(self.world, "all", ["k"], NewMessage(b"x")))
        self.assertEqual((self.bells("up"), self.bells("three")), ([], [1]))
        self.done(self.engine.publish(self.world, "", ["q"], NewMessage(b"x")))
        self.assertEqual(self.bells("up"), [4])
        for told in ([], [2], []):
            self.done(self.engine.take(self.world, "q"))
            self.assertEqual(self.bells(), told)

    def wired(self, queue: str) -> Topology:
        return Topology({"all": FANOUT}, {queue: "place"}, [("all", queue, "k")])

    def test_a_take_counts_after_what_it_takes(self) -> None:
        """Though it came first, and found the queue empty."""
        self.done(self.engine.replace_alerts(self.world, "q", [alert(1)], policy="bells"))
        took = self.engine.take(self.world, "q")
        self.at_once(self.posting())
        self.assertIsNotNone(self.done(took))
        self.assertEqual(self.bells(), [1])
        self.done(self.posting())
        self.assertEqual(self.bells(), [1])

    def test_a_take_before_a_clear_counts_before_it(self) -> None:
        self.done(self.posting(4))
        self.assertEqual(self.bells("up"), [4])
        self.at_once(
            self.engine.take(self.world, "q"),
            self.engine.clear(self.world, "q"),
            self.posting(4),
        )
        self.assertEqual((self.bells("up"), self.bells()), ([4], [0]))

    def test_a_reservation_given_back_changes_nothing(self) -> None:
        self.done(self.posting(4))
        taken = self.done(self.engine.reserve(self.world, "q", 4))
        self.engine.give_back(self.world, "q", taken)
        self.turn()
        self.assertEqual((self.bells("up"), self.bells()), ([4], []))

    def test_a_clear_drops_to_0(self) -> None:
        self.done(self.posting(3))
        self.done(self.engine.clear(self.world, "q"))
        self.assertEqual(self.bells(), [0])
        self.done(self.engine.clear(self.world, "q"))
        self.assertEqual(self.bells(), [])
        self.done(self.posting(4))
        self.assertEqual(self.bells("up"), [4])

    def test_a_queue_that_is_deleted_takes_its_alerts_along(self) -> None:
        self.done(self.posting(3))
        self.done(self.engine.delete_queue(self.world, "q"))
        self.done(self.posting(4))
        self.assertEqual((self.bells(), self.bells("up")), ([], []))
        self.assertEqual(self.done(self.engine.info(self.world, "q")).alerts, ())

    def test_expiry_by_the_sweep(self) -> None:
        self.done(self.posting(2, expires_in=5000))
        self.done(self.posting(2))
        self.assertEqual(self.bells("up"), [4])
        self.pass_time(5)
        self.pass_time(1)
        self.assertEqual(self.bells(), [2])

    def test_expiry_also_takes_what_is_reserved_or_delayed(self) -> None:
        self.done(self.posting(1, expires_in=5000))
        self.take()
        self.done(self.posting(1, expires_in=5000, delay=90_000))
        self.done(self.posting(2))
        self.pass_time(6)
        self.pass_time(1)
        self.assertEqual(self.bells(), [2])

    def test_expiry_counts_before_what_happens_next(self) -> None:
        """A post finds the size as it is, not as it was when the last one expired."""
        self.done(self.posting(3, expires_in=5000))
        self.clock.pump([5.0])  # the sweep is still to come
        self.assertEqual(self.at_once(self.posting(2)), [[*self.ids_of("q")]])
        self.assertEqual((self.bells("up"), self.bells()), ([], [0]))

    def ids_of(self, queue: str) -> list[int]:
        return [each.id for each in self.done(self.engine.peek(self.world, queue, 9))]

    def test_expiry_shows_in_the_size_that_is_asked_for(self) -> None:
        self.done(self.posting(3, expires_in=5000))
        self.clock.advance(5)
        self.store.batches.clear()
        self.assertEqual(self.size(), 0)
        self.assertFalse(self.watches(self.store.batches[-1]))  # to look changes nothing
        self.pass_time(1)
        self.assertEqual(self.bells(), [0])

    def test_many_expire_in_slices_that_others_do_not_wait_for(self) -> None:
        for _ in range(3):
            self.done(self.posting(SLICE, expires_in=5000))
            self.done(self.posting(SLICE, queue="other", expires_in=5001))
        self.pass_time(5)
        for _ in range(12):
            self.pass_time(0.01)
        self.assertEqual(self.bells(), [0])
        self.assertEqual(self.size("other"), 0)
        self.check()

    def test_what_expired_while_nobody_ran_sets_alerts_off_at_start(self) -> None:
        self.done(self.posting(3, expires_in=1000))
        self.finish()
        self.clock.advance(5)
        self.start()
        self.pass_time(1)
        self.assertEqual(self.bells(), [0])

    def test_expiry_is_tried_again_when_the_database_fails(self) -> None:
        self.done(self.posting(3, expires_in=5000))
        self.pass_time(5)
        self.store.instead = lambda batch: (
            fail(Unavailable("no disk")) if self.watches(batch) else None
        )
        for _ in range(3):
            self.pass_time(1)
        self.store.instead = lambda batch: None
        for _ in range(3):
            self.pass_time(1)
        self.assertEqual(self.bells(), [0])

    def watches(self, batch: Batch) -> bool:
        return any(isinstance(each, Watch) for each in batch.operations)

    def test_reading_pays_nothing(self) -> None:
        (id_,) = self.done(self.posting())
        self.store.batches.clear()
        self.take()
        self.done(self.engine.get(self.world, "q", id_))
        self.done(self.engine.peek(self.world, "q"))
        self.done(self.engine.touch(self.world, "q", id_))
        self.assertFalse(any(map(self.watches, self.store.batches)))

    def test_a_queue_without_alerts_pays_nothing(self) -> None:
        self.store.batches.clear()
        self.at_once(self.posting(queue="other"), self.posting(queue="bells"))
        self.assertFalse(any(map(self.watches, self.store.batches)))


class BatchTests(AlertCase):
    """Several changes in one commit."""

    def test_each_operation_of_a_batch_counts_in_its_turn(self) -> None:
        self.alert(alert(2), alert(4), alert(3, descending=DESC), alert(1, descending=DESC))
        first = self.done(self.posting(1))
        self.done(self.posting(queue="bells"))
        self.take(queue="bells", remove=True)
        self.store.batches.clear()
        self.at_once(
            self.posting(1),  # 2
            self.posting(3),  # 5
            self.deleting(first),  # 4
            self.deleting(first),  # gone already
            self.engine.reserve(self.world, "q", 1, remove=True),  # 3
            self.engine.reserve(self.world, "q", 2, remove=True),  # 1
        )
        self.assertEqual(len(self.store.batches), 1)
        self.assertEqual(self.bells(), [2, 5, 3, 1])

    def test_up_and_down_and_up_again_in_one_batch(self) -> None:
        ids = self.done(self.posting(2))
        self.alert(alert(2))
        self.at_once(self.deleting(ids[:1]), self.posting(), self.deleting(ids[1:]), self.posting())
        self.assertEqual(self.bells(), [2, 2])

    def test_a_clear_in_the_middle(self) -> None:
        self.alert(alert(2), alert(1, descending=DESC))
        self.at_once(self.posting(3), self.engine.clear(self.world, "q"), self.posting(2))
        self.assertEqual(self.bells(), [3, 0, 2])
        self.assertEqual(self.size(), 2)

    def test_what_comes_before_the_queue_is_deleted_still_rings(self) -> None:
        self.alert(alert(2, snooze=60_000))
        self.done(self.posting(2))
        self.assertEqual(self.bells(), [2])
        self.alert(alert(5))
        self.at_once(
            self.posting(4),
            self.posting(),
            self.engine.delete_queue(self.world, "q"),
            self.posting(6),
        )
        self.assertEqual(self.bells(), [6])
        self.assertEqual(self.size(), 6)

    def test_a_snoozing_alert_stays_silent_in_the_batch_that_deletes_its_queue(self) -> None:
        self.alert(alert(2, snooze=60_000))
        ids = self.done(self.posting(2))
        self.done(self.deleting(ids))
        self.bells()
        self.at_once(self.posting(2), self.engine.delete_queue(self.world, "q"))
        self.assertEqual(self.bells(), [])

    def test_alerts_that_change_go_for_the_whole_batch(self) -> None:
        self.alert(alert(2))
        new = self.engine.replace_alerts(self.world, "q", [alert(1)], policy="bells")
        self.at_once(self.posting(2), new)
        self.assertEqual(self.bells(), [2])
        none = self.engine.remove_alerts(self.world, "q")
        self.done(self.engine.clear(self.world, "q"))
        self.at_once(self.posting(2), none)
        self.assertEqual(self.bells(), [])

    def test_alerts_and_what_sets_them_off_can_come_together(self) -> None:
        asked = self.engine.add_alerts(self.world, "q", [alert(1)], policy="bells")
        self.at_once(asked, self.posting())
        self.assertEqual(self.bells(), [1])

    def test_batches_are_no_larger_for_all_that_they_set_off(self) -> None:
        self.alert(*[alert(1, progressive=PROGRESSIVE)] * 5)
        self.alert(*[alert(1, progressive=PROGRESSIVE, target="end")] * 5, queue="bells")
        self.store.batches.clear()
        asked = [self.posting() for _ in range(100)]
        for _ in range(100):
            self.turn()
        for each in asked:
            self.successResultOf(each)
        self.assertGreater(len(self.store.batches), 2)
        for batch in self.store.batches:
            (watch,) = [each for each in batch.operations if isinstance(each, Watch)]
            self.assertLessEqual(len(watch.ids), 2100)
        self.assertEqual(self.size("end"), 2500)

    def test_worlds_have_their_own(self) -> None:
        (other,) = self.store.worlds([["a:other"]])
        self.alert(alert(1))
        post = self.engine.post(other, "q", [NewMessage(b"x")], policy="place")
        self.at_once(self.posting(), post)
        self.assertEqual(self.bells(), [1])
        self.refused(self.engine.info(other, "bells"), QueueNotFound)

    def test_both_worlds_of_a_batch_ring(self) -> None:
        (other,) = self.store.worlds([["a:other"]])
        self.alert(alert(1))
        self.done(self.engine.add_alerts(other, "q", [alert(1, target="b")], policy="bells"))
        post = self.engine.post(other, "q", [NewMessage(b"x")], policy="place")
        self.at_once(self.posting(), post)
        self.assertEqual(self.bells(), [1])
        self.assertEqual(self.done(self.engine.info(other, "b")).size, 1)


class SnoozeTests(AlertCase):
    """Within its snooze an alert is dropped, not delayed."""

    def ring(self) -> list[int]:
        ids = self.done(self.posting())
        self.done(self.deleting(ids))
        return self.bells()

    def test_it_is_silent_for_so_long_after_it_rang(self) -> None:
        self.alert(alert(1, snooze=10_000), alert(1, progressive=PROGRESSIVE, target="always"))
        self.assertEqual(self.ring(), [1])
        self.pass_time(9.999)
        self.assertEqual(self.ring(), [])
        self.pass_time(0.001)
        self.assertEqual(self.ring(), [1])
        self.assertEqual(self.bells("always"), [1, 1, 1])
        self.pass_time(60)
        self.assertEqual(self.bells(), [])

    def test_a_dropped_one_does_not_prolong_it(self) -> None:
        self.alert(alert(1, snooze=10_000))
        self.assertEqual(self.ring(), [1])
        for _ in range(2):
            self.pass_time(4)
            self.assertEqual(self.ring(), [])
        self.pass_time(2)
        self.assertEqual(self.ring(), [1])

    def test_in_one_batch_the_first_rings(self) -> None:
        self.alert(alert(1, progressive=PROGRESSIVE, snooze=10_000))
        self.at_once(self.posting(), self.posting())
        self.assertEqual(self.bells(), [1])

    def test_it_outlives_a_restart(self) -> None:
        self.alert(alert(1, snooze=10_000))
        self.assertEqual(self.ring(), [1])
        self.finish()
        self.start()
        self.pass_time(5)
        self.assertEqual(self.ring(), [])
        self.pass_time(5)
        self.assertEqual(self.ring(), [1])

    def test_other_alerts_that_come_and_go_do_not_end_it(self) -> None:
        self.alert(alert(1, snooze=10_000))
        self.assertEqual(self.ring(), [1])
        self.alert(alert(7))
        self.assertEqual(self.ring(), [])


class ChainTests(AlertCase):
    """Messages of alerts change sizes too."""

    def test_messages_set_off_alerts_of_their_queue_in_the_same_commit(self) -> None:
        self.alert(alert(1, target="b"))
        self.alert(alert(1, target="c"), queue="b")
        self.store.batches.clear()
        self.done(self.posting())
        self.assertEqual((self.told("b"), self.told("c")), ([b"q 1"], [b"b 1"]))

    def test_it_ends_three_levels_deep(self) -> None:
        names = ["q", "b", "c", "d", "e", "f"]
        for queue, target in itertools.pairwise(names):
            self.alert(alert(1, progressive=PROGRESSIVE, target=target), queue=queue)
        self.done(self.posting())
        sizes = [len(self.told(name)) for name in names]
        self.assertEqual(sizes, [1] * (1 + LEVELS) + [0] * (len(names) - 1 - LEVELS))

    def test_a_fixed_alert_may_ring_in_its_own_queue(self) -> None:
        self.alert(alert(2, target="q"), alert(3, target="q"))
        self.done(self.posting(2))
        self.assertEqual(self.take(9), [b"x", b"x", b"q 2", b"q 3"])
        self.assertEqual(self.size(), 4)

    def test_a_queue_that_never_gets_below_its_alert(self) -> None:
        self.alert(alert(2, descending=DESC, target="q"))
        ids = self.done(self.posting(3))
        self.done(self.deleting(ids[:1]))
        self.assertEqual(self.size(), 3)

    def test_messages_to_a_queue_count_after_the_batch(self) -> None:
        self.alert(alert(1))
        self.alert(alert(2, target="second"), queue="bells")
        self.at_once(self.posting(), self.posting(queue="bells"))
        self.assertEqual(self.told("second"), [b"bells 2"])

    def test_several_messages_count_one_by_one(self) -> None:
        self.alert(*[alert(1)] * 3)
        self.alert(alert(2, target="second"), queue="bells")
        self.done(self.posting())
        self.assertEqual(self.told("second"), [b"bells 2"])
        self.assertEqual(self.size("bells"), 3)

    def test_what_expired_in_the_target_counts_first(self) -> None:
        self.alert(alert(1))
        self.alert(alert(1, target="second"), queue="bells")
        self.done(self.posting())
        self.assertEqual(self.told("second"), [b"bells 1"])
        self.done(self.engine.clear(self.world, "q"))
        self.clock.pump([20.0])
        self.done(self.posting())
        self.assertEqual(self.told("second"), [b"bells 1"])


class TargetTests(AlertCase):
    """The queue that gets the messages."""

    def test_it_is_made_when_the_first_message_comes(self) -> None:
        self.alert(alert(2))
        self.done(self.posting())
        self.refused(self.engine.info(self.world, "bells"), QueueNotFound)
        self.done(self.posting())
        info = self.done(self.engine.info(self.world, "bells"))
        self.assertEqual((info.size, info.total, dict(info.settings)), (1, 1, {}))

    def test_it_is_made_again_when_it_was_deleted(self) -> None:
        self.alert(alert(1))
        self.done(self.posting())
        self.done(self.engine.delete_queue(self.world, "bells"))
        self.done(self.engine.clear(self.world, "q"))
        gone = self.engine.delete_queue(self.world, "bells")
        self.at_once(self.posting())
        self.refused(gone, QueueNotFound)
        self.assertEqual(self.bells(), [1])

    def test_it_is_made_again_in_the_batch_that_deletes_it(self) -> None:
        self.alert(alert(1))
        self.done(self.posting(queue="bells"))
        self.at_once(self.posting(), self.engine.delete_queue(self.world, "bells"))
        self.assertEqual(self.bells(), [1])

    def test_a_message_is_not_lost_when_its_queue_is_cleared_in_the_same_batch(self) -> None:
        self.alert(alert(1))
        self.done(self.posting(queue="bells"))
        self.at_once(self.posting(), self.engine.clear(self.world, "bells"))
        self.assertEqual(self.bells(), [1])

    def test_several_missing_ones_are_made_at_once(self) -> None:
        self.alert(alert(1, target="one"), alert(2, target="two"))
        self.alert(alert(1, target="three"), queue="r")
        self.store.batches.clear()
        self.at_once(self.posting(2), self.posting(queue="r"))
        self.assertEqual(len(self.store.batches), 2)
        self.assertEqual([self.bells(each) for each in ("one", "two", "three")], [[2], [2], [1]])

    def test_a_missing_one_at_the_end_of_a_chain_is_made(self) -> None:
        self.alert(alert(1))
        self.alert(alert(1, target="end"), queue="bells")
        self.done(self.posting())
        self.assertEqual(self.bells("end"), [1])

    def test_a_missing_one_is_made_though_another_gateway_changes_the_catalogue_meanwhile(
        self,
    ) -> None:
        self.alert(alert(1))
        self.store.batches.clear()
        stale = Deferred[Any]()
        instead = iter([None, stale])
        self.store.instead = lambda batch: next(instead, None)
        asked = self.posting()
        self.turn()
        stale.callback(Stale(()))
        self.done(asked)
        self.assertEqual(len(self.store.batches), 3)
        self.assertEqual(self.bells(), [1])

    def test_who_waits_there_is_served(self) -> None:
        self.alert(alert(1), alert(2))
        answers = self.poll(queue="bells")
        others = self.poll(queue="bells")
        self.done(self.posting(2))
        self.assertEqual((answers, others), ([[b"q 2"]], [[b"q 2"]]))

    def test_who_begins_to_wait_in_the_same_batch_is_served(self) -> None:
        self.alert(alert(1))
        poll = self.engine.reserve(self.world, "bells", 1, wait=30_000)
        self.at_once(self.posting())
        (found,) = self.done(poll)
        self.assertEqual(found.body, b"q 1")

    def test_its_messages_are_swept_in_time(self) -> None:
        self.alert(alert(1))
        self.done(self.posting())
        self.pass_time(20)
        self.pass_time(1)
        self.assertEqual(self.database.rows("SELECT count(*) FROM msg"), [(1,)])

    def test_an_alert_that_cannot_be_written_down_fails_nobody(self) -> None:
        self.alert(alert(1, target="broken"))
        self.done(self.posting())
        self.assertEqual(self.size(), 1)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 2)

    def test_with_little_room_alerts_still_ring(self) -> None:
        """What is left is there for deleting, and a delete may ring."""
        ids = self.done(self.posting(2))
        self.alert(alert(1, descending=DESC))
        self.store.room = False
        self.done(self.deleting(ids[:1]))
        self.assertEqual(self.bells(), [1])


class SafetyTests(AlertCase):
    """The message and what sets it off are one commit."""

    def test_a_commit_that_fails_leaves_neither(self) -> None:
        self.alert(alert(1))
        self.store.instead = lambda batch: fail(Unavailable("no disk"))
        self.refused(self.posting(), StoreUnavailable)
        self.store.instead = lambda batch: None
        self.assertEqual(self.size(), 0)
        self.refused(self.engine.info(self.world, "bells"), QueueNotFound)

    def test_a_commit_whose_answer_is_lost_leaves_both(self) -> None:
        self.alert(alert(1, snooze=10_000))

        def lose(batch: Batch) -> Deferred[Any]:
            self.store.instead = lambda batch: None
            done = self.store._store.run(batch)
            return done.addCallback(lambda _: fail(Unavailable("gone")))

        self.done(self.posting(queue="bells"))
        self.take(queue="bells", remove=True)
        self.store.instead = lose
        self.refused(self.posting(), StoreUnavailable)
        self.finish()
        self.start()
        self.assertEqual((self.size(), self.bells()), (1, [1]))
        self.done(self.engine.clear(self.world, "q"))
        self.done(self.posting())
        self.assertEqual(self.bells(), [])

    def test_one_that_fails_inside_the_database_leaves_nothing(self) -> None:
        """Whatever the alert's own message comes to, its cause is told that it was not done."""
        self.alert(alert(2))
        self.done(self.posting())
        self.database.poison("INSERT", stores.begins_with("NEW.data", b"q "))
        good = self.posting(queue="other")
        bad = self.posting()
        for _ in range(9):
            self.turn()
        self.successResultOf(good)
        self.failureResultOf(bad)
        self.flushLoggedErrors(self.database.refusal)
        self.assertEqual(self.size(), 1)

    def test_a_message_has_an_id_of_its_own_after_a_restart(self) -> None:
        self.alert(alert(1, progressive=PROGRESSIVE))
        for _ in range(3):
            self.done(self.posting())
            self.finish()
            self.start()
        self.assertEqual(self.bells(), [1, 2, 3])

    def test_a_command_beside_the_server_rings_too(self) -> None:
        self.alert(alert(1, descending=DESC))
        self.done(self.posting(2))
        other = self.database.store(beside=True)
        opened = other.open()
        engine = type(self.engine)(other, self.clock, self.now, self.policies, opened=opened)
        self.done(engine.clear(self.world, "q"))
        self.done(engine.stop())
        other.close()
        self.assertEqual(self.bells(), [0])


class RuleTests(AlertCase):
    """Which alerts a queue can have."""

    def shown(self, queue: str = "q") -> list[tuple[bool, bool, int, str, int]]:
        alerts = self.done(self.engine.info(self.world, queue)).alerts
        return [
            (each.progressive, each.descending, each.threshold, each.target, each.snooze)
            for each in alerts
        ]

    def ids(self, queue: str = "q") -> list[int]:
        return [each.id for each in self.done(self.engine.info(self.world, queue)).alerts]

    def adding(self, *alerts: NewAlert, queue: str = "q") -> Deferred[None]:
        return self.engine.add_alerts(self.world, queue, alerts, policy="bells")

    def replacing(self, *alerts: NewAlert, queue: str = "q") -> Deferred[None]:
        return self.engine.replace_alerts(self.world, queue, alerts, policy="bells")

    def test_they_are_shown_as_they_were_given(self) -> None:
        self.alert(alert(3, snooze=5000))
        self.alert(alert(2, progressive=PROGRESSIVE, descending=DESC, target="b"))
        expected = [(False, False, 3, "bells", 5000), (True, True, 2, "b", 0)]
        self.assertEqual(self.shown(), expected)
        self.finish()
        self.start()
        self.assertEqual(self.shown(), expected)
        self.assertEqual(len(set(self.ids())), 2)

    def test_a_missing_queue_is_made(self) -> None:
        self.alert(alert(3))
        self.assertEqual(self.size(), 0)
        self.done(self.replacing(alert(1), queue="r"))
        self.assertEqual(self.size("r"), 0)

    def test_no_queue_is_made_without_room(self) -> None:
        self.store.room = False
        self.refused(self.adding(alert(3)), NoRoom)
        self.refused(self.engine.info(self.world, "q"), QueueNotFound)

    def test_replacing_leaves_the_new_ones_alone(self) -> None:
        self.alert(alert(3), alert(4))
        before = self.ids()
        self.done(self.replacing(alert(3)))
        self.assertEqual(self.shown(), [(False, False, 3, "bells", 0)])
        self.assertNotIn(self.ids()[0], before)
        self.done(self.replacing())
        self.assertEqual(self.shown(), [])

    def test_they_are_removed_by_id_or_all(self) -> None:
        self.alert(alert(3), alert(4), alert(5))
        first, second, _ = self.ids()
        gone = self.engine.remove_alerts(self.world, "q", [first, 7, second])
        self.assertEqual(self.done(gone), frozenset([first, second]))
        self.assertEqual(self.shown(), [(False, False, 5, "bells", 0)])
        self.assertEqual(self.done(self.engine.remove_alerts(self.world, "q", [])), frozenset())
        self.assertEqual(len(self.done(self.engine.remove_alerts(self.world, "q"))), 1)
        self.assertEqual(self.shown(), [])
        self.refused(self.engine.remove_alerts(self.world, "no"), QueueNotFound)

    def test_none_alike_can_be_added_whatever_target_and_snooze(self) -> None:
        self.alert(alert(3))
        same = self.adding(alert(9), alert(3, target="else", snooze=1))
        self.refused(same, AlertRepeated)
        self.assertEqual(len(self.shown()), 1)
        self.alert(alert(3, descending=DESC), alert(3, progressive=PROGRESSIVE), alert(4))
        self.assertEqual(len(self.shown()), 4)

    def test_alike_ones_can_come_together(self) -> None:
        self.alert(alert(3), alert(3))
        self.done(self.replacing(alert(3), alert(3), alert(3)))
        self.assertEqual(len(self.shown()), 3)

    def test_there_are_five_at_most(self) -> None:
        self.refused(self.adding(*map(alert, range(1, 7))), TooManyAlerts)
        self.alert(*map(alert, range(1, 5)))
        self.refused(self.adding(alert(8), alert(9)), TooManyAlerts)
        self.alert(alert(9))
        self.refused(self.adding(alert(10)), TooManyAlerts)
        self.refused(self.replacing(*map(alert, range(1, 7))), TooManyAlerts)
        self.assertEqual(len(self.shown()), 5)
        self.done(self.replacing(*map(alert, range(11, 16))))

    def test_what_is_refused_makes_no_queue(self) -> None:
        self.refused(self.adding(*map(alert, range(1, 7))), TooManyAlerts)
        self.refused(self.adding(alert(1, progressive=PROGRESSIVE, target="q")), AlertsInRing)
        self.refused(self.engine.info(self.world, "q"), QueueNotFound)

    def test_progressive_ones_make_no_ring(self) -> None:
        def ringer(target: str) -> NewAlert:
            return alert(5, progressive=PROGRESSIVE, target=target)

        def ringing(queue: str, target: str) -> Deferred[None]:
            return self.adding(ringer(target), queue=queue)

        self.done(ringing("q", "b"))
        self.done(ringing("b", "c"))
        self.done(self.adding(alert(6, target="q"), queue="c"))
        self.refused(ringing("c", "q"), AlertsInRing)
        self.refused(self.replacing(ringer("b"), queue="b"), AlertsInRing)
        self.refused(self.replacing(ringer("q"), queue="b"), AlertsInRing)
        self.done(ringing("c", "d"))
        self.done(ringing("other", "b"))
        self.done(self.replacing(alert(7)))
        self.done(self.adding(alert(8, progressive=PROGRESSIVE, target="q"), queue="c"))

    def test_a_ring_cannot_be_made_within_one_batch(self) -> None:
        one = self.adding(alert(1, progressive=PROGRESSIVE, target="b"))
        other = self.adding(alert(1, progressive=PROGRESSIVE, target="q"), queue="b")
        self.turn()
        self.successResultOf(one)
        self.failureResultOf(other, AlertsInRing)

    def test_a_chain_too_long_to_be_followed_is_refused(self) -> None:
        for number in range(FOLLOWED + 1):
            step = alert(1, progressive=PROGRESSIVE, target=f"{number}")
            asked = self.adding(step, queue=f"{number + 1}")
            self.turn()
        for _ in range(9):
            self.turn()
        self.successResultOf(asked)
        self.refused(
            self.adding(alert(1, progressive=PROGRESSIVE, target=f"{FOLLOWED + 1}")), AlertsInRing
        )

    def test_some_queues_can_have_none(self) -> None:
        asked = self.engine.update(self.world, "q", {"push": 1}, policy="bells")
        self.done(asked)
        self.refused(self.adding(alert(1)), AlertsNotPossible)
        self.refused(self.replacing(alert(1)), AlertsNotPossible)
        self.done(self.replacing())

    def test_a_queue_with_alerts_cannot_become_one_of_those(self) -> None:
        self.alert(alert(1))
        asked = self.engine.update(self.world, "q", {"push": 1}, policy="bells")
        self.refused(asked, AlertsNotPossible)
        info = self.done(self.engine.update(self.world, "q", {"pull": 1}, policy="bells"))
        self.assertEqual((dict(info.settings), len(info.alerts)), ({"pull": 1}, 1))
        self.done(self.engine.remove_alerts(self.world, "q"))
        self.done(self.engine.update(self.world, "q", {"push": 1}, policy="bells"))

    def test_what_would_fail_a_batch_is_refused_before(self) -> None:
        for bad in (
            alert(0),
            alert(1 << 63),
            alert(1, snooze=-1),
            alert(1, snooze=1 << 63),
            alert(1, target="\0"),
            alert(1, target="\ud800"),
        ):
            self.refused(self.adding(bad), InvalidRequest)
        self.refused(self.adding(alert(1), queue="\0"), InvalidRequest)


class SmallBatchTests(AlertCase):
    """One operation weighs more than a batch may hold."""

    limits = Limits(batch_rows=2)

    def test_it_is_carried_out_all_the_same(self) -> None:
        self.alert(*[alert(1, progressive=PROGRESSIVE)] * 5)
        asked = [self.posting() for _ in range(3)]
        for _ in range(9):
            self.turn()
        for each in asked:
            self.successResultOf(each)
        self.assertEqual(self.bells(), [1] * 5 + [2] * 5 + [3] * 5)
