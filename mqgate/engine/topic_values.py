"""The verbs on topic values: publish, read, forget.

Payloads stay in the database. What a filter finds is looked up among the `Names` of the topics,
and then its value, as one operation of a batch: if that shows that something was published
meanwhile, it is done again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import attrs
from twisted.internet.defer import Deferred, fail

from mqgate.engine.errors import InvalidRequest, TopicsFull
from mqgate.engine.patterns import MQTT
from mqgate.engine.planning import Plan, Verb
from mqgate.engine.topic_names import LARGEST_VALUE, key_of, note, topic_of
from mqgate.engine.topics import Names
from mqgate.engine.values import TOPIC_EXCHANGE, NewMessage
from mqgate.storage import interface as store
from mqgate.storage.interface import Dropped, Found, Published, TopicRow

T = TypeVar("T")

#: Has a message published to an exchange: world, exchange, keys, message, and the value to be set.
Publisher = Callable[[int, str, Sequence[str], NewMessage, "Value | None"], Deferred[int]]

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
        publish: Publisher,
        enter: Callable[[Verb[Any]], Deferred[Any]],
        enter_again: Callable[[Verb[Any]], None],
        most: int,
    ) -> None:
        """``most`` is how many topics a world has."""
        self._publish = publish
        self._enter = enter
        self._most = most
        self._library = Library(enter_again)
        self._bridged: set[int] = set()

    def bridge(self, worlds: Iterable[int]) -> None:
        """Have what is published to `TOPIC_EXCHANGE` in these worlds set values, too."""
        self._bridged.update(worlds)

    def value_of(self, world: int, key: str, message: NewMessage) -> Value | None:
        """What a publish to that exchange sets: never refused for it, so perhaps nothing."""
        if world not in self._bridged or len(message.body) > LARGEST_VALUE:
            return None
        topic = topic_of(key)
        if topic is None:
            return None
        return Value(world, topic, message.body, False, False, self._most, self._library)

    def publish(
        self, world: int, topic: str, data: bytes, *, retained: bool = False
    ) -> Deferred[int]:
        """Set a topic's latest value and, with ``retained``, its retained one.

        Retaining an empty value removes the retained one. It also reaches the queues that are bound
        to `TOPIC_EXCHANGE` with a key that matches; how many these are. Fails with `TopicsFull`.
        """
        if set(MQTT.words(topic)) & {MQTT.one, MQTT.rest}:
            return fail(InvalidRequest("a topic to be published to cannot have wildcards"))
        if error := _wrong(topic):
            return fail(error)
        value = Value(world, topic, data, retained, True, self._most, self._library)
        key = key_of(topic)
        message = NewMessage(data, props=note(key))
        return self._publish(world, TOPIC_EXCHANGE, (key,), message, value)

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

    def published(self, value: Value, published: Published) -> None:
        """A publish is on disk."""
        seq, dropped = published
        latest = self._names.get((value.world, False))
        if latest is not None:
            latest.note(seq, TopicRow(value.topic, seq, True), dropped)
        retained = self._names.get((value.world, True))
        if retained is not None:
            row = TopicRow(value.topic, seq, bool(value.data)) if value.retained else None
            retained.note(seq, row, dropped)


@attrs.frozen
class Value:
    """What a publish sets, beside reaching queues; what a verb needs for that."""

    world: int
    topic: str
    data: bytes
    retained: bool
    #: Whether the publish is refused where there is no room for the value.
    needed: bool
    most: int
    library: Library

    def operation(self, message: store.Operation) -> store.PublishValue:
        """The operation that sets it, together with one for queues."""
        return store.PublishValue(
            self.world,
            self.topic,
            self.data,
            self.retained,
            self.most,
            message if isinstance(message, store.Post | store.Publish) else None,
            self.needed,
        )

    def settle(self, result: Any) -> None:
        """It is on disk. Raises `TopicsFull` if it was needed, and there was no room."""
        if result is not None:
            self.library.published(self, result)
        elif self.needed:
            raise TopicsFull(f"there are {self.most} topics already, all with retained values")


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
        "_since",
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
        self._topic, self._since = names.newest(self.pattern), names.seen
        return store.FindValue(self.world, self._since, SLICE, self._topic, self.retained)

    def settle(self, result: Any) -> None:
        found: Found = result
        names = self._names
        names.take(self._since, found)
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
