"""Which topic, of those that a filter matches, was published to last.

Filters are MQTT's. A topic is found by its words, not by walking a tree from its first one: in a
tree, ``+/nomatch`` has to look into every first word there is. docs/decisions/ has the figures.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from mqgate.engine.patterns import MQTT
from mqgate.storage.interface import Found, TopicRow

#: Topics that begin with it are found only by filters that do, too.
SYSTEM = "$"

#: A copy that has twice as many topics as there are, and so many more, is made anew.
SLACK = 1000

#: In how many further collections a topic is looked for. All words of a long filter may be those of
#: most topics, and then it is quicker to compare the topics themselves.
LOOKED_UP = 2

#: What a topic has in common with others: how many words it has, counted negatively if it is a
#: system topic …
Shape = int
#: … together with one of its words and that one's place, or with its first and last words.
Trait = tuple[int, int, str] | tuple[int, str, str]


class Recency:
    """Topics with the numbers of their publishes, in the order of these.

    For each trait it has the topics that share it, the one published to last at the end. A filter
    is a few traits; what has all of them is looked for from the end of the smallest collection.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        #: Dictionaries as ordered sets; one topic alone stands for itself, which is the rule.
        self._traits: dict[Trait, dict[str, None] | str] = {}
        self._shapes: dict[Shape, dict[str, None]] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def put(self, topic: str, number: int) -> None:
        """A topic was published to, after all others."""
        self._numbers.pop(topic, None)
        self._numbers[topic] = number
        words = MQTT.words(topic)
        shape = _shape(words)
        _put_last(self._shapes.setdefault(shape, {}), topic)
        for trait in _traits(shape, words):
            sharing = self._traits.setdefault(trait, topic)
            if isinstance(sharing, dict):
                _put_last(sharing, topic)
            elif sharing != topic:
                self._traits[trait] = {sharing: None, topic: None}

    def remove(self, topic: str, before: int) -> None:
        """There is no such topic any more, unless it was published to since that number."""
        if self._numbers.get(topic, before) >= before:
            return
        del self._numbers[topic]
        words = MQTT.words(topic)
        shape = _shape(words)
        del self._shapes[shape][topic]
        if not self._shapes[shape]:
            del self._shapes[shape]
        for trait in _traits(shape, words):
            sharing = self._traits[trait]
            if isinstance(sharing, dict):
                del sharing[topic]
            if sharing in (topic, {}):
                del self._traits[trait]

    def newest(self, pattern: str) -> str | None:
        """Of the topics that a filter matches the one published to last."""
        words = MQTT.words(pattern)
        is_open = words[-1:] == [MQTT.rest]
        if is_open:
            words.pop()
        found = [
            topic
            for shape in self._shapes_of(words, is_open)
            if (topic := self._newest_alike(shape, words)) is not None
        ]
        return max(found, key=self._numbers.__getitem__, default=None)

    def _shapes_of(self, words: list[str], is_open: bool) -> Collection[Shape]:
        """The shapes of the topics that begin with these words, or consist of them."""
        shape = _shape(words)
        if not is_open:
            return (shape,)
        least, sign = max(abs(shape), 1), -1 if shape < 0 else 1
        return [each for each in self._shapes if each * sign >= least]

    def _newest_alike(self, shape: Shape, words: list[str]) -> str | None:
        """The same, among topics of one shape, for the words that the filter begins with."""
        sets = [self._sharing(trait) for trait in _traits(shape, words) if MQTT.one not in trait]
        if not sets:
            sets = [self._shapes.get(shape, {})]
        smallest, *others = sorted(sets, key=len)
        topics: Iterator[str] = reversed(smallest)
        for other in others[:LOOKED_UP]:
            topics = filter(other.__contains__, topics)
        if len(others) > LOOKED_UP:
            topics = filter(_beginning(words).match, topics)
        return next(topics, None)

    def _sharing(self, trait: Trait) -> dict[str, None] | tuple[str, ...]:
        """The topics that share a trait, the last one at the end."""
        sharing = self._traits.get(trait, ())
        return (sharing,) if isinstance(sharing, str) else sharing


def _beginning(words: list[str]) -> re.Pattern[str]:
    """What finds out whether a topic begins with these words, or consists of them."""
    parts = ("[^/]*" if word == MQTT.one else re.escape(word) for word in words)
    return re.compile(MQTT.separator.join(parts) + r"(?![^/])")


def _put_last(topics: dict[str, None], topic: str) -> None:
    topics.pop(topic, None)
    topics[topic] = None


def _shape(words: list[str]) -> Shape:
    return -len(words) if words and words[0].startswith(SYSTEM) else len(words)


def _traits(shape: Shape, words: list[str]) -> list[Trait]:
    """The traits of a topic, or of a filter's beginning.

    First and last word together are one, so that ``a/+/c`` need not look for what is both among
    all of ``a/+/+`` and all of ``+/+/c``.
    """
    traits: list[Trait] = [(shape, place, word) for place, word in enumerate(words)]
    if len(words) == abs(shape) > 2:
        traits.append((shape, words[0], words[-1]))
    return traits


class Names:
    """The topics that have a latest value in one world, or a retained one, as far as read.

    A copy, made when a filter is first asked for, and brought up to date before each answer: other
    gateways publish, too.
    """

    def __init__(self) -> None:
        self._topics = Recency()
        #: All that has a number up to here is in it.
        self.seen = 0
        #: Whether it came to its end when it was last read on.
        self.is_complete = False

    def __len__(self) -> int:
        return len(self._topics)

    def newest(self, pattern: str) -> str | None:
        """What a filter finds, as far as is known."""
        return self._topics.newest(pattern) if self.is_complete else None

    def note(self, seq: int, row: TopicRow | None, dropped: Iterable[str]) -> None:
        """A publish of our own is done: what it changed here, if anything."""
        for topic in dropped:
            self._topics.remove(topic, seq)
        if seq == self.seen + 1:  # else reading on brings it, in its order
            self.seen = seq
            if row is not None:
                self._apply(row)

    def take(self, since: int, found: Found) -> None:
        """Take in what the database knows better, and was asked about from ``since`` on."""
        if not since <= self.seen <= found.seq:
            return  # all of this was forgotten meanwhile, or more is known already
        for row in found.rows:
            if row.seq > self.seen:
                self._apply(row)
        self.seen = found.seq
        self.is_complete = not found.more
        if len(self._topics) > 2 * found.topics + SLACK:
            self.start_over()  # somebody else drops topics, which is not told

    def lose(self, topic: str) -> None:
        """There was no such topic when it was looked for, as of what is known here."""
        self._topics.remove(topic, self.seen + 1)

    def start_over(self) -> None:
        """Forget all."""
        self._topics, self.seen, self.is_complete = Recency(), 0, False

    def _apply(self, row: TopicRow) -> None:
        if row.there:
            self._topics.put(row.topic, row.seq)
        else:
            self._topics.remove(row.topic, row.seq)
