"""Topic values: publishes, reads, and what a gateway needs to know for a filter."""

from __future__ import annotations

from collections.abc import Iterator

from mqgate.storage.executor.execution import Execution
from mqgate.storage.interface import (
    Dropped,
    DropValues,
    FindValue,
    Found,
    Published,
    PublishValue,
    ReadValue,
)
from mqgate.storage.topic_session import TopicFigures, TopicSession

#: As many topics make room for one new one, where there are more than there may be: a cap that was
#: lowered is reached step by step.
DROPPED_FOR_ONE = 100


#: The kinds that change topics.
CHANGING: frozenset[type] = frozenset({PublishValue, DropValues})


def hold(execution: Execution) -> None:
    """Before anything is read: number and count the topics of these worlds alone.

    A number is seen when its transaction ends, so who has seen one has seen all lower ones.
    """
    worlds = {each.world for _, each in execution.all(PublishValue)}
    worlds.update(each.world for _, each in execution.all(DropValues))
    execution.session.hold_figures(worlds)


def publish(execution: Execution) -> None:
    """Set values, one after the other."""
    worlds: dict[int, _World] = {}
    for index, operation in execution.all(PublishValue):
        world = worlds.get(operation.world)
        if world is None:
            world = worlds[operation.world] = _World(execution.session, operation.world)
        execution.results[index] = published = world.publish(operation)
        if operation.message is not None and (published is not None or not operation.needed):
            execution.also(index, operation.message)
    for world in worlds.values():
        world.write()


class _World:
    """A world's topics while a batch publishes to them."""

    def __init__(self, session: TopicSession, number: int) -> None:
        self._session = session
        self._number = number
        self._seq, self._topics, self._floor = session.topic_figures(number)

    def publish(self, operation: PublishValue) -> Published | None:
        seq = self._seq + 1
        dropped: tuple[str, ...] = ()
        if not self._session.set_value(operation, seq):
            dropped = tuple(self._drop_down_to(operation.most - 1))
            if self._topics >= operation.most and len(dropped) < DROPPED_FOR_ONE:
                return None
            self._session.add_topic(operation, seq)
            self._topics += 1
        self._seq = seq
        return Published(seq, dropped)

    def write(self) -> None:
        figures = TopicFigures(self._seq, self._topics, self._floor)
        self._session.set_topic_figures(self._number, figures)

    def _drop_down_to(self, wanted: int) -> Iterator[str]:
        """Drop the oldest topics until that many are left, as far as they may be dropped."""
        for _ in range(min(self._topics - wanted, DROPPED_FOR_ONE)):
            oldest = self._session.oldest_topic(self._number, self._floor)
            if oldest is None:
                self._floor = self._seq + 1  # so that nobody looks through the retained ones again
                return
            self._session.drop_topic(self._number, oldest.topic)
            self._topics -= 1
            self._floor = oldest.seq + 1
            yield oldest.topic


def read(execution: Execution) -> None:
    """Look values up."""
    for index, (world, topic, retained) in execution.all(ReadValue):
        execution.results[index] = execution.session.value(world, topic, retained)


def find(execution: Execution) -> None:
    """Tell what is new, and look values up."""
    session = execution.session
    news: dict[tuple[int, int, int, bool], Found] = {}
    for index, (world, since, limit, topic, retained) in execution.all(FindValue):
        asked = (world, since, limit, retained)
        if asked not in news:  # many may ask the same
            news[asked] = _news(session, *asked)
        data = None if topic is None else session.value(world, topic, retained)
        execution.results[index] = news[asked]._replace(data=data)


def _news(session: TopicSession, world: int, since: int, limit: int, retained: bool) -> Found:
    seq, topics, _ = session.topic_figures(world)
    rows = tuple(session.values_after(world, since, limit, retained))
    more = len(rows) == limit
    return Found(rows, rows[-1].seq if more else seq, more, topics, None)


def drop(execution: Execution) -> None:
    """Drop topics with all their values."""
    for index, (world, upto, limit) in execution.all(DropValues):
        seq, topics, floor = execution.session.topic_figures(world)
        upto = seq if upto is None else upto
        dropped = execution.session.drop_topics(world, upto, limit)
        execution.session.set_topic_figures(world, TopicFigures(seq, topics - dropped, floor))
        execution.results[index] = Dropped(dropped, upto)
