"""The request header ``X-AMQP-Properties``: what a client says about its message. Pure functions.

The hosted service handed these on to a client library for AMQP, and its page says so in that
library's words: which types are taken, and what becomes of them, follows the two.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import msgspec

from mqgate.dialects.robomq.refusal import Refused, precondition_failed
from mqgate.dialects.robomq.target import LONGEST_NAME, check_key

#: The longest header that is taken, in bytes.
LONGEST = 48 * 1024
#: The engine counts milliseconds from 1970 in 63 bits; this is longer than anybody waits.
_FOREVER = 1 << 53
#: From here on, JavaScript writes a number with an exponent.
_EXPONENT = 10**21
_LARGEST_TIMESTAMP = (1 << 64) - 1
_EXPIRATION = re.compile(r"\+?[0-9]+")
#: How much of a wrong value is shown.
_SHOWN = 40

_DECODER = msgspec.json.Decoder()


@attrs.frozen
class Publish:
    """What a publish asks for beside its routing key and its body."""

    #: The properties that are handed out with the message, in their order.
    properties: Mapping[str, object]
    #: Further routing keys: CC and BCC.
    copies: tuple[str, ...]
    #: In milliseconds; None = never.
    expires_in: int | None
    #: Whether it is an error if the message reaches no queue.
    mandatory: bool


def read_properties(header: bytes | None, user: str, new_id: str | None) -> Publish:
    """What a request header says; None where there is none. Raises `Refused`.

    ``user`` is who publishes. ``new_id`` is for a message without a messageId, and a messageId is
    its correlationId as well if it has none; with None, nothing is filled in.
    """
    given = {} if header is None else _object(header)
    if _is_true(given.get("immediate")):
        raise Refused(501, "540 NOT_IMPLEMENTED - immediate=true")
    if new_id is not None:
        _fill(given, new_id)
    copies = _route_by_copies(given)
    _settle_delivery_mode(given)
    properties = {
        name: read(name, given[name])
        for name, read in _READERS.items()
        if given.get(name) is not None
    }
    _check_user(properties.get("userId"), user)
    expiration = properties.get("expiration")
    return Publish(
        properties,
        copies,
        None if expiration is None else min(int(str(expiration)), _FOREVER),
        _is_true(given.get("mandatory")),
    )


def _object(header: bytes) -> dict[str, Any]:
    """The JSON object in a header."""
    if len(header) > LONGEST:
        raise Refused(431, f"X-AMQP-Properties is longer than {LONGEST} bytes")
    try:
        given = _DECODER.decode(header)
    except UnicodeDecodeError:
        raise precondition_failed("X-AMQP-Properties is not UTF-8") from None
    except RecursionError:
        raise precondition_failed("X-AMQP-Properties is nested too deeply") from None
    except msgspec.MsgspecError as error:
        why = str(error).removeprefix("JSON is malformed: ")
        raise precondition_failed(f"X-AMQP-Properties is not JSON: {why}") from None
    if not isinstance(given, dict):
        raise precondition_failed("X-AMQP-Properties is not a JSON object")
    return given


def _fill(given: dict[str, Any], new_id: str) -> None:
    """The hosted service was seen to hand out one UUID as both ids of a message without any."""
    if given.get("messageId") is None:
        given["messageId"] = new_id
    if given.get("correlationId") is None:
        given["correlationId"] = _text("messageId", given["messageId"])


def _route_by_copies(given: dict[str, Any]) -> tuple[str, ...]:
    """Take CC and BCC as further routing keys; leave in the headers what consumers may see."""
    headers = given.get("headers")
    headers = given["headers"] = {} if headers is None else dict(_headers("headers", headers))
    copies: list[str] = []
    for name in ("CC", "BCC"):
        keys = given.get(name)
        if keys is not None:
            headers[name] = _keys(name, keys if isinstance(keys, list) else [keys])
        elif name in headers:
            if not isinstance(headers[name], list):
                raise precondition_failed(f"headers.{name} is not an array")
            headers[name] = _keys(f"headers.{name}", headers[name])
        copies += headers.get(name, ())
    headers.pop("BCC", None)
    return tuple(copies)


def _keys(name: str, given: list[Any]) -> list[str]:
    """Routing keys; numbers are taken as they are written."""
    keys = []
    for each in given:
        key = _number_text(each) if _is_number(each) else each
        if not isinstance(key, str):
            raise precondition_failed(f"{name} is not a string or an array of strings")
        check_key(key, f"a routing key in {name}")
        keys.append(key)
    return keys


def _settle_delivery_mode(given: dict[str, Any]) -> None:
    """Have ``deliveryMode`` say what the two properties for it mean together."""
    persistent, mode = given.get("persistent"), given.get("deliveryMode")
    if not isinstance(mode, bool | int | float | None):
        raise _wrong("deliveryMode", mode, "a boolean or a number")
    if persistent is not None:
        given["deliveryMode"] = 2 if _is_true(persistent) else 1
    elif mode is not None:
        is_one = _is_number(mode) and mode == 1
        given["deliveryMode"] = 2 if mode and not is_one else 1


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise _wrong(name, value, "a string")
    if len(value.encode()) > LONGEST_NAME:
        raise precondition_failed(f"{name} is longer than {LONGEST_NAME} bytes")
    return value


def _headers(name: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(name, value, "an object")
    return value


def _delivery_mode(name: str, value: object) -> object:
    return value


def _priority(name: str, value: object) -> int | float:
    if not _is_number(value):
        raise _wrong(name, value, "a number")
    return _plain(value)


def _timestamp(name: str, value: object) -> int | float:
    number = _plain(value) if _is_number(value) else -1
    if not isinstance(number, int) or not 0 <= number <= _LARGEST_TIMESTAMP:
        raise _wrong(name, value, "a whole number, 0 or more")
    return number


def _expiration(name: str, value: object) -> str:
    """Milliseconds as a string, which a number becomes as JavaScript would write it."""
    text = _number_text(value) if _is_number(value) else value
    if not isinstance(text, str) or not _EXPIRATION.fullmatch(text):
        raise precondition_failed(
            f"invalid expiration {_shown(value)}: use a whole number of milliseconds, 0 or more"
        )
    return _text(name, text)


#: What becomes of each property that is handed out, in the order of their keys there.
_READERS: Mapping[str, Callable[[str, Any], object]] = {
    "contentType": _text,
    "contentEncoding": _text,
    "headers": _headers,
    "deliveryMode": _delivery_mode,
    "priority": _priority,
    "correlationId": _text,
    "replyTo": _text,
    "expiration": _expiration,
    "messageId": _text,
    "timestamp": _timestamp,
    "type": _text,
    "userId": _text,
    "appId": _text,
}


def _check_user(user_id: object, user: str) -> None:
    if user_id is not None and user_id != user:
        raise precondition_failed(
            f"user_id property set to '{user_id}' but authenticated user was '{user}'"
        )


def _is_true(value: object) -> bool:
    """Whether JavaScript takes it for true: an empty object or array is."""
    return value is not None and (isinstance(value, dict | list) or bool(value))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(number: Any) -> int | float:
    """To JavaScript a number such as ``3.0`` or ``1e3`` is a whole one."""
    if isinstance(number, float) and number.is_integer() and abs(number) < _EXPONENT:
        return int(number)
    return float(number) if isinstance(number, float) else int(number)


def _number_text(number: Any) -> str | None:
    """A number as JavaScript writes it; None for those that it writes with an exponent."""
    plain = _plain(number)
    text = str(plain)
    return None if abs(plain) >= _EXPONENT or "e" in text else text


def _wrong(name: str, value: object, wanted: str) -> Refused:
    return precondition_failed(f"{name} is {_shown(value)}: use {wanted}")


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    text = f"'{value}'" if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
