"""The store keeps topics and their values."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mqgate.storage.statements import topics
from tests.storage import contract_topics
from tests.storage.chosen import Chosen
from tests.storage.test_sqlite import PlanTests as Plans


class TopicsTests(Chosen, contract_topics.TopicsContract, SynchronousTestCase):
    """Publishes to topics, reads, drops."""


class PlanTests(Plans):
    """Every statement here walks the index made for it."""

    def test_plans_on_topics(self) -> None:
        for statement, index in (
            (topics.SET_LATEST.sqlite, "PRIMARY KEY (world=? AND topic=?)"),
            (topics.SET_BOTH.sqlite, "PRIMARY KEY (world=? AND topic=?)"),
            (topics.LATEST.sqlite, "PRIMARY KEY (world=? AND topic=?)"),
            (topics.RETAINED.sqlite, "PRIMARY KEY (world=? AND topic=?)"),
            (topics.DROP_TOPIC.sqlite, "PRIMARY KEY (world=? AND topic=?)"),
            (topics.DROP_TOPICS.sqlite, "topic_seq (world=? AND latest_seq<?)"),
            (topics.OLDEST_TOPIC.sqlite, "topic_seq (world=? AND latest_seq>?)"),
            (topics.LATEST_AFTER.sqlite, "topic_seq (world=? AND latest_seq>?)"),
            (topics.RETAINED_AFTER.sqlite, "topic_retained (world=? AND retained_seq>?)"),
        ):
            with self.subTest(statement=statement):
                self.assert_plan(statement, index)


del Plans  # else trial would run its tests here, too
