"""The part of the API's description that is about push queues."""

from __future__ import annotations

from collections.abc import Mapping

from mqgate.dialects.ironmq import limits
from mqgate.dialects.ironmq.describing import (
    COUNT,
    ID,
    MISSING,
    POST,
    SECONDS,
    TEXT,
    Described,
    json_body,
    list_of,
    operation,
    saying,
    schema_of,
    shown,
    structure,
    whole,
)

_PUSH_TYPES = ["multicast", "unicast"]
_URL: Described = {
    **TEXT,
    "description": "`http://…`, `https://…`, `ironmq:///queue`, `ironmq://project:token@/queue`, "
    "`ironmq://project:token@host/queue`, or `ironworker:///code`.",
}
_HEADERS: Described = {
    "type": "object",
    "additionalProperties": TEXT,
    "description": "Headers of the requests to it.",
}
_SUBSCRIBERS: Described = {
    "type": ["array", "null"],
    "items": schema_of("NewSubscriber"),
    "description": f"{limits.SUBSCRIBERS_BYTES} bytes of JSON at most.",
}
_EXAMPLE = {"url": "ironmq:///other", "headers": {"X-Colour": "blue"}}

SENT: Mapping[str, Described] = {
    "NewSubscriber": structure(
        {"url": _URL}, {"headers": {**_HEADERS, "type": ["object", "null"]}}
    ),
    "NewSubscribers": {
        **structure({}, {"subscribers": _SUBSCRIBERS}),
        "examples": [{"subscribers": [_EXAMPLE]}],
    },
    "KnownSubscribers": {
        **structure(
            {},
            {"subscribers": {"type": ["array", "null"], "items": structure({"url": _URL})}},
        ),
        "description": "Unknown ones are skipped.",
        "examples": [{"subscribers": [{"url": "ironmq:///other"}]}],
    },
    "QueueSettings": {
        **structure(
            {},
            {
                "push_type": {
                    "enum": [*_PUSH_TYPES, "pull", None],
                    "description": "`pull` forgets all other push settings.",
                },
                "subscribers": {
                    **_SUBSCRIBERS,
                    "description": "In place of those there are. Any makes a push queue.",
                },
                "retries": whole("How often a failed push is tried again.", limits.RETRIES),
                "retries_delay": whole("How much later.", limits.RETRIES_DELAY),
                "error_queue": {
                    "type": ["string", "null"],
                    "description": "The queue that is told of failures; empty for none.",
                },
                "messages": {"not": {}},
            },
        ),
        "description": "What is left out stays as it is. `messages` is refused: messages are "
        "posted to the queue's `/messages`.",
        "examples": [{}, {"push_type": "multicast", "subscribers": [_EXAMPLE], "retries": 5}],
    },
}

ANSWERED: Mapping[str, Described] = {
    "PushStatuses": shown(
        subscribers=list_of(
            shown(
                id={**ID, "description": "What the receiver acknowledges with."},
                url=TEXT,
                status={"enum": ["queued", "reserved", "retrying", "deleted", "error"]},
                status_code={**COUNT, "description": "Of the last answer; 0 before the first."},
                retries_remaining=COUNT,
                retries_delay=SECONDS,
            )
        )
    ),
}

#: What a queue object has if it is a push queue's.
OF_A_QUEUE: Mapping[str, Described] = {
    "push_type": {"enum": _PUSH_TYPES},
    "retries": COUNT,
    "retries_delay": SECONDS,
    "subscribers": list_of(
        {**structure({"url": TEXT}, {"headers": _HEADERS}), "additionalProperties": False}
    ),
    "error_queue": {**TEXT, "minLength": 1},
}

#: Of a message that is gotten.
PUSH_STATUS: Described = {
    **structure({}, {"retries_remaining": COUNT}),
    "additionalProperties": False,
    "description": "Empty on a pull queue.",
}

PATHS: Mapping[str, Mapping[str, Described]] = {
    "queues/{queue}/subscribers": {
        "post": operation(
            "Add subscribers, or change their headers; makes the queue, and it a push queue",
            "Queue",
            body=json_body("NewSubscribers"),
            statuses=POST,
            errors=MISSING,
        ),
        "delete": operation(
            "Remove subscribers; makes the queue",
            "Queue",
            body=json_body("KnownSubscribers"),
            errors=MISSING,
        ),
    },
    "queues/{queue}/messages/{message}/subscribers": {
        "get": operation("Show how far the pushes of a message are", "PushStatuses"),
    },
    "queues/{queue}/messages/{message}/subscribers/{subscriber}": {
        "delete": operation("Acknowledge a push that was answered with 202", saying("Deleted")),
    },
}
