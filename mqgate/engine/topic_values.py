"""The verbs on topic values: publish, read, forget.

Payloads stay in the database. What a filter finds is looked up among the `Names` of the topics,
and then its value, as one operation of a batch: if that shows that something was published
meanwhile, it is done again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail

from mqgate.engine.errors import InvalidRequest, TopicsFull
from mqgate.engine.patterns import MQTT
from mqgate.engine.planning import Plan, Verb
from mqgate.engine.topics import Names
from mqgate.storage import interface as store
from mqgate.storage.interface import Dropped, Found, Published, TopicRow

T = TypeVar("T")

#: Topics that are read, or dropped, in one batch.
SLICE = 500
#: How many topics' names this process keeps, of all worlds together (half a kilobyte each). Those
#: of the worlds that were not asked for the longest go first.
NAMES_AT_MOST = 500_000
#: So many topics may turn out to be gone before the names are read anew.
LOST_AT_MOST = 10


class TopicValues:
    """Topics and their values: the message published to each last, and the one to be retained.

    The Deferreds fire after what was asked is on disk, or fail with an `EngineError`.
    """

    def __init__(
        self,
        enter: Callable[[Verb[Any]], Deferred[Any]],
        enter_again: Callable[[Verb[Any]], None],
        most: int,
    ) -> None:
        self._enter = enter
        self._most = most
        self._library = Library(enter_again)

    def publish(
        self, world: int, topic: str, data: bytes, *, retained: bool = False
    ) -> Deferred[None]:
        """Set a topic's latest value and, with ``retained``, its retained one.

        Retaining an empty value removes the retained one. Fails with `TopicsFull`.
        """
        if set(MQTT.words(topic)) & {MQTT.one, MQTT.rest}:
            return fail(InvalidRequest("a topic to be published to cannot have wildcards"))
        if error := _wrong(topic):
            return fail(error)
        return self._enter(Publish(world, topic, data, retained, self._most, self._library))

    def read(self, world: int, pattern: str, *, retained: bool = False) -> Deferred[bytes | None]:
        """Of the topics that an MQTT filter matches, the value that was published last.

        None if there is none. ``retained`` is for retained values.
        """
        if error := _wrong(pattern):
            return fail(error)
        if set(MQTT.words(pattern)) & {MQTT.one, MQTT.rest}:
            return self._enter(Find(world, pattern, retained, self._library))
        return self._enter(Read(world, pattern, retained))

    def forget(self, world: int) -> Deferred[int]:
        """Drop all topics there are now, with their values, some at a time; how many there were."""
        return Deferred.fromCoroutine(self._forget(world))

    async def _forget(self, world: int) -> int:
        total, upto = 0, None
        while True:
            dropped: Dropped = await self._enter(Drop(world, upto))
            total, upto = total + dropped.topics, dropped.upto
            if dropped.topics < SLICE:
                return total


def _wrong(text: str) -> InvalidRequest | None:
    """Why a topic or filter would fail a whole batch, if it would."""
    if not text or "\0" in text:
        return InvalidRequest("a topic cannot be empty, nor hold a NUL")
    try:
        text.encode()
    except UnicodeEncodeError:
        return InvalidRequest("a topic has to be text")
    return None


class Library:
    """The names of topics that filters were asked for, by world and by kind of value."""

    def __init__(self, enter_again: Callable[[Verb[Any]], None]) -> None:
        self.enter_again = enter_again
        self._names: OrderedDict[tuple[int, bool], Names] = OrderedDict()

    def asked(self, world: int, retained: bool) -> Names:
        """The names to look among; those of other worlds make room for them."""
        key = (world, retained)
        names = self._names.setdefault(key, Names())
        self._names.move_to_end(key)
        while len(self._names) > 1 and sum(map(len, self._names.values())) > NAMES_AT_MOST:
            self._names.popitem(last=False)
        return names

    def published(self, verb: Publish, published: Published) -> None:
        """A publish is on disk."""
        seq, dropped = published
        latest = self._names.get((verb.world, False))
        if latest is not None:
            latest.note(seq, TopicRow(verb.topic, seq, True), dropped)
        retained = self._names.get((verb.world, True))
        if retained is not None:
            row = TopicRow(verb.topic, seq, bool(verb.data)) if verb.retained else None
            retained.note(seq, row, dropped)


class Publish(Verb[None]):
    """Set a topic's values."""

    __slots__ = ("_library", "data", "most", "retained", "size", "topic", "world")

    def __init__(
        self, world: int, topic: str, data: bytes, retained: bool, most: int, library: Library
    ) -> None:
        super().__init__()
        self.world = world
        self.topic = topic
        self.data = data
        self.retained = retained
        self.most = most
        self.size = len(topic) + len(data)
        self._library = library

    def plan(self, plan: Plan) -> store.PublishValue:
        plan.need_room()
        return store.PublishValue(self.world, self.topic, self.data, self.retained, self.most)

    def settle(self, result: Any) -> None:
        if result is None:
            text = f"there are {self.most} topics already, all with retained values"
            self.deferred.errback(TopicsFull(text))
        else:
            self._library.published(self, result)
            self.deferred.callback(None)


class Read(Verb[bytes | None]):
    """A value of one topic."""

    __slots__ = ("retained", "topic", "world")

    def __init__(self, world: int, topic: str, retained: bool) -> None:
        super().__init__()
        self.world = world
        self.topic = topic
        self.retained = retained

    def plan(self, plan: Plan) -> store.ReadValue:
        return store.ReadValue(self.world, self.topic, self.retained)

    def settle(self, result: Any) -> None:
        self.deferred.callback(result)


class Find(Verb[bytes | None]):
    """The value of the topic that a filter finds, from the first try to the answer."""

    __slots__ = (
        "_is_known",
        "_library",
        "_lost",
        "_names",
        "_topic",
        "pattern",
        "retained",
        "world",
    )

    def __init__(self, world: int, pattern: str, retained: bool, library: Library) -> None:
        super().__init__()
        self.world = world
        self.pattern = pattern
        self.retained = retained
        self._library = library
        #: Whether the topic was found among names as they were after this was asked. It may be
        #: read then, whatever comes meanwhile: at that instant, or when its value came, it was the
        #: last one. Else a busy world would never give an answer.
        self._is_known = False
        self._lost = 0

    def plan(self, plan: Plan) -> store.FindValue:
        self._names = names = self._library.asked(self.world, self.retained)
        self._topic = names.newest(self.pattern)
        return store.FindValue(self.world, names.seen, SLICE, self._topic, self.retained)

    def settle(self, result: Any) -> None:
        found: Found = result
        names = self._names
        names.take(found)
        newest = names.newest(self.pattern)
        if names.is_complete and newest is None:
            self.deferred.callback(None)
        elif self._topic is None or not (self._is_known or newest == self._topic):
            self._look_again()
        elif found.data is not None:
            self.deferred.callback(found.data)
        else:
            self._lose(self._topic)

    def _look_again(self) -> None:
        self._is_known = self._names.is_complete
        self._library.enter_again(self)

    def _lose(self, topic: str) -> None:
        """Another gateway has dropped the topic, or it was this one just now."""
        self._lost += 1
        if self._lost > LOST_AT_MOST:
            self._names.start_over()
        else:
            self._names.lose(topic)
        self._look_again()


class Drop(Verb[Dropped]):
    """Some topics, to be dropped."""

    __slots__ = ("upto", "world")

    rows = SLICE

    def __init__(self, world: int, upto: int | None) -> None:
        super().__init__()
        self.world = world
        self.upto = upto

    def plan(self, plan: Plan) -> store.DropValues:
        return store.DropValues(self.world, self.upto, SLICE)

    def settle(self, result: Any) -> None:
        self.deferred.callback(result)
