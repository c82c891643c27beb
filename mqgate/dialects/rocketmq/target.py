"""Paths and queries: which topic, and what is asked of it."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

import attrs

from mqgate.dialects.rocketmq.refusal import Refused, invalid

#: The longest request line, in bytes.
LONGEST_LINE = 1024
#: What a dead-letter topic's name begins with; clients write it as it is or encoded.
DEAD_LETTERS = "%DLQ%"
#: What all paths begin with.
SEGMENT = b"topics"

_NAME = re.compile(rf"(?:{DEAD_LETTERS})?[A-Za-z0-9_%-]{{1,64}}")
_NUMBER = re.compile(r"[0-9]{1,9}")


def is_name(text: str) -> bool:
    """Whether a topic, or a group, can be called so."""
    return _NAME.fullmatch(text) is not None


def topic_segment(method: bytes, path: bytes, target: bytes) -> bytes:
    """The part of a path that names the topic, raw. Raises `Refused` for another path."""
    if len(method) + len(target) + len("  HTTP/1.1") > LONGEST_LINE:
        raise Refused(
            400, "InvalidRequestURL", f"The request line is longer than {LONGEST_LINE} characters."
        )
    parts = path.split(b"/")
    if len(parts) != 4 or parts[1] != SEGMENT or not parts[2] or parts[3] != b"messages":
        raise Refused(404, "InvalidRequestURL", "The path is not /topics/TOPIC/messages.")
    return parts[2]


def topic_name(segment: bytes) -> str:
    """The topic that a part of a path names."""
    literal = DEAD_LETTERS.encode()
    if segment.startswith(literal):
        # Its percent signs, as Python's client sends them, encode nothing.
        segment = segment.replace(b"%", b"%25")
    return _name(_decoded(segment), "topic")


@attrs.frozen
class Parameters:
    """What stands behind the question mark: each parameter's first value, decoded."""

    values: dict[str, str]

    @property
    def instance(self) -> str:
        """The instance; "" is the default one."""
        return self.values.get("ns", "")

    def group(self) -> str:
        """The consumer's group. Raises `Refused` if there is none."""
        return _name(self.values.get("consumer", ""), "consumer")

    def count(self, most: int) -> int:
        """The most messages that are wanted."""
        if "numOfMessages" not in self.values:
            raise invalid("The parameter numOfMessages is missing.")
        return self._number("numOfMessages", 1, most)

    def wait_seconds(self, most: int) -> int:
        """How long a poll may wait."""
        return self._number("waitseconds", 0, most) if self.values.get("waitseconds") else 0

    def tags(self) -> frozenset[str]:
        """The tags that are wanted; empty for all."""
        tags = {tag.strip() for tag in self.values.get("tag", "").split("||")} - {""}
        return frozenset() if "*" in tags else frozenset(tags)

    def kind(self, *known: str) -> str:
        """The value of ``trans``, one of those or ""."""
        kind = self.values.get("trans", "")
        if kind and kind not in known:
            raise invalid(f"The parameter trans is none of {', '.join(known)}.")
        return kind

    def _number(self, name: str, least: int, most: int) -> int:
        text = self.values[name]
        if not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
            raise invalid(f"The parameter {name} is not a number from {least} to {most}.")
        return int(text)


def read_query(query: bytes) -> Parameters:
    """The parameters of a query."""
    values: dict[str, str] = {}
    for part in query.split(b"&"):
        name, _, value = part.partition(b"=")
        values.setdefault(_decoded_item(name), _decoded_item(value))
    return Parameters(values)


def _decoded_item(text: bytes) -> str:
    if text.isalnum():
        return text.decode("ascii")
    return _decoded(text.replace(b"+", b" "))


def _decoded(text: bytes) -> str:
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise invalid("The request line has text that is not UTF-8.") from None


def _name(text: str, what: str) -> str:
    if not is_name(text):
        raise invalid(
            f"The {what} is not a name of 1 to 64 letters, digits, underscores, hyphens and"
            " percent signs."
        )
    return text
