"""The lines of an export, as docs/command.md describes them. Pure: values to bytes and back.

Whoever changes what a line means raises `VERSION`, and goes on reading the older ones. New keys
that older versions may pass over do not exist: they refuse what they do not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from mqgate.engine.values import DELAYED, NEVER, PUSHED, READY, RESERVED, NewMessage
from mqgate.operator.errors import CommandError
from mqgate.operator.text import escaped
from mqgate.storage.interface import MessageRow

#: Of the format.
VERSION = 1
#: No line is longer, in bytes: more would not fit into one transaction, nor into small memories.
LONGEST = 64 << 20

#: Milliseconds, up to twenty years: the engine's instants end some time after.
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=20 * 366 * 86_400_000)]
StateName: TypeAlias = Literal["ready", "reserved", "delayed", "pushed"]
STATES: Mapping[int, StateName] = {
    READY: "ready",
    RESERVED: "reserved",
    DELAYED: "delayed",
    PUSHED: "pushed",
}


class Header(msgspec.Struct, frozen=True, kw_only=True, tag_field="line", tag="export"):
    """The first line."""

    version: int
    #: The world that was exported, as ``dialect/name``.
    world: str
    made_at: str
    #: How many lines of each kind follow.
    queues: int
    messages: int


class QueueLine(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="line",
    tag="queue",
):
    """A queue, followed by its messages."""

    name: str
    policy: str
    settings: dict[str, Any] = {}

    def __post_init__(self) -> None:
        if "\0" in self.name:
            raise ValueError("a queue's name cannot hold a NUL")


class MessageLine(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="line",
    tag="message",
):
    """A message of the queue before it, in the queue's order."""

    #: What it was known by; text, because it has more digits than most readers of JSON keep.
    id: str
    state: StateName
    #: Text where it is UTF-8, else base64 under the other name.
    body: str | None = None
    body64: bytes | None = None
    props: str | None = None
    props64: bytes | None = None
    #: How often it was reserved.
    count: int = 0
    #: How long a reservation of it lasts.
    timeout_ms: Milliseconds
    #: What is left of its delay, of its present reservation, and of its life.
    delay_ms: Milliseconds = 0
    reserved_ms: Milliseconds = 0
    expires_ms: Milliseconds | None = None

    def __post_init__(self) -> None:
        if (self.body is None) == (self.body64 is None):
            raise ValueError("one of body and body64 has to be there")
        if self.props is not None and self.props64 is not None:
            raise ValueError("one of props and props64 only can be there")

    def message(self) -> NewMessage:
        """The message to be posted: one that was reserved is ready."""
        body = _bytes(self.body, self.body64)
        assert body is not None
        return NewMessage(
            body,
            timeout=self.timeout_ms,
            delay=self.delay_ms,
            # What was about to expire is not kept for ever.
            expires_in=None if self.expires_ms is None else max(self.expires_ms, 1),
            props=_bytes(self.props, self.props64),
        )


Line: TypeAlias = QueueLine | MessageLine

_encoder = msgspec.json.Encoder()
_headers = msgspec.json.Decoder(Header)
_lines: msgspec.json.Decoder[Line] = msgspec.json.Decoder(QueueLine | MessageLine)


def message_line(row: MessageRow, now: int) -> MessageLine:
    """The line for a message as it is now."""
    left = row.due - now
    body, body64 = _text(row.data)
    props, props64 = _text(row.props)
    return MessageLine(
        id=str(row.id),
        state=STATES[row.state],
        body=body,
        body64=body64,
        props=props,
        props64=props64,
        count=row.times,
        timeout_ms=row.timeout,
        delay_ms=left if row.state == DELAYED else 0,
        reserved_ms=left if row.state == RESERVED else 0,
        expires_ms=None if row.expires == NEVER else row.expires - now,
    )


def _text(data: bytes | None) -> tuple[str | None, bytes | None]:
    """Text, or bytes where they are not UTF-8."""
    if data is None:
        return None, None
    try:
        return data.decode("utf-8"), None
    except UnicodeDecodeError:
        return None, data


def _bytes(text: str | None, data: bytes | None) -> bytes | None:
    return data if text is None else text.encode("utf-8")


def encoded(line: Header | Line) -> bytes:
    """The line with its end."""
    return _encoder.encode(line) + b"\n"


def decoded_header(line: bytes) -> Header:
    """The first line; raises `CommandError` if this is no export that can be read."""
    try:
        header = _headers.decode(line)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise CommandError("line 1: this is no export of mqgate") from None
    if header.version > VERSION:
        raise CommandError(
            f"line 1: this was exported by a newer mqgate (version {header.version} of the"
            f" format, this one knows {VERSION}): use that one"
        )
    return header


def decoded(line: bytes, number: int) -> Line:
    """A line after the first; raises `CommandError` if there is something wrong with it."""
    try:
        return _lines.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CommandError(f"line {number}: {escaped(str(error))}") from None
    except RecursionError:
        raise CommandError(f"line {number}: this is nested too deeply") from None
