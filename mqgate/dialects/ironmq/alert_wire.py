"""Alerts on the wire: what is asked, what is shown, and the messages that they post. Pure."""

from __future__ import annotations

import json
import time
from typing import Annotated

import msgspec
from msgspec import UNSET, Struct, UnsetType

from mqgate.dialects.ironmq import limits
from mqgate.dialects.ironmq.decoding import decoded
from mqgate.dialects.ironmq.refusal import malformed, missing
from mqgate.engine.values import Alert, Letter, NewAlert

_TYPES = {"fixed": False, "progressive": True}
_DIRECTIONS = {"asc": False, "desc": True}

_ID_DIGITS = 24
_HEX = frozenset("0123456789abcdef")


class _Alert(Struct):
    type: str | UnsetType = UNSET
    trigger: Annotated[int, msgspec.Meta(ge=1)] | UnsetType = UNSET
    queue: str | UnsetType = UNSET
    direction: str | None = None
    snooze: Annotated[int, msgspec.Meta(ge=0)] | None = None


class _Alerts(Struct):
    alerts: list[_Alert] | None = None


class _Named(Struct):
    id: str | UnsetType = UNSET


class _NamedAlerts(Struct):
    alerts: list[_Named] | None = None


_ALERTS = msgspec.json.Decoder(_Alerts)
_NAMED_ALERTS = msgspec.json.Decoder(_NamedAlerts)


class ShownAlert(Struct, gc=False):
    """An alert in the queue object."""

    id: str
    type: str
    direction: str
    trigger: int
    queue: str
    snooze: int


def _id(number: int) -> str:
    """24 hex digits, as all ids of things that are not messages have."""
    return f"{number:0{_ID_DIGITS}x}"


def alert_number(text: str) -> int | None:
    """The number behind an id; None if the text can be no alert's id."""
    if len(text) != _ID_DIGITS or not _HEX.issuperset(text):
        return None
    return int(text, 16)


def shown_alert(alert: Alert) -> ShownAlert:
    """An alert as the queue object has it."""
    return ShownAlert(
        _id(alert.id),
        _type(alert),
        _direction(alert),
        alert.threshold,
        alert.target,
        alert.snooze // 1000,
    )


def _type(alert: NewAlert) -> str:
    """Its ``type``."""
    return "progressive" if alert.progressive else "fixed"


def _direction(alert: NewAlert) -> str:
    """Its ``direction``."""
    return "desc" if alert.descending else "asc"


def letter(queue: str, alert: Alert, now: int) -> Letter:
    """The message of an alert: its body is a JSON object, in which the size is still missing."""
    before = json.dumps({"source_queue": queue})
    after = json.dumps(
        {
            "alert_id": _id(alert.id),
            "alert_type": _type(alert),
            "alert_direction": _direction(alert),
            "alert_trigger": alert.threshold,
            "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now // 1000)),
        }
    )
    return Letter(
        f'{before[:-1]}, "queue_size": '.encode(),
        f", {after[1:]}".encode(),
        limits.TIMEOUT.default * 1000,
        limits.EXPIRES_IN.default * 1000,
    )


def new_alerts(body: bytes) -> list[NewAlert] | None:
    """The alerts that a body asks for; None if it says nothing of alerts."""
    items = decoded(_ALERTS, body).alerts
    return None if items is None else [_new_alert(item) for item in items]


def known_ids(body: bytes) -> list[int] | None:
    """The ids that a body names, without those that can be no alert's; None if there is no body."""
    if not body:
        return None
    items = decoded(_NAMED_ALERTS, body).alerts or []
    numbers = [alert_number(_required("id", item.id)) for item in items]
    return [number for number in numbers if number is not None]


def _new_alert(item: _Alert) -> NewAlert:
    type_ = _required("type", item.type)
    trigger = item.trigger
    if trigger is UNSET:
        raise missing("Required field missing: trigger of an alert")
    queue = _required("queue", item.queue)
    direction = "asc" if item.direction is None else item.direction
    if type_ not in _TYPES:
        raise malformed("type of an alert must be fixed or progressive")
    if direction not in _DIRECTIONS:
        raise malformed("direction of an alert must be asc or desc")
    if not queue:
        raise malformed("queue of an alert must be the name of a queue")
    return NewAlert(
        _TYPES[type_],
        _DIRECTIONS[direction],
        limits.TRIGGER.clamp(trigger),
        queue,
        limits.SNOOZE.clamp(item.snooze) * 1000,
    )


def _required(name: str, value: str | UnsetType) -> str:
    if value is UNSET:
        raise missing(f"Required field missing: {name} of an alert")
    return value
