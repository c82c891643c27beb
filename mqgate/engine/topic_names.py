"""What a topic may be, and the routing key that it is known by on an exchange. Pure functions."""

from __future__ import annotations

import re

from mqgate.engine.patterns import AMQP, MQTT

#: Characters of a topic, and bytes of its value.
LONGEST_TOPIC = 128
LARGEST_VALUE = 64 * 1024

#: Stands first in what is kept with a message that was published to a topic.
_MARK = b"topic\n"
_CHARACTERS = re.compile(r"[A-Za-z0-9.,:;\-_$/+#]*")
_SEPARATORS = re.compile(r"/{2,}")


def has_legal_characters(text: str) -> bool:
    """Whether a topic, or a filter, can have these characters."""
    return _CHARACTERS.fullmatch(text) is not None


def normal(text: str) -> str:
    """The one way to write a topic, or a filter, of which some levels may be empty."""
    return _SEPARATORS.sub(MQTT.separator, text).strip(MQTT.separator)


def key_of(topic: str) -> str:
    """The routing key of what is published to a topic."""
    return topic.replace(MQTT.separator, AMQP.separator)


def note(key: str) -> bytes:
    """What is kept with a message that was published to a topic, which its queues do not tell."""
    return _MARK + key.encode()


def noted(kept: bytes) -> str | None:
    """The routing key that was noted so; None if this is something else."""
    return kept.removeprefix(_MARK).decode() if kept.startswith(_MARK) else None


def topic_of(key: str) -> str | None:
    """The topic of what is published with a routing key; None if that would be no topic."""
    text = key.replace(AMQP.separator, MQTT.separator)
    if len(text) > LONGEST_TOPIC or not has_legal_characters(text):
        return None
    if MQTT.one in text or MQTT.rest in text:
        return None
    return normal(text) or None
