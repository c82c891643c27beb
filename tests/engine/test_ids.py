"""Ids sort by time, never repeat, and keep to their gateway's slot."""

from __future__ import annotations

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from mqgate.engine.ids import AHEAD, NOTED, Ids
from mqgate.engine.time import TOLERANCE, WORTH_TELLING, SteadyTime
from mqgate.storage.interface import EPOCH, INSTANT_SHIFT, SLOT_SHIFT

NOW = 1_800_000_000_000


def slot_of(id_: int) -> int:
    return id_ >> SLOT_SHIFT & 1023


def instant_of(id_: int) -> int:
    return (id_ >> INSTANT_SHIFT) + EPOCH


class IdsTests(SynchronousTestCase):
    def test_they_have_nineteen_digits_and_tell_the_time(self) -> None:
        id_ = Ids(5, 0).new(NOW)
        self.assertEqual((len(str(id_)), slot_of(id_), instant_of(id_)), (19, 5, NOW))

    def test_a_millisecond_with_too_many_borrows_from_the_next(self) -> None:
        ids = Ids(5, 0)
        made = [ids.new(NOW) for _ in range(3 * 4096)]
        self.assertEqual(made, sorted(set(made)))
        self.assertEqual({slot_of(each) for each in made}, {5})
        self.assertEqual(instant_of(made[-1]), NOW + 2)
        self.assertGreater(ids.new(NOW), made[-1])

    def test_several_are_what_they_would_be_one_by_one(self) -> None:
        together, apart = Ids(5, 0), Ids(5, 0)
        # The second 4,000 do not all fit into what is left of their millisecond.
        for now, n in ((NOW, 4000), (NOW, 4000), (NOW, 96), (NOW + 5, 4096), (NOW + 5, 1)):
            self.assertEqual(together.several(now, n), [apart.new(now) for _ in range(n)])
            self.assertEqual(together.last, apart.last)

    def test_they_go_on_above_what_was_given_out_whatever_the_clock_says(self) -> None:
        high = Ids(5, 0).new(NOW)
        fresh = Ids(5, high).new(NOW - 3_600_000)
        self.assertEqual((fresh > high, slot_of(fresh)), (True, 5))

    def test_they_keep_to_their_slot_whosever_ids_were_given_out_last(self) -> None:
        for other in (2, 9):
            high = Ids(other, 0).new(NOW)
            fresh = Ids(5, high).new(NOW - 3_600_000)
            self.assertEqual((fresh > high, slot_of(fresh)), (True, 5))

    def test_a_gateway_that_moves_makes_none_that_its_new_slot_has_made(self) -> None:
        for behind in (-5000, 0, 5000):  # the clock of the one that had the slot
            other = Ids(7, 0)
            theirs = {other.new(NOW + behind) for _ in range(5000)}
            ids = Ids(5, 0)
            mine = [ids.new(NOW) for _ in range(5000)]
            ids.move(7, other.last)
            then = [ids.new(NOW) for _ in range(5000)]
            self.assertEqual({slot_of(each) for each in then}, {7})
            self.assertEqual(mine + then, sorted(mine + then))
            self.assertEqual(theirs.intersection(then), set())

    def test_the_bound_is_written_ahead_and_not_again_until_it_is_reached(self) -> None:
        ids = Ids(5, 0)
        self.assertEqual(ids.bound_to_write(), 0)
        ids.new(NOW)
        bound = ids.bound_to_write()
        self.assertEqual(instant_of(bound), NOW + AHEAD)
        self.assertEqual(ids.bound_to_write(), bound)  # as long as it is not on disk
        ids.written(bound)
        ids.new(NOW + AHEAD - 1)
        self.assertEqual(ids.bound_to_write(), 0)
        ids.new(NOW + AHEAD + 1)
        self.assertGreater(ids.bound_to_write(), bound)

    def test_the_time_is_noted_when_what_is_on_disk_has_become_old(self) -> None:
        ids = Ids(5, 0)
        ids.new(NOW)
        ids.written(ids.bound_to_write())
        self.assertEqual(ids.time_to_note(NOW + AHEAD + NOTED - 1), 0)
        note = ids.time_to_note(NOW + AHEAD + NOTED)
        self.assertEqual(instant_of(note), NOW + AHEAD + NOTED)
        ids.written(note)
        self.assertEqual(ids.time_to_note(NOW + AHEAD + NOTED), 0)
        self.assertGreater(ids.new(NOW + AHEAD + NOTED), note)


class SteadyTimeTests(SynchronousTestCase):
    def test_it_counts_from_the_wall_clock_at_the_start(self) -> None:
        wall, steady = [1000.0], [50.0]
        time = SteadyTime(lambda: wall[0], lambda: steady[0], 0, AHEAD)
        self.assertEqual(time(), 1_000_000)
        wall[0], steady[0] = 5.0, 51.5
        self.assertEqual(time(), 1_001_500)

    def test_it_begins_with_the_databases_clock_and_follows_it(self) -> None:
        wall, steady = [1000.0], [50.0]
        time = SteadyTime(lambda: wall[0], lambda: steady[0], 0, AHEAD, ahead=200)
        self.assertEqual(time(), 1_000_200)
        time.follow(240)
        self.assertEqual(time(), 1_000_240)  # at once
        time.follow(240 - TOLERANCE)
        self.assertEqual(time(), 1_000_240)  # what cannot be known
        wall[0], steady[0] = 1001.0, 51.0
        self.assertEqual(time(), 1_001_240)

    def test_it_waits_for_a_clock_that_is_behind_and_never_goes_back(self) -> None:
        steady = [50.0]
        time = SteadyTime(lambda: 1000.0 - 50.0 + steady[0], lambda: steady[0], 0, AHEAD)
        time.follow(-200)
        told = []
        for step in range(100):
            told.append(time())
            steady[0] = 50.0 + (step + 1) * 0.007
            time.follow(-200 - step % 7 * 30)  # as far as that can be measured
        self.assertEqual((told[0], told), (1_000_000, sorted(told)))

    def test_it_comes_down_to_the_clock_that_it_waits_for(self) -> None:
        steady = [50.0]
        time = SteadyTime(lambda: 950.0 + steady[0], lambda: steady[0], 0, AHEAD)
        time.follow(-200)
        for passed, now in ((0, 0), (100, 50), (200, 100), (400, 200), (500, 300), (1000, 800)):
            steady[0] = 50.0 + passed / 1000
            self.assertEqual(time(), 1_000_000 + now)

    def test_a_clock_that_is_far_off_is_told_of_once(self) -> None:
        time = SteadyTime(lambda: 1000.0, lambda: 50.0, 0, AHEAD, ahead=WORTH_TELLING)
        with capturedLogs() as events:
            for ahead in (-5000, -5001, 300, 0, WORTH_TELLING + 1):
                time.follow(ahead)
        told = [formatEvent(event).split(" the database's")[0] for event in events]
        first, second = "5000 ms ahead of", f"{WORTH_TELLING + 1} ms behind"
        self.assertEqual(told, [f"This machine's clock is {each}" for each in (first, second)])

    def test_it_does_not_fall_behind_the_ids_given_out(self) -> None:
        high = (NOW + AHEAD - EPOCH) << INSTANT_SHIFT
        time = SteadyTime(lambda: NOW / 1000 - 3600, lambda: 0.0, high, AHEAD)
        self.assertEqual(time(), NOW)
