"""Topic values as simply as they can be: dictionaries, and filters matched word by word."""

from __future__ import annotations

import attrs


def matches(pattern: str, topic: str) -> bool:
    """Whether an MQTT filter matches a topic, as MQTT's specification says it."""
    if topic.startswith("$") and pattern[0] in "+#":
        return False
    return _match(pattern.split("/"), topic.split("/"))


def _match(pattern: list[str], words: list[str]) -> bool:
    if not pattern:
        return not words
    if pattern[0] == "#":
        return True
    if not words:
        return False
    return pattern[0] in ("+", words[0]) and _match(pattern[1:], words[1:])


@attrs.define
class Topics:
    """One world's topics: each value with its number. A copy can be taken with `copy`."""

    most: int
    seq: int = 0
    latest: dict[str, tuple[int, bytes]] = attrs.Factory(dict)
    retained: dict[str, tuple[int, bytes]] = attrs.Factory(dict)

    def copy(self) -> Topics:
        """Another one that is the same."""
        return attrs.evolve(self, latest=dict(self.latest), retained=dict(self.retained))

    def publish(self, topic: str, data: bytes, retained: bool) -> bool:
        """Whether there was room for it."""
        if topic not in self.latest and len(self.latest) >= self.most:
            droppable = self.latest.keys() - self.retained.keys()
            if not droppable:
                return False
            del self.latest[min(droppable, key=lambda each: self.latest[each])]
        self.seq += 1
        self.latest[topic] = (self.seq, data)
        if retained and data:
            self.retained[topic] = (self.seq, data)
        elif retained:
            self.retained.pop(topic, None)
        return True

    def read(self, pattern: str, retained: bool) -> bytes | None:
        """The value that was published last, of the topics that the filter matches."""
        values = self.retained if retained else self.latest
        found = [value for topic, value in values.items() if matches(pattern, topic)]
        return max(found)[1] if found else None
