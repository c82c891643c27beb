"""A message's properties: ``key1:value1|key2:value2``, of which some mean something."""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

from mqgate.dialects.rocketmq.refusal import invalid

#: When it is to be delivered, in milliseconds since 1970.
_START = "__STARTDELIVERTIME"
#: Seconds to the first check; what has it is a half message.
_CHECK = "__TransCheckT"
#: Messages with one value are consumed in order.
_SHARD = "__SHARDINGKEY"

_INTEGER = re.compile(r"-?[0-9]{1,18}")
_CHECK_SECONDS = range(10, 301)


@attrs.frozen
class Properties:
    """Properties that were read."""

    pairs: Mapping[str, str]

    @property
    def text(self) -> str:
        """All of them, as the SDKs want them back."""
        return "".join([f"{key}:{value}|" for key, value in self.pairs.items()])

    @property
    def shard(self) -> str | None:
        """The sharding key, if there is one."""
        return self.pairs.get(_SHARD)

    def delay(self, now: int, longest: int) -> int:
        """Milliseconds until it is to be delivered; 0 for at once. Raises `Refused`."""
        start = self._integer(_START)
        if start is None:
            return 0
        delay = start - now
        if delay > longest:
            raise invalid(f"The property {_START} is more than {longest // 1000} seconds ahead.")
        return max(delay, 0)

    def check_seconds(self) -> int | None:
        """Seconds to a half message's first check; None for another message. Raises `Refused`."""
        seconds = self._integer(_CHECK)
        if seconds is not None and seconds not in _CHECK_SECONDS:
            raise invalid(f"The property {_CHECK} is not a number from 10 to 300.")
        return seconds

    def _integer(self, key: str) -> int | None:
        text = self.pairs.get(key)
        if text is None:
            return None
        if not _INTEGER.fullmatch(text):
            raise invalid(f"The property {key} is not a whole number.")
        return int(text)


def read_properties(text: str) -> Properties:
    """What a client sent. What has no key, or no value, is left out."""
    pairs = {}
    for part in text.split("|"):
        key, _, value = part.partition(":")
        if key and value:
            pairs[key] = value
    return Properties(pairs)
