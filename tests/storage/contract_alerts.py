"""What every store owes the engine about alerts."""

from __future__ import annotations

from typing import Any

from mqgate.storage import interface as ops
from mqgate.storage.interface import Alert, Bell, Change, Fired, Reshelf, Stale, Swept
from tests.storage.contract import NEVER, NOW, SHELF, StoreContract, row

#: The shelf of the queue that gets the messages, and its number.
BELLS, BELLS_NUMBER = 4, 3


def alert(id_: int = 100, **other: Any) -> Alert:
    """A fixed, ascending alert at two messages."""
    return Alert(id_, False, False, 2, "bells", 0, "plain")._replace(**other)


def bell(of: Alert, **other: Any) -> Bell:
    """What such an alert posts."""
    plain = row(0, state=0, pos=0, data=b"")
    return Bell(of, BELLS, b"<", b">", plain, new=False)._replace(**other)


class AlertContract(StoreContract):
    """A queue with alerts, and another one that gets their messages."""

    def setUp(self) -> None:
        super().setUp()
        bells = self.queue(number=BELLS_NUMBER, name="bells", shelf=BELLS, version=2)
        self.change((bells,), version=2)
        self.version = 2
        self.next_id = 1000

    def set_alerts(self, *alerts: Alert, **other: Any) -> None:
        self.version += 1
        queue = self.queue(version=self.version, alerts=alerts, **other)
        change = Change(self.world, self.version, 10, (queue,), (), alerts_of=(queue.number,))
        self.run_batch(changes=(change,))

    def watch(self, *bells: Bell, shelves: tuple[int, ...] = (SHELF,)) -> ops.Watch:
        ids = tuple(range(self.next_id, self.next_id + 50))
        self.next_id += 50
        return ops.Watch((ops.Watched(self.world, 1, shelves, bells),), ids)

    def posting(self, *ids: int) -> ops.Post:
        return ops.Post(self.world, SHELF, tuple(map(row, ids)))

    def carry_out(self, *operations: ops.Operation, **other: Any) -> Any:
        return self.run_batch(*operations, high=1 << 30, **other)

    def told(self, shelf: int = BELLS, now: int = NOW) -> list[bytes]:
        """What alerts have posted there; it is taken away."""
        take = ops.Reserve(self.world, shelf, 100, 1 << 30, None, True, None, False)
        return [each.data for each in self.one(take, now).rows]


class CatalogueContract(AlertContract):
    """Alerts come and go with their queue's row."""

    def newer(self: Any, version: int) -> Any:
        result = self.run_batch(ops.Check(), versions=((self.world, version),))
        self.assertIsInstance(result, Stale)
        return {each.number: each.alerts for each in result.worlds[0].queues}

    def test_alerts_come_with_the_row_of_their_queue(self: Any) -> None:
        alerts = (alert(7, progressive=True), alert(9, descending=True, snooze=5))
        self.set_alerts(*alerts)
        self.assertEqual(self.newer(2), {1: alerts})
        self.assertEqual(self.newer(-1), {1: alerts, BELLS_NUMBER: ()})
        self.set_alerts(alerts[1])
        self.assertEqual(self.newer(3), {1: alerts[1:]})
        self.set_alerts()
        self.assertEqual(self.newer(4), {1: ()})
        self.assert_clean()

    def test_a_change_that_is_not_about_alerts_leaves_them(self: Any) -> None:
        self.set_alerts(alert())
        self.change((self.queue(settings={"a": 1}, version=4, alerts=(alert(),)),), version=4)
        self.assertEqual(self.newer(3), {1: (alert(),)})

    def test_a_queue_that_is_removed_leaves_no_alerts(self: Any) -> None:
        self.set_alerts(alert())
        gone = self.queue(removed=NOW, version=4)
        change = Change(
            self.world, 4, 10, (gone,), (Reshelf(self.world, SHELF, None),), alerts_of=(1,)
        )
        self.run_batch(changes=(change,))
        self.assertEqual(self.newer(3), {1: ()})
        self.assert_clean()


class WatchContract(AlertContract):
    """Changes of size, and the messages they bring about in the same transaction."""

    def test_the_message_comes_with_what_sets_it_off(self: Any) -> None:
        self.set_alerts(alert())
        result = self.carry_out(self.posting(1, 2, 3), self.watch(bell(alert())))
        self.assertEqual(result, [None, (Fired(self.world, "bells", NEVER),)])
        self.assertEqual(self.count(BELLS), (1, 1))
        peek = ops.Peek(self.world, BELLS, 9, 1 << 30, False)
        (found,) = self.one(peek)
        self.assertEqual(
            (found.id, found.pos, found.origin, found.state, found.data),
            (1000, 1000, 1000, 0, b"<3>"),
        )
        self.assert_clean()

    def test_operations_count_in_their_order_whatever_their_kinds(self: Any) -> None:
        down = alert(101, descending=True)
        self.set_alerts(alert(), down)
        self.carry_out(
            self.posting(1, 2),
            self.posting(3),
            ops.Delete(self.world, SHELF, (1,), None),  # that is not there yet
            ops.Reserve(self.world, SHELF, 1, 1 << 30, None, True, None, False),
            self.watch(bell(alert()), bell(down)),
        )
        self.assertEqual(self.told(), [b"<2>", b"<2>"])

    def test_snooze_is_from_the_time_it_went_off(self: Any) -> None:
        sleepy = alert(snooze=10)
        self.set_alerts(sleepy)
        clear = ops.Leave(self.world, SHELF)  # as far as sizes go
        for first, now, told in ((1, NOW, 1), (3, NOW + 9, 0), (5, NOW + 10, 1)):
            post = self.posting(first, first + 1)
            self.carry_out(post, self.watch(bell(sleepy)), now=now)
            self.assertEqual(len(self.told(now=now)), told)
            self.delete(first, first + 1, now=now)
        self.assertEqual(self.carry_out(clear), [None])
        self.set_alerts(sleepy, alert(101))  # that it was set off is not forgotten for others
        self.carry_out(self.posting(7, 8), self.watch(bell(sleepy)), now=NOW + 12)
        self.assertEqual(self.told(now=NOW + 12), [])

    def test_what_does_not_snooze_goes_off_whatever_the_order_of_moments(self: Any) -> None:
        """A batch may have been made a little earlier than another gateway's before it."""
        awake = alert(progressive=True)
        self.set_alerts(awake)
        for first, now in ((1, NOW + 3), (3, NOW)):
            post = self.posting(first, first + 1)
            self.carry_out(post, self.watch(bell(awake)), now=now)
        self.assertEqual(self.told(now=NOW + 3), [b"<2>", b"<4>"])

    def test_a_queue_that_leaves_its_shelf_drops_to_0(self: Any) -> None:
        down = alert(descending=True)
        self.set_alerts(down)
        self.post(row(1), row(2), row(3))
        queue = self.queue(shelf=5, version=4, alerts=(down,))
        change = Change(self.world, 4, 10, (queue,), (Reshelf(self.world, SHELF, 5),))
        self.carry_out(
            ops.Leave(self.world, SHELF),
            ops.Post(self.world, 5, (row(4),)),
            self.watch(bell(down), shelves=(SHELF, 5)),
            changes=(change,),
        )
        self.assertEqual(self.told(), [b"<0>"])
        self.assertEqual(self.count(5), (1, 4))

    def test_what_has_expired_goes_first_and_sets_off_what_was_there_then(self: Any) -> None:
        old, new = alert(descending=True), alert(101, descending=True)
        self.set_alerts(old, new)
        self.post(row(1, expires=NOW), row(2, expires=NOW), row(3))
        watch = self.watch(bell(old), bell(new, new=True))
        self.assertEqual(len(self.carry_out(watch)[0]), 1)
        self.assertEqual(self.told(), [b"<1>"])
        self.assertEqual(self.count(), (1, 3))

    def test_expiry_of_a_queue_with_alerts_is_left_to_whoever_watches_it(self: Any) -> None:
        self.set_alerts(alert())
        self.post(row(1, expires=NOW - 1), row(2, expires=NOW))
        self.post(row(3, expires=NOW), shelf=BELLS)
        self.assertEqual(self.one(ops.Sweep(9)), Swept(1, NOW - 1, ((self.world, "q"),)))
        self.assertEqual(self.count(BELLS), (0, 1))
        self.carry_out(self.watch(bell(alert())))
        self.assertEqual(self.one(ops.Sweep(9)), Swept(0, None))

    def test_messages_set_off_alerts_of_their_own_queue(self: Any) -> None:
        second = alert(101, threshold=1, target="q")
        self.set_alerts(alert())
        watch = self.watch(bell(alert()))
        other = ops.Watched(self.world, BELLS_NUMBER, (BELLS,), (bell(second, shelf=SHELF),))
        watch = watch._replace(queues=(*watch.queues, other))
        (_, fired) = self.carry_out(self.posting(1, 2), watch)
        self.assertEqual([each.target for each in fired], ["bells", "q"])
        self.assertEqual(self.told(), [b"<2>"])
        self.assertEqual(self.told(SHELF), [b"body 1", b"body 2", b"<1>"])

    def test_without_its_target_nothing_is_carried_out(self: Any) -> None:
        self.set_alerts(alert())
        watch = self.watch(bell(alert(), shelf=None))
        result = self.carry_out(self.posting(1, 2), watch)
        self.assertEqual(result, Stale((), ((self.world, "bells"),)))
        self.assertEqual(self.count(), (0, 0))
        self.carry_out(self.posting(1), watch)  # which needs no target
        self.assertEqual(self.count(), (1, 1))

    def test_a_batch_that_fails_leaves_no_message(self: Any) -> None:
        self.set_alerts(alert())
        self.post(row(9), shelf=BELLS)
        bad = ops.Post(self.world, SHELF, (row(9),))  # that id is taken
        watch = self.watch(bell(alert()))
        batch = ops.Batch(NOW, (), (), (self.posting(1, 2), bad, watch), 0)
        self.failureResultOf(self.store.run(batch))
        self.assertEqual(self.told(), [b"body 9"])
