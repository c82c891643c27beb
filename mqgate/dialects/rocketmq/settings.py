"""What may stand in the configuration for this dialect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from mqgate.dialects.rocketmq.target import is_name

_DAY = 86_400
_Seconds = Annotated[int, msgspec.Meta(ge=1, le=30 * _DAY)]
_Bytes = Annotated[int, msgspec.Meta(ge=1, le=4 * 2**20)]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[rocketmq]``: for the whole server. Times in seconds, sizes in bytes of UTF-8."""

    #: How long a message is its consumer's.
    visibility_seconds: _Seconds = 300
    #: The same where messages are consumed in order.
    ordered_visibility_seconds: _Seconds = 60
    #: How often a message is delivered again before it is a dead letter.
    max_deliveries: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 288
    #: How long messages are kept, from their publish or from when they are due.
    retention_seconds: Annotated[int, msgspec.Meta(ge=60, le=365 * _DAY)] = 3 * _DAY
    #: How long a half message that is handed out to be checked is its producer's.
    half_check_seconds: _Seconds = 10
    #: After so long a half message that nobody decided is rolled back.
    half_decide_seconds: _Seconds = _DAY
    #: How far ahead a message may be scheduled.
    max_delay_seconds: Annotated[int, msgspec.Meta(ge=0, le=365 * _DAY)] = 40 * _DAY
    #: How far a client's clock may be off.
    clock_skew_seconds: _Seconds = 900
    #: The longest wait of a poll.
    max_wait_seconds: Annotated[int, msgspec.Meta(ge=0, le=300)] = 30
    #: The most messages of one answer.
    max_batch: Annotated[int, msgspec.Meta(ge=1, le=100)] = 16
    max_body_bytes: _Bytes = 4 * 2**20
    #: The same for half messages, and for messages that are scheduled.
    max_special_body_bytes: _Bytes = 64 * 2**10
    max_properties_bytes: _Bytes = 16 * 2**10


class Key(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What requests are signed with."""

    id: str
    secret: str


class Topic(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[namespaces.X.rocketmq.topics]]``: is there when the server has started."""

    name: str
    groups: list[str] = []
    #: The instance it is in; None is the first one of the section.
    instance: str | None = None


class Namespace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[namespaces.X.rocketmq]``: instances, and the keys that open every one of them."""

    #: "" is the default instance, the one of requests without ``ns``.
    instances: list[str]
    keys: list[Key]
    topics: list[Topic] = []
    #: Whether topics and groups are made when they are first used.
    auto_create: bool = True

    def __post_init__(self) -> None:
        """Refuse what could never work. No text quotes a secret: it ends on somebody's screen."""
        _check_instances(self.instances)
        _check_keys(self.keys)
        for index, topic in enumerate(self.topics):
            _check_topic(f"topics[{index}]", topic, self.instances)
        named = [(self.instance_of(topic), topic.name) for topic in self.topics]
        if len(set(named)) < len(named):
            raise ValueError("topics has one name twice: use each once")

    def instance_of(self, topic: Topic) -> str:
        """The instance that a topic is in."""
        return self.instances[0] if topic.instance is None else topic.instance


def _check_instances(instances: Sequence[str]) -> None:
    if not instances:
        raise ValueError('instances is empty: use at least one; "" is the default instance')
    if len(set(instances)) < len(instances):
        raise ValueError("instances has one value twice: use each once")
    for name in instances:
        if not name.isprintable() or "/" in name:
            raise ValueError(f"instances has {name!r}: use printable text without a slash")


def _check_keys(keys: Sequence[Key]) -> None:
    if not keys:
        raise ValueError("keys is empty: use at least one")
    if len({key.id for key in keys}) < len(keys):
        raise ValueError("keys has one id twice: use each once")
    for index, key in enumerate(keys):
        if (
            not key.id
            or not key.id.isascii()
            or not key.id.isprintable()
            or set(key.id) & set(" :")
        ):
            raise ValueError(
                f"keys[{index}].id cannot be sent: use printable ASCII without spaces and colons"
            )
        if not key.secret:
            raise ValueError(f"keys[{index}].secret is empty: use text")


def _check_topic(place: str, topic: Topic, instances: Sequence[str]) -> None:
    if topic.instance is not None and topic.instance not in instances:
        raise ValueError(f"{place}.instance is {topic.instance!r}: use one that instances has")
    for name in (topic.name, *topic.groups):
        if not is_name(name):
            raise ValueError(
                f"{place} has the name {name!r}: use 1 to 64 letters, digits, '_', '-' and '%'"
            )
