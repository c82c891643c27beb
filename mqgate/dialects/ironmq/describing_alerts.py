"""The part of the API's description that is about alerts."""

from __future__ import annotations

from collections.abc import Mapping

from mqgate.dialects.ironmq import limits
from mqgate.dialects.ironmq.describing import (
    HEX_ID,
    MISSING,
    NAME,
    POST,
    SECONDS,
    TEXT,
    Described,
    content,
    json_body,
    list_of,
    operation,
    saying,
    schema_of,
    shown,
    structure,
    whole,
)

_TYPE = ["fixed", "progressive"]
_DIRECTION = ["asc", "desc"]
_TRIGGER: Described = {"type": "integer", "minimum": 1}


def _listed(of: Described) -> Described:
    return structure({}, {"alerts": {"type": ["array", "null"], "items": of}})


SENT: Mapping[str, Described] = {
    "NewAlert": structure(
        {
            "type": {"enum": _TYPE},
            "trigger": {
                **_TRIGGER,
                "description": "The size; of a progressive alert, any multiple of it.",
            },
            "queue": {**NAME, "description": "The queue that gets the messages."},
        },
        {
            "direction": {"enum": [*_DIRECTION, None], "default": "asc"},
            "snooze": whole("How long it is silent after it went off.", limits.SNOOZE),
        },
    ),
    "NewAlerts": {
        **_listed(schema_of("NewAlert")),
        "description": f"A queue can have {limits.ALERTS} alerts at most; none is like one that is "
        "there, and progressive ones do not lead back to their own queue.",
        "examples": [{"alerts": [{"type": "fixed", "trigger": 1000, "queue": "alerts"}]}],
    },
    "AlertsInPlace": {
        **_listed(schema_of("NewAlert")),
        "description": "The same rules hold; an empty list takes all alerts away.",
        "examples": [
            {
                "alerts": [
                    {"type": "progressive", "direction": "desc", "trigger": 100, "queue": "alerts"}
                ]
            }
        ],
    },
    "KnownAlerts": {
        **_listed(structure({"id": TEXT})),
        "description": "Unknown ids are skipped.",
        "examples": [{"alerts": [{"id": "000000001f4c3a4b2d000001"}]}],
    },
}

ANSWERED: Mapping[str, Described] = {
    "Alert": shown(
        id=HEX_ID,
        type={"enum": _TYPE},
        direction={"enum": _DIRECTION},
        trigger=_TRIGGER,
        queue=NAME,
        snooze=SECONDS,
    ),
}

#: What a queue object has if there are any.
OF_A_QUEUE: Described = {**list_of(schema_of("Alert"), "Only if there are any."), "minItems": 1}

PATHS: Mapping[str, Mapping[str, Described]] = {
    "queues/{queue}/alerts": {
        "post": operation(
            "Add alerts, which post a message when the queue's size changes so; makes the queue",
            saying("Alerts were added."),
            body=json_body("NewAlerts"),
            statuses=POST,
            errors=MISSING,
        ),
        "put": operation(
            "Put these alerts in the place of all; makes the queue",
            saying("Alerts were replaced."),
            body=json_body("AlertsInPlace"),
            errors=MISSING,
        ),
        "delete": operation(
            "Delete the alerts that the body names, or all if there is no body",
            saying("Alerts were deleted."),
            body={"content": content(schema_of("KnownAlerts"))},
            errors=MISSING,
        ),
    },
    "queues/{queue}/alerts/{alert}": {
        "delete": operation("Delete an alert", saying("Alerts were deleted.")),
    },
}
