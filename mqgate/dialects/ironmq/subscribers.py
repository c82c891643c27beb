"""A queue's push settings: what clients ask for, what is kept, and what comes of it. Pure.

They stand in the queue's settings under the vendor's names. A queue that has had any keeps some for
ever: that tells the engine that messages of it may be on their way.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from mqgate.dialects.ironmq import addresses, limits
from mqgate.dialects.ironmq.addresses import BadAddress, Here
from mqgate.dialects.ironmq.decoding import decoded
from mqgate.dialects.ironmq.refusal import malformed, missing
from mqgate.engine.deliveries import Pushing, Target
from mqgate.engine.errors import InvalidRequest
from mqgate.engine.names import is_hidden

MULTICAST, UNICAST, PULL = "multicast", "unicast", "pull"

#: What makes new settings of a queue's own; see `mqgate.engine.engine.Engine.revise`.
Revision = Callable[[Mapping[str, Any]], Mapping[str, object]]

_Whole = Annotated[int, msgspec.Meta(ge=0)]

#: What a header's name may be, and what of its value would end it.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NO_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
#: These are between us and the receiver.
_OURS = frozenset(
    {
        *("connection", "content-length", "expect", "keep-alive", "proxy-connection", "te"),
        *("trailer", "transfer-encoding", "upgrade"),
    }
)


class _Subscriber(Struct):
    url: str | UnsetType = UNSET
    headers: dict[str, str] | None = None


class _Subscribers(Struct):
    subscribers: list[_Subscriber] | None = None


class _QueueSettings(_Subscribers):
    push_type: str | None = None
    retries: _Whole | None = None
    retries_delay: _Whole | None = None
    error_queue: str | None = None
    messages: msgspec.Raw | UnsetType = UNSET


_QUEUE_SETTINGS = msgspec.json.Decoder(_QueueSettings)
_SUBSCRIBERS = msgspec.json.Decoder(_Subscribers)


# -- what clients ask for


def update(body: bytes, project: str, queue: str) -> Revision:
    """What ``POST`` to a queue asks to be changed. Raises `Refused`."""
    asked = decoded(_QUEUE_SETTINGS, body)
    if asked.messages is not UNSET:
        # A client that does not encode a ``?`` in a queue's name ends up here with its post, which
        # would be lost behind a success.
        raise malformed("Messages are posted to the queue's /messages")
    if asked.push_type not in (None, PULL, MULTICAST, UNICAST):
        raise malformed("push_type must be multicast, unicast or pull")
    if asked.push_type == PULL and asked.subscribers:
        raise malformed("A queue with push_type pull has no subscribers")
    if "\0" in (asked.error_queue or "") or is_hidden(asked.error_queue or ""):
        raise malformed("error_queue must be the name of a queue")
    subscribers = _checked(asked.subscribers, project, queue)
    return lambda settings: _updated(settings, asked, subscribers)


def addition(body: bytes, project: str, queue: str) -> Revision:
    """What ``POST`` to a queue's subscribers asks to be added. Raises `Refused`."""
    asked = _checked(decoded(_SUBSCRIBERS, body).subscribers, project, queue)

    def add(settings: Mapping[str, Any]) -> Mapping[str, object]:
        if asked is None:
            return {}
        there = {each["url"]: each for each in settings.get("subscribers", ())}
        there.update((each["url"], each) for each in asked)
        return _with_subscribers(settings, list(there.values()))

    return add


def removal(body: bytes) -> Revision:
    """What ``DELETE`` of a queue's subscribers asks to be removed. Raises `Refused`."""
    asked = decoded(_SUBSCRIBERS, body).subscribers
    urls = {_url(each) for each in asked or ()}

    def remove(settings: Mapping[str, Any]) -> Mapping[str, object]:
        there = settings.get("subscribers", ())
        left = [each for each in there if each["url"] not in urls]
        return {"subscribers": left} if len(left) < len(there) else {}

    return remove


def _url(subscriber: _Subscriber) -> str:
    if subscriber.url is UNSET:
        raise missing("Required field missing: url of a subscriber")
    return subscriber.url


def _checked(
    asked: Sequence[_Subscriber] | None, project: str, queue: str
) -> list[dict[str, Any]] | None:
    """Subscribers as they are kept; None where nothing is said of any."""
    if asked is None:
        return None
    kept: dict[str, dict[str, Any]] = {}
    for each in asked:
        url = _url(each)
        try:
            address = addresses.parse(url)
        except BadAddress as error:
            raise malformed(f"subscribers: {error}") from None
        if isinstance(address, Here) and (address.project or project, address.queue) == (
            project,
            queue,
        ):
            raise malformed("subscribers: a queue cannot push to itself")
        kept[url] = {"url": url}
        if each.headers:
            _check_headers(each.headers)
            kept[url]["headers"] = each.headers
    return list(kept.values())


def _check_headers(headers: Mapping[str, str]) -> None:
    """Refuse what is no header, and what would change where a request ends."""
    for name, value in headers.items():
        if not _NAME.fullmatch(name):
            raise malformed("headers: a name is none that a header can have")
        if _NO_VALUE.search(value):
            raise malformed("headers: a value has control characters")
        if name.lower() in _OURS:
            raise malformed(f"headers: {name} cannot be set")


# -- what is kept


def is_push(settings: Mapping[str, Any]) -> bool:
    """Whether these are the settings of a push queue."""
    return settings.get("push_type") in (MULTICAST, UNICAST)


def _updated(
    settings: Mapping[str, Any], asked: _QueueSettings, subscribers: list[dict[str, Any]] | None
) -> Mapping[str, object]:
    if asked.push_type == PULL:
        return _pull(settings)
    changed: dict[str, object] = {}
    if subscribers is not None:
        changed.update(_with_subscribers(settings, subscribers))
    if asked.push_type is not None:
        changed["push_type"] = asked.push_type
    if asked.retries is not None:
        changed["retries"] = limits.RETRIES.clamp(asked.retries)
    if asked.retries_delay is not None:
        changed["retries_delay"] = limits.RETRIES_DELAY.clamp(asked.retries_delay)
    if asked.error_queue is not None:
        changed["error_queue"] = asked.error_queue
    return changed


def _pull(settings: Mapping[str, Any]) -> Mapping[str, object]:
    """Back to a pull queue, which remembers nothing but that it was another one."""
    if not settings:
        return {}
    defaults = {"retries": limits.RETRIES.default, "retries_delay": limits.RETRIES_DELAY.default}
    return {"push_type": PULL, "subscribers": [], "error_queue": "", **defaults}


def _with_subscribers(
    settings: Mapping[str, Any], subscribers: list[dict[str, Any]]
) -> Mapping[str, object]:
    """These subscribers and no others: any makes a push queue."""
    if len(msgspec.json.encode(subscribers)) > limits.SUBSCRIBERS_BYTES:
        raise InvalidRequest(f"subscribers have more than {limits.SUBSCRIBERS_BYTES} bytes as JSON")
    if not subscribers and not settings:
        return {}
    becomes = {"push_type": MULTICAST} if subscribers and not is_push(settings) else {}
    return {"subscribers": subscribers, **becomes}


# -- what comes of it


def retries(settings: Mapping[str, Any]) -> int:
    """How often a failed push is tried again."""
    number: int = settings.get("retries", limits.RETRIES.default)
    return number


def retries_delay(settings: Mapping[str, Any]) -> int:
    """How many seconds later."""
    seconds: int = settings.get("retries_delay", limits.RETRIES_DELAY.default)
    return seconds


def pushing(settings: Mapping[str, Any]) -> Pushing | None:
    """How a queue with these settings pushes what is posted to it."""
    if not is_push(settings):
        return None
    targets = tuple(_target(each) for each in settings.get("subscribers", ()))
    alone: Sequence[tuple[Target, ...]] = [(target,) for target in targets]
    together = [targets] if targets else []
    return Pushing(
        alone if settings["push_type"] == MULTICAST else together,
        retries(settings),
        retries_delay(settings) * 1000,
        settings.get("error_queue") or None,
    )


def _target(subscriber: Mapping[str, Any]) -> Target:
    url, headers = subscriber["url"], subscriber.get("headers")
    data = msgspec.json.encode(headers).decode() if headers else ""
    return Target(url, addresses.parse(url).lane, data)


def headers_of(target: Target) -> dict[str, str]:
    """The headers that its subscriber wants."""
    headers: dict[str, str] = msgspec.json.decode(target.data) if target.data else {}
    return headers


def basic(credentials: str) -> str:
    """The header's value for a URL's ``user:password``."""
    return "Basic " + b64encode(credentials.encode()).decode("ascii")
