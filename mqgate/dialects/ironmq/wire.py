"""Bodies: JSON to values and back. Pure functions.

Reading is strict where the vendor's page is (wrong types are 400, missing fields 406) and lax
where its clients are: unknown keys are skipped (PHP puts its token into every body), and null
for an optional field is the same as leaving it out.

Writing is ASCII only, everything else escaped: the Java client reads replies in its platform's
character set, and clients want ``Content-Type`` to be ``application/json`` and nothing more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from mqgate.dialects.ironmq import limits
from mqgate.dialects.ironmq.alert_wire import ShownAlert, shown_alert
from mqgate.dialects.ironmq.decoding import decoded
from mqgate.dialects.ironmq.refusal import malformed, missing
from mqgate.dialects.ironmq.subscribers import is_push, retries, retries_delay
from mqgate.dialects.ironmq.target import message_ids
from mqgate.engine.values import (
    DELAYED,
    DELETED,
    PUSHED,
    READY,
    RESERVED,
    Message,
    NewMessage,
    QueueInfo,
    QueueName,
)

_Whole = Annotated[int, msgspec.Meta(ge=0)]


class _PostItem(Struct, gc=False):
    body: str | UnsetType = UNSET
    timeout: _Whole | None = None
    delay: _Whole | None = None
    expires_in: _Whole | None = None


class _Post(Struct):
    messages: list[_PostItem] | UnsetType = UNSET


class _Ids(Struct):
    ids: list[str] | UnsetType = UNSET


class _Release(Struct):
    delay: _Whole | None = None


class _Reserved(Struct, gc=False):
    id: str
    body: str
    timeout: int
    reserved_count: int
    push_status: Mapping[str, int]


class _Peeked(Struct, gc=False):
    id: str
    body: str
    reserved_count: int
    push_status: Mapping[str, int]


class _Found(Struct, gc=False):
    id: str
    body: str
    timeout: int
    status: str
    reserved_count: int


class _Queue(Struct):
    id: str
    name: str
    size: int
    total_messages: int
    project_id: str
    alerts: list[ShownAlert] | UnsetType = UNSET
    push_type: str | UnsetType = UNSET
    retries: int | UnsetType = UNSET
    retries_delay: int | UnsetType = UNSET
    subscribers: list[dict[str, Any]] | UnsetType = UNSET
    error_queue: str | UnsetType = UNSET


class _QueueLine(Struct, gc=False):
    id: str
    project_id: str
    name: str


_POST = msgspec.json.Decoder(_Post)
_IDS = msgspec.json.Decoder(_Ids)
_RELEASE = msgspec.json.Decoder(_Release)
_ENCODER = msgspec.json.Encoder()

_STATUS = {
    READY: "available",
    RESERVED: "reserved",
    DELAYED: "delayed",
    DELETED: "deleted",
    PUSHED: "reserved",  # for its receivers
}
#: A pull queue has nothing to tell; PHP code reads the key all the same.
NO_PUSH_STATUS: Mapping[str, int] = {}


def new_messages(body: bytes) -> list[NewMessage]:
    """What ``POST …/messages`` posts: all of it or, by raising, nothing."""
    items = decoded(_POST, body).messages
    if items is UNSET:
        raise missing("Required field missing: messages")
    if not items:
        raise malformed("messages is empty")
    return [_new_message(item) for item in items]


def webhook_message(body: bytes) -> NewMessage:
    """The request body, as it is, as one message."""
    try:
        body.decode()
    except UnicodeDecodeError:
        raise malformed("The request body is not UTF-8") from None
    return NewMessage(body, expires_in=limits.EXPIRES_IN.default * 1000)


def known_ids(body: bytes) -> list[int]:
    """The ids that ``DELETE …/messages`` names, without those that were never given out."""
    ids = decoded(_IDS, body).ids
    if ids is UNSET:
        raise missing("Required field missing: ids")
    if not ids:
        raise malformed("ids is empty")
    return message_ids(ids)


def release_delay(body: bytes) -> int:
    """The delay that a release asks for, in milliseconds. The vendor's page requires a body."""
    return limits.DELAY.clamp(decoded(_RELEASE, body).delay) * 1000


def said(text: str) -> bytes:
    """The reply that is a word or a sentence."""
    return encoded({"msg": text})


def push_status(settings: Mapping[str, Any]) -> Mapping[str, int]:
    """What is told of messages that are gotten from a queue with these settings."""
    return {"retries_remaining": retries(settings)} if is_push(settings) else NO_PUSH_STATUS


def posted(ids: Sequence[int]) -> bytes:
    """The reply to a post; ids in the order of its messages."""
    # The digits of all at once: a third of the time that each by itself takes.
    listed = _ENCODER.encode(ids)[1:-1].replace(b",", b'","')
    return b'{"ids":["%s"],"msg":"Messages put on queue."}' % listed


def reserved(messages: Iterable[Message], push_status: Mapping[str, int] = NO_PUSH_STATUS) -> bytes:
    """The reply to a get."""
    return encoded(
        {
            "messages": [
                _Reserved(
                    str(message.id),
                    _text(message.body),
                    message.lease // 1000,
                    message.count,
                    push_status,
                )
                for message in messages
            ]
        }
    )


def peeked(messages: Iterable[Message], push_status: Mapping[str, int] = NO_PUSH_STATUS) -> bytes:
    """The reply to a peek."""
    return encoded(
        {
            "messages": [
                _Peeked(str(message.id), _text(message.body), message.count, push_status)
                for message in messages
            ]
        }
    )


def found(message: Message) -> bytes:
    """The reply to the get of one message by its id."""
    return encoded(
        _Found(
            str(message.id),
            _text(message.body),
            message.lease // 1000,
            _STATUS[message.state],
            message.count,
        )
    )


def queue(project: str, info: QueueInfo) -> bytes:
    """The queue object."""
    shown = _Queue(_queue_id(info), info.name, info.size, info.total, project)
    if info.alerts:
        shown.alerts = [shown_alert(alert) for alert in info.alerts]
    if is_push(info.settings):
        _show_pushing(shown, info.settings)
    return encoded(shown)


def _show_pushing(shown: _Queue, settings: Mapping[str, Any]) -> None:
    """What a push queue's object has besides."""
    shown.push_type = settings["push_type"]
    shown.retries = retries(settings)
    shown.retries_delay = retries_delay(settings)
    shown.subscribers = settings.get("subscribers", [])
    if settings.get("error_queue"):
        shown.error_queue = settings["error_queue"]


def queues(project: str, names: Iterable[QueueName]) -> bytes:
    """A page of the queue list: a bare array."""
    return encoded([_QueueLine(_queue_id(name), project, name.name) for name in names])


def _new_message(item: _PostItem) -> NewMessage:
    if item.body is UNSET:
        raise missing("Required field missing: body of a message")
    return NewMessage(item.body.encode(), *_times(item.timeout, item.delay, item.expires_in))


@lru_cache(maxsize=256)  # clients always ask for the same few: a third of a post's decoding
def _times(timeout: int | None, delay: int | None, expires_in: int | None) -> tuple[int, int, int]:
    """In milliseconds, within their bounds."""
    return (
        limits.TIMEOUT.clamp(timeout) * 1000,
        limits.DELAY.clamp(delay) * 1000,
        limits.EXPIRES_IN.clamp(expires_in) * 1000,
    )


def encoded(value: object) -> bytes:
    """A value as JSON, in ASCII."""
    text = _ENCODER.encode(value)
    if text.isascii():
        return text
    return json.dumps(msgspec.to_builtins(value), separators=(",", ":")).encode()


def _text(body: bytes) -> str:
    """A body as text. One that another dialect put in may be no text: JSON could not carry it."""
    return body.decode(errors="replace")


def _queue_id(queue: QueueInfo | QueueName) -> str:
    """24 hex digits: when it was made, in seconds, and its number. Never the same twice."""
    return f"{queue.created_at // 1000:08x}{queue.number:016x}"
