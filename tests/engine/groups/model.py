"""What topics and groups are: the specification, as plainly as it can be written down.

Nothing here knows of heads, logs or slices. A group has an entry for each message of its topic;
what a poll gets is found by looking at all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import attrs


@attrs.define(eq=False)
class Message:
    """One message, as it was published; ``place`` is its place among the others."""

    body: bytes
    tag: str | None
    key: str
    place: tuple[int, int]
    expires: int

    @property
    def due(self) -> int:
        """Nobody gets it before."""
        return self.place[0]


@attrs.define(eq=False)
class Entry:
    """A message, as one group has it."""

    message: Message
    count: int = 0
    #: It is, or was, somebody's until then; 0 = nobody's, since it came or was given back.
    held_until: int = 0
    receipt: str | None = None
    acknowledged: bool = False

    def there(self, now: int) -> bool:
        """Neither acknowledged nor expired."""
        return not self.acknowledged and self.message.expires > now

    def dead(self, now: int, maximum: int) -> bool:
        """Has it lapsed after its last delivery?"""
        return 0 < self.held_until <= now and self.count >= maximum

    def ready(self, now: int, maximum: int) -> bool:
        """May somebody have it?"""
        lapsed = self.held_until <= now and not self.dead(now, maximum)
        return self.there(now) and self.message.due <= now and lapsed


@attrs.define(eq=False)
class Group:
    """A group of a topic."""

    name: str
    entries: list[Entry] = attrs.field(factory=list)
    #: Whether all of the topic's messages have reached it, or perhaps only the first ones.
    caught_up: bool = False

    def choose(
        self, n: int, tags: Collection[str], ordered: bool, now: int, maximum: int
    ) -> list[Entry]:
        """What a poll gets."""
        ready = [each for each in self.entries if each.ready(now, maximum)]
        ready.sort(key=lambda each: each.message.place)
        if ordered:
            ready = self._by_key(ready, now, maximum)
        return [each for each in ready if not tags or each.message.tag in tags][:n]

    def _by_key(self, ready: Sequence[Entry], now: int, maximum: int) -> list[Entry]:
        """Keys of which nothing is out, one after the other."""
        out = {
            each.message.key for each in self.entries if each.held_until > now and each.there(now)
        }
        keys = dict.fromkeys(each.message.key for each in ready)
        return [each for key in keys if key not in out for each in ready if each.message.key == key]

    def hand_out(self, entries: Sequence[Entry], until: int) -> None:
        """They are somebody's."""
        for entry in entries:
            entry.count += 1
            entry.held_until = until
            entry.receipt = None

    def unsure(self, now: int, maximum: int) -> bool:
        """Is something gone, or to be buried, that may still be in the way of its key?"""
        return any(
            entry.held_until
            and not entry.acknowledged
            and (now - 1000 < entry.message.expires <= now or entry.dead(now, maximum))
            for entry in self.entries
        )


@attrs.define(eq=False)
class Half:
    """A half message. Its message's place is where it will be, if it is not too late for that."""

    message: Message
    #: When it can be popped, for the first time or again.
    due: int
    expires: int
    count: int = 0
    receipt: str | None = None
    decided: bool = False


@attrs.define(eq=False)
class Topic:
    """A topic and its groups."""

    name: str
    messages: list[Message] = attrs.field(factory=list)
    groups: dict[str, Group] = attrs.field(factory=dict)
    halves: list[Half] = attrs.field(factory=list)

    def publish(self, message: Message) -> None:
        """Every group has it from now on."""
        self.messages.append(message)
        for group in self.groups.values():
            group.entries.append(Entry(message))

    def group(self, name: str, now: int) -> Group:
        """A group, which begins with all there is."""
        if name not in self.groups:
            entries = [Entry(each) for each in self.messages if each.expires > now]
            self.groups[name] = Group(name, entries)
        return self.groups[name]
