"""Topic values with several gateways on one PostgreSQL database."""

from __future__ import annotations

import itertools
from functools import partial

from twisted.trial.unittest import SynchronousTestCase

from mqgate.storage import interface as ops
from mqgate.storage.interface import DropValues, Published
from tests.storage.contract_topics import TopicsContract
from tests.storage.gateways import ROUND_SECONDS, GatewaysTestCase, Until
from tests.storage.postgresql_database import PostgreSQLDatabase

#: Less than so many publishes in that time, and hardly anything has met.
PUBLISHES = 30


class TopicsTests(PostgreSQLDatabase, TopicsContract, SynchronousTestCase):
    """One gateway."""


class Steps(TopicsContract):
    """What one gateway does."""


class NumbersTests(GatewaysTestCase):
    """Publishers and readers on several gateways."""

    def setUp(self) -> None:
        super().setUp()
        self.all = self.gateways(Steps, 5)

    def test_who_reads_on_misses_no_number(self) -> None:
        """One that was given out earlier is not committed later."""
        *publishers, reader = self.all
        until = Until(ROUND_SECONDS)
        names, seen = itertools.count(), set[int]()
        reached: list[int] = [0]

        def publish(gateway: Steps) -> None:
            while until.goes_on():
                topics = [f"t{next(names)}" for _ in range(3)]
                gateway.run_batch(*(gateway.publishing(each, most=1 << 30) for each in topics))

        def read() -> None:
            more = True
            while more or until.goes_on():
                found = reader.found(reached[0])
                seen.update(row.seq for row in found.rows)
                reached[0], more = found.seq, found.more
                missed = set(range(1, found.seq + 1)) - seen
                self.assertEqual(missed, set())

        self.side_by_side(*(partial(publish, gateway) for gateway in publishers), read)
        self.assertGreater(reached[0], PUBLISHES)
        self.assert_adds_up()

    def test_each_publish_has_a_number_of_its_own_and_topics_are_counted(self) -> None:
        """Also where topics make room for each other, and are dropped."""
        until = Until(ROUND_SECONDS)
        names, numbers = itertools.count(), list[int]()

        def publish(gateway: Steps) -> None:
            while until.goes_on():
                number = next(names)
                topics = f"t{number % 50}", f"t{number}"
                for result in gateway.run_batch(
                    *(gateway.publishing(each, retained=number % 7 == 0) for each in topics)
                ):
                    if isinstance(result, Published):
                        numbers.append(result.seq)

        def drop(gateway: Steps) -> None:
            while until.goes_on():
                gateway.one(DropValues(gateway.world, None, 40))

        *publishers, dropper = self.all
        self.side_by_side(
            *(partial(publish, gateway) for gateway in publishers), partial(drop, dropper)
        )
        self.assertGreater(len(numbers), PUBLISHES)
        self.assertEqual(len(numbers), len(set(numbers)))
        self.assert_adds_up()

    def test_worlds_taken_in_whichever_order_do_not_shut_each_other_out(self) -> None:
        one = self.all[0].world
        (other,) = self.all[0].store.worlds([["a:other"]])
        until = Until(ROUND_SECONDS / 2)
        done: list[int] = []

        def publish(gateway: Steps, worlds: tuple[int, int]) -> None:
            while until.goes_on():
                gateway.run_batch(
                    *(gateway.publishing("t")._replace(world=world) for world in worlds)
                )
                done.append(1)

        self.side_by_side(
            partial(publish, self.all[0], (one, other)), partial(publish, self.all[1], (other, one))
        )
        # Two that wait for each other are parted after a second, and one of them begins again.
        self.assertGreater(len(done), PUBLISHES)


class FoundByOthersTests(GatewaysTestCase):
    """What one gateway publishes, another one finds."""

    def test_values_and_names_are_there_at_once(self) -> None:
        publisher, reader = self.gateways(Steps, 2)
        for n in range(20):
            publisher.set_values(f"t{n}", retained=n % 2 == 0)
            found = reader.found(n, topic=f"t{n}")
            self.assertEqual([row.topic for row in found.rows], [f"t{n}"])
            self.assertEqual(found.data, b"t%d" % n)
            self.assertEqual(reader.value_of(f"t{n}", retained=True) is None, n % 2 == 1)
        self.assertEqual(reader.one(ops.ReadValue(reader.world, "t3", False)), b"t3")
