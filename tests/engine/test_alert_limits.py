"""Alerts in worlds and queues that may hold so much: nobody is refused for an alert's sake."""

from __future__ import annotations

from mqgate.engine.allowance import Allowance, QueueRule
from mqgate.engine.engine import Engine
from mqgate.engine.errors import LimitReached, QueueNotFound
from mqgate.engine.values import FANOUT, NewMessage, Topology
from tests.engine.case import WatchedStore
from tests.engine.test_alerts import DESC, PROGRESSIVE, AlertCase, alert


class LimitedCase(AlertCase):
    """A world with an allowance."""

    allowance = Allowance()

    def start(self) -> None:
        self.store = WatchedStore(self.database.store())
        opened = self.store.open()
        (self.world,) = self.store.worlds([["a:one"]])
        self.store.meter(self.allowance.bytes is not None)
        self.engine = Engine(
            self.store,
            self.clock,
            self.now,
            self.policies,
            opened=opened,
            allowances={self.world: self.allowance},
        )
        self.engine.start()
        self.done(self.engine.list_queues(self.world, offset=0, limit=1))
        self.store.batches.clear()


class WorldTests(LimitedCase):
    allowance = Allowance(queues=2, messages=4, bytes=1000)

    def test_a_message_that_finds_the_world_full_is_dropped_and_its_cause_is_not(self) -> None:
        self.done(self.posting(queue="bells"))
        self.alert(alert(2), alert(3, snooze=60_000))
        ids = self.done(self.posting(3))
        self.assertEqual((self.size(), self.size("bells")), (3, 1))
        self.refused(self.posting(), LimitReached)
        self.done(self.deleting(ids))
        self.bells_only()
        self.done(self.posting(3))  # what was dropped does not make it snooze
        self.assertEqual(self.bells(), [3])

    def bells_only(self) -> None:
        self.take(9, queue="bells", remove=True)

    def test_messages_count_among_the_world_s(self) -> None:
        self.alert(alert(1), alert(2))
        self.done(self.posting(2))
        self.assertEqual((self.size(), self.size("bells")), (2, 2))
        self.refused(self.posting(), LimitReached)

    def test_a_delete_that_makes_room_makes_it_for_its_alert(self) -> None:
        self.alert(alert(3, descending=DESC))
        ids = self.done(self.posting(4))
        self.done(self.deleting(ids[:1]))
        self.assertEqual(self.bells(), [3])

    def test_a_target_that_would_be_a_queue_too_many_is_not_made(self) -> None:
        self.alert(alert(1), alert(2, target="others"))
        self.done(self.posting(2))
        self.assertEqual(self.bells(), [2])
        self.refused(self.engine.info(self.world, "others"), QueueNotFound)

    def test_what_has_expired_in_a_queue_with_alerts_takes_no_room(self) -> None:
        self.alert(alert(9))
        self.done(self.posting(4, expires_in=5000))
        self.clock.pump([5.0])
        self.done(self.posting(4, queue="other"))
        self.assertEqual((self.size(), self.size("other")), (0, 4))

    def test_what_has_expired_takes_no_room(self) -> None:
        self.done(self.posting(3, queue="other", expires_in=5000))
        self.clock.pump([5.0])
        self.alert(alert(1), alert(2), alert(1, progressive=PROGRESSIVE))
        self.done(self.engine.delete_queue(self.world, "other"))
        self.done(self.posting())
        self.assertEqual(self.bells(), [1, 1])


class BytesTests(LimitedCase):
    allowance = Allowance(bytes=5)

    def test_bytes_of_messages_count(self) -> None:
        self.alert(alert(1), alert(2))
        self.done(self.posting(2))  # two bytes, and three in `q 1`
        self.assertEqual(self.bells(), [2])
        self.assertEqual(self.size(), 2)


class RuleTests(LimitedCase):
    allowance = Allowance(
        rules=(
            QueueRule("ring", length=3, drop=True),
            QueueRule("bells", length=2),
            QueueRule("brief", age=1000),
        )
    )

    def test_a_queue_that_drops_its_oldest_stays_at_its_size(self) -> None:
        """The post and what goes for its sake are one change."""
        self.alert(
            alert(1, progressive=PROGRESSIVE, target="others"),
            alert(2, descending=DESC, target="others"),
            queue="ring",
        )
        self.done(self.posting(2, queue="ring"))
        self.done(self.posting(2, queue="ring"))
        self.done(self.posting(3, queue="ring"))
        self.done(self.posting(7, queue="ring"))
        self.assertEqual(self.bells("others"), [2, 3])
        self.assertEqual(self.size("ring"), 3)

    def test_a_publish_to_such_a_queue_among_others(self) -> None:
        bound = [("all", queue, "k") for queue in ("ring", "r")]
        queues = dict.fromkeys(("ring", "r"), "place")
        self.engine.declare(self.world, Topology({"all": FANOUT}, queues, bound))
        for queue in queues:
            self.alert(alert(1, progressive=PROGRESSIVE, target=f"{queue}-told"), queue=queue)
        for _ in range(5):
            self.done(self.engine.publish(self.world, "all", ["k"], NewMessage(b"x")))
        self.assertEqual(self.bells("ring-told"), [1, 2, 3])
        self.assertEqual(self.bells("r-told"), [1, 2, 3, 4, 5])

    def test_a_full_target_takes_no_more(self) -> None:
        self.alert(alert(1, progressive=PROGRESSIVE))
        for _ in range(4):
            self.done(self.posting())
        self.assertEqual(self.size(), 4)
        self.assertEqual(self.bells(), [1, 2])

    def test_a_target_that_drops_its_oldest_has_the_latest(self) -> None:
        self.alert(alert(1, progressive=PROGRESSIVE, target="ring"))
        self.alert(alert(3), alert(2, descending=DESC), queue="ring")
        for _ in range(5):
            self.done(self.posting())
        self.assertEqual(self.told("ring"), [b"q 3", b"q 4", b"q 5"])
        self.assertEqual(self.told(), [b"ring 3", b"ring 0"])

    def test_several_messages_of_one_batch_drop_each_other(self) -> None:
        self.alert(*[alert(1, target="ring")] * 5)
        self.done(self.posting())
        self.assertEqual(self.size("ring"), 3)

    def test_messages_are_gone_when_they_have_the_target_s_age(self) -> None:
        self.alert(alert(1, target="brief"))
        self.done(self.posting())
        (found,) = self.done(self.engine.peek(self.world, "brief"))
        self.assertEqual(found.expires_at, self.now() + 1000)
