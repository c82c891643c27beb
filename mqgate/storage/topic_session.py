"""What the executor asks of a database about topic values: a part of its `Session`."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple, Protocol

from mqgate.storage.interface import PublishValue, TopicRow


class TopicFigures(NamedTuple):
    """A world's figures on its topics."""

    #: The number of the last publish.
    seq: int
    #: How many topics there are.
    topics: int
    #: No topic without a retained value has a latest value with a lower number.
    floor: int


class TopicSession(Protocol):
    """The statements on topic values, inside one transaction."""

    def hold_figures(self, worlds: Collection[int]) -> None:
        """Wait until nobody else changes the figures of these worlds, who does not then.

        From here to the end of the transaction: so the numbers are in the order of the commits.
        """

    def topic_figures(self, world: int) -> TopicFigures:
        """A world's figures. Read before its rows: none with a number up to theirs is missed."""

    def set_topic_figures(self, world: int, figures: TopicFigures) -> None:
        """Write them."""

    def set_value(self, publish: PublishValue, seq: int) -> bool:
        """Set a topic's values; False, and nothing is done, if there is no such topic."""

    def add_topic(self, publish: PublishValue, seq: int) -> None:
        """Set the values of a topic that is not there."""

    def oldest_topic(self, world: int, floor: int) -> TopicRow | None:
        """Of the topics without a retained value the one published to the longest ago.

        None of them has a number below ``floor``.
        """

    def drop_topic(self, world: int, topic: str) -> None:
        """Remove a topic with its values."""

    def drop_topics(self, world: int, upto: int, limit: int) -> int:
        """Remove up to so many topics whose latest number is at most ``upto``; how many."""

    def value(self, world: int, topic: str, retained: bool) -> bytes | None:
        """A topic's latest or retained value; None if it has none."""

    def values_after(self, world: int, seq: int, limit: int, retained: bool) -> list[TopicRow]:
        """Up to so many latest or retained values with numbers above ``seq``, in their order."""
