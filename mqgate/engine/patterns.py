"""Patterns of words with wildcards, and a tree of them that is asked which ones match a key.

AMQP's topic exchanges and MQTT's topics differ only in their `Syntax`. A text is a row of words;
an empty word is a word, but the empty text has none. A wildcard is one only as a whole word of a
pattern; in a key it is a word like any other.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator
from typing import Generic, TypeVar

import attrs

from mqgate.engine.errors import TooManyPatterns

V = TypeVar("V", bound=Hashable)

#: How many steps of looking one publish may cost, and make a batch long enough: so many
#: take some hundredths of a second.
STEPS_AT_MOST = 30_000


@attrs.frozen
class Syntax:
    """How words are told apart, and the words that stand for others."""

    separator: str
    #: Exactly one word, whichever.
    one: str
    #: Any number of words, none included.
    rest: str

    def words(self, text: str) -> list[str]:
        """The words of a pattern or a key."""
        return text.split(self.separator) if text else []

    def plain(self, pattern: str) -> list[str]:
        """The words of a pattern, the same for patterns that mean the same.

        In a row of wildcards their order means nothing, and one ``rest`` as much as several: it
        stands last, once. So ``#.#.#`` leads to one place in a tree, and not to many at a time.
        """
        words: list[str] = []
        rest: list[str] = []
        for word in self.words(pattern):
            if word == self.rest:
                rest = [word]
            elif word == self.one:
                words.append(word)
            else:
                words += [*rest, word]
                rest = []
        return words + rest


AMQP = Syntax(".", "*", "#")
MQTT = Syntax("/", "+", "#")


class Steps:
    """Counts what looking for patterns costs: a microsecond each, or less."""

    __slots__ = ("_most", "taken")

    def __init__(self) -> None:
        #: All that were ever taken.
        self.taken = 0
        self._most: float = math.inf

    def allow(self, steps: int) -> None:
        """From now on, this many may be taken."""
        self._most = self.taken + steps

    def take(self, steps: int) -> None:
        """So many more are taken. Raises `TooManyPatterns` when they are too many."""
        self.taken += steps
        if self.taken > self._most:
            raise TooManyPatterns("the routing keys fit the beginnings of too many bindings")


class _Node(Generic[V]):
    """What patterns that begin alike have in common: all that comes after that beginning."""

    __slots__ = ("below", "repeats", "values")

    def __init__(self, repeats: bool) -> None:
        #: The next words, wildcards too.
        self.below: dict[str, _Node[V]] = {}
        #: Whether the beginning ends with ``rest``, which takes in any further word.
        self.repeats = repeats
        #: What belongs to the pattern that ends here.
        self.values: set[V] = set()


class PatternTree(Generic[V]):
    """Patterns, each with values. To patterns that mean the same belong the same values.

    Asking costs a step for each word of the key and each beginning of patterns that fits so far:
    patterns that do not begin like the key cost nothing, however many they are.
    """

    def __init__(self, syntax: Syntax) -> None:
        self._syntax = syntax
        self._root: _Node[V] = _Node(repeats=False)

    def add(self, pattern: str, value: V) -> None:
        """Have ``value`` found by the keys that ``pattern`` matches."""
        node = self._root
        for word in self._syntax.plain(pattern):
            below = node.below.get(word)
            if below is None:
                below = node.below[word] = _Node(repeats=word == self._syntax.rest)
            node = below
        node.values.add(value)

    def discard(self, pattern: str, value: V) -> None:
        """Undo `add`; nothing happens where there is nothing to undo."""
        path: list[tuple[_Node[V], str]] = []
        node = self._root
        for word in self._syntax.plain(pattern):
            if word not in node.below:
                return
            path.append((node, word))
            node = node.below[word]
        node.values.discard(value)
        for above, word in reversed(path):
            node = above.below[word]
            if node.values or node.below:
                return
            del above.below[word]

    def match(self, *keys: str, steps: Steps | None = None) -> set[V]:
        """The values of all patterns that match one of the keys, at the cost of ``steps``."""
        steps = steps or Steps()
        ends: dict[_Node[V], None] = {}
        for key in keys:
            ends |= self._reach(key, steps)
        return {value for node in ends for value in node.values}

    def _reach(self, key: str, steps: Steps) -> dict[_Node[V], None]:
        """Where the patterns end that match ``key``."""
        # A dictionary, because a node can be come by in two ways, and to keep the order.
        reached = dict.fromkeys(self._with_none_more([self._root]))
        for word in self._syntax.words(key):
            steps.take(len(reached))
            reached = dict.fromkeys(self._with_none_more(self._after(reached, word)))
            if not reached:
                break
        return reached

    def _after(self, reached: Iterable[_Node[V]], word: str) -> Iterator[_Node[V]]:
        """Where one more word leads."""
        one, rest = self._syntax.one, self._syntax.rest
        for node in reached:
            if node.repeats:
                yield node
            # A word that looks like a wildcard is found by that wildcard, once.
            if word != one and word != rest and (below := node.below.get(word)):
                yield below
            if below := node.below.get(one):
                yield below

    def _with_none_more(self, reached: Iterable[_Node[V]]) -> Iterator[_Node[V]]:
        """The same, and where ``rest`` leads as it takes in no word at all."""
        rest = self._syntax.rest
        for node in reached:
            yield node
            if below := node.below.get(rest):
                yield below
