"""The path of a request: ``/rest/{vhost}/{exchange}/{queue}/{routingKey}``. Pure functions."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote_to_bytes

import attrs

from mqgate.dialects.robomq.refusal import Refused, precondition_failed

#: The first segment of every path.
SEGMENT = b"rest"
#: AMQP's short strings are no longer, in bytes of UTF-8.
LONGEST_NAME = 255

#: The longest path that is remembered, and how many are. Clients choose them.
_LONGEST_REMEMBERED = 512
_REMEMBERED = 500
_PARTS = ("vhost", "exchange", "queue", "routing key")
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


@attrs.frozen
class Target:
    """What a path names, decoded."""

    vhost: str
    #: Empty for the default exchange.
    exchange: str
    queue: str
    #: Empty for the key of no words.
    key: str


def read_target(path: bytes) -> Target:
    """What ``path`` names: split at its slashes first, each part decoded once afterwards.

    So an encoded slash belongs to its name. A plus sign is one. Raises `Refused`.
    """
    return _remembered(path) if len(path) <= _LONGEST_REMEMBERED else _read(path)


def _read(path: bytes) -> Target:
    segments = path.split(b"/")[2:]
    if len(segments) != len(_PARTS):
        raise Refused(
            404, "404 NOT_FOUND - the path has to be /rest/{vhost}/{exchange}/{queue}/{routingKey}"
        )
    target = Target(*map(_text, segments, _PARTS))
    if not target.vhost or not target.queue:
        what = "queue" if target.vhost else "vhost"
        raise precondition_failed(f"the {what} in the path is empty")
    check_key(target.exchange, "the exchange in the path")
    check_key(target.queue, "the queue in the path")
    check_key(target.key, "the routing key in the path")
    return target


#: Clients repeat themselves.
_remembered = lru_cache(maxsize=_REMEMBERED)(_read)


def _text(segment: bytes, part: str) -> str:
    """The text of a segment."""
    if b"%" in segment:
        if _BAD_ESCAPE.search(segment):
            raise precondition_failed(f"the {part} in the path has a % that encodes nothing")
        segment = unquote_to_bytes(segment)
    try:
        return segment.decode()
    except UnicodeDecodeError:
        raise precondition_failed(f"the {part} in the path is not UTF-8") from None


def check_key(name: str, what: str) -> None:
    """Raise `Refused` for a name or a key that is too long for AMQP, or has a NUL."""
    if len(name) * 4 > LONGEST_NAME and len(name.encode()) > LONGEST_NAME:
        raise precondition_failed(f"{what} is longer than {LONGEST_NAME} bytes")
    if "\0" in name:
        raise precondition_failed(f"{what} contains NUL")
