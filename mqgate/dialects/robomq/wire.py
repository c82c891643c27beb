"""What is kept with a message, and the headers that it is handed out with. Pure functions.

JSON in headers is ASCII alone: what else there is in it is escaped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import attrs
import msgspec

from mqgate.dialects.robomq.refusal import Refused, precondition_failed
from mqgate.engine import topic_names
from mqgate.engine.values import TOPIC_EXCHANGE

#: The longest ``X-AMQP-Properties`` that is handed out: clients take no line over 64 KiB, and a
#: message that nobody can take in would be lost as it is taken.
LONGEST_ANSWER = 60 * 1024

#: Stands first in what is kept, to tell it from what other dialects keep with theirs.
_MARK = b"amqp"
#: The type of an answer where the message has none that could stand in a header.
_ANY_TYPE = b"application/octet-stream"
_SAFE_TYPE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_ENCODER = msgspec.json.Encoder()
#: The properties of a message that came in through another dialect.
_NONE = b'{"headers":{}}'


@attrs.frozen
class Kept:
    """What is known about a message: pieces of its headers, ready to be sent."""

    #: JSON strings.
    exchange: bytes
    key: bytes
    #: What ``Content-Type`` is to be.
    content_type: bytes
    #: A JSON object.
    properties: bytes


def properties_text(properties: Mapping[str, object]) -> bytes:
    """Properties as they are handed out. Raises `Refused` if that could not be done."""
    try:
        text = _ascii(properties)
    except RecursionError:
        raise precondition_failed("X-AMQP-Properties is nested too deeply") from None
    if len(text) > LONGEST_ANSWER:
        raise Refused(
            431,
            "X-AMQP-Properties would be handed out with everything but ASCII escaped, "
            f"and then be longer than {LONGEST_ANSWER} bytes",
        )
    return text


def content_type(named: object) -> bytes:
    """What ``Content-Type`` is to be for the ``contentType`` of a message, if it has one."""
    if isinstance(named, str) and _SAFE_TYPE.fullmatch(named):
        return named.encode()
    return _ANY_TYPE


def pack(exchange: str, key: str, kind: bytes, properties: bytes) -> bytes:
    """What is kept with a message, of type ``kind`` and with these properties."""
    return b"\n".join((_MARK, _ascii(exchange), _ascii(key), kind, properties))


def unpack(kept: bytes | None, queue: str) -> Kept:
    """What `pack` packed; of another dialect's message in ``queue``, as good as it can be told.

    That is: without any properties, as if it had been published on the default exchange; or where
    topics lead to, if it was published to one.
    """
    if kept is not None:
        mark, *pieces = kept.split(b"\n", 4)
        if mark == _MARK and len(pieces) == 4:
            return Kept(*pieces)
        key = topic_names.noted(kept)
        if key is not None:
            return Kept(_ascii(TOPIC_EXCHANGE), _ascii(key), _ANY_TYPE, _NONE)
    return Kept(b'""', _ascii(queue), _ANY_TYPE, _NONE)


def envelop(kept: Kept, *, redelivered: bool, left: int) -> bytes:
    """The header ``X-AMQP-Envelop``; ``left`` messages are in the queue behind this one.

    The delivery tag is 1, because each request is a channel of its own.
    """
    return b'{"deliveryTag":1,"redelivered":%b,"exchange":%b,"routingKey":%b,"messageCount":%d}' % (
        b"true" if redelivered else b"false",
        kept.exchange,
        kept.key,
        left,
    )


def one_line(text: str) -> str:
    """A text whose line breaks, and whatever else cannot be seen, are spelled out."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _ascii(value: object) -> bytes:
    """JSON without blanks, of visible ASCII."""
    encoded = _ENCODER.encode(value)
    if not encoded.isascii():
        encoded = json.dumps(value, separators=(",", ":")).encode()
    # The one control character that JSON need not escape.
    return encoded.replace(b"\x7f", b"\\u007f")
