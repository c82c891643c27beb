"""What ``GET /openapi.json`` answers: this dialect, as OpenAPI 3.1 describes an HTTP API.

It is for people and for tools (code generators, fuzzers), says nothing secret and asks for no
credentials. The path has no version and no dialect in it; it is IronMQ's because no other dialect
here describes itself so. Bounds come from `limits`; a test holds the paths against the route table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from mqgate.dialects.ironmq import describing_alerts, describing_pushes, limits
from mqgate.dialects.ironmq.describing import (
    COUNT,
    HEX_ID,
    ID,
    MISSING,
    NAME,
    POST,
    SECONDS,
    TEXT,
    Described,
    asked,
    content,
    json_body,
    list_of,
    named,
    operation,
    saying,
    schema_of,
    shown,
    structure,
    whole,
)
from mqgate.dialects.ironmq.refusal import Refused
from mqgate.web.values import Asked, Reply

#: The first, and only, segment of the path.
SEGMENT = b"openapi.json"
#: What the paths of the route table stand behind.
PREFIX = "/1/projects/{project}/"

_INTRODUCTION = f"""\
Pull and push queues over JSON: the HTTP API that IronMQ's clients of 2012 to 2015 speak.

First in, first out. A get reserves messages: nobody else gets them until their `timeout` is over,
and then they come again, at the end of their queue. Whoever is done with a message deletes it.

Messages of a push queue are sent to its subscribers instead, each by a POST. A subscriber answers
200, or 202 and deletes the URL in `Iron-Subscriber-Message-Url` when it is done; anything else, and
the message is sent again later.

All times are in seconds. Numbers out of bounds are moved to the nearest bound and never refused;
what is no whole number, or negative, answers 400. A slash at the end of a path makes no difference.
Unknown keys and query parameters mean nothing.

Every error is `{{"msg": "why"}}`. The first thing that is wrong decides, in this order: token,
project, path, verb (405), body. A post answers 201, or 200 where the operator or the client
(`User-Agent: IronMQ Java Client`) wants that. A body has {limits.BODY_BYTES} bytes at most.
"""

_ERRORS = {
    400: "The body is no JSON object, or something in it has the wrong type; a query value is no "
    "number; a name is no text; the request is no HTTP, or did not arrive in time.",
    401: "No token, a wrong one, or one that does not open this project.",
    403: "The project is suspended, or holds as much as it may; or the request is too large.",
    404: "No such project, queue or message.",
    406: "A required field is missing.",
    500: "A fault of the server; its log says more.",
    503: "The database cannot write now, or the server is stopping: try again later.",
}


_PLAIN: Described = {
    "id": ID,
    "body": TEXT,
    "reserved_count": {**COUNT, "description": "How often it was reserved."},
}

_SENT: Mapping[str, Described] = {
    **describing_alerts.SENT,
    **describing_pushes.SENT,
    "NewMessage": structure(
        {"body": {**TEXT, "description": "Any text."}},
        {
            "timeout": whole("How long a reservation lasts. 0 is the default.", limits.TIMEOUT),
            "delay": whole("How long nobody gets it.", limits.DELAY),
            "expires_in": whole(
                "How long it lives, reserved or not. 0 is the default.", limits.EXPIRES_IN
            ),
        },
    ),
    "NewMessages": {
        **structure({"messages": {**list_of(schema_of("NewMessage")), "minItems": 1}}),
        "examples": [{"messages": [{"body": "hello", "delay": 10}]}],
    },
    "Ids": {
        **structure(
            {
                "ids": {
                    **list_of(TEXT, "Ids of messages; unknown ones are skipped."),
                    "minItems": 1,
                }
            }
        ),
        "examples": [{"ids": ["5924625841136130921"]}],
    },
    "Release": {
        **structure({}, {"delay": whole("How long nobody gets it.", limits.DELAY)}),
        "examples": [{}, {"delay": 60}],
    },
}

_ANSWERED: Mapping[str, Described] = {
    **describing_alerts.ANSWERED,
    **describing_pushes.ANSWERED,
    "Error": shown(msg={**TEXT, "minLength": 1, "description": "Why, for people."}),
    "Posted": shown(
        ids=list_of(ID, "In the order of the messages."), msg={"const": "Messages put on queue."}
    ),
    "Queue": {
        **structure(
            {
                "id": HEX_ID,
                "name": TEXT,
                "size": {
                    **COUNT,
                    "description": "Messages in it: ready, reserved, delayed and being pushed.",
                },
                "total_messages": {**COUNT, "description": "Messages ever posted."},
                "project_id": TEXT,
            },
            {"alerts": describing_alerts.OF_A_QUEUE, **describing_pushes.OF_A_QUEUE},
        ),
        "additionalProperties": False,
    },
    "QueueList": list_of(
        shown(
            id=HEX_ID,
            project_id=TEXT,
            name=TEXT,
        )
    ),
    "Reserved": shown(
        messages=list_of(
            shown(**_PLAIN, timeout=SECONDS, push_status=describing_pushes.PUSH_STATUS)
        ),
    ),
    "Peeked": shown(messages=list_of(shown(**_PLAIN, push_status=describing_pushes.PUSH_STATUS))),
    "Message": shown(
        **_PLAIN,
        timeout={**SECONDS, "description": "What its present reservation was made with."},
        status={"enum": ["available", "reserved", "delayed", "deleted"]},
    ),
}


_IN_PATH = {
    "{project}": named("project", "The project's id.", NAME),
    "{queue}": named("queue", "The queue's name: any text, percent-encoded.", NAME),
    "{message}": named("message", "The message's id.", ID),
    "{alert}": named("alert", "The alert's id.", HEX_ID),
    "{subscriber}": named("subscriber", "The id that the push status shows.", ID),
}
_PAGING = (
    asked("page", "The page.", limits.PAGE),
    asked("per_page", "Queues on a page.", limits.PER_PAGE),
)
_PEEKING = (asked("n", "Messages at most.", limits.COUNT),)
_GETTING = (
    *_PEEKING,
    asked(
        "timeout",
        "How long they are reserved.",
        limits.GET_TIMEOUT,
        "As long as each message says itself if left out, or 0.",
    ),
    asked("wait", "How long to wait for the first message.", limits.WAIT),
    {
        "name": "delete",
        "in": "query",
        "description": "`true` takes the messages for good. Any other value means nothing.",
        "allowEmptyValue": True,
        "schema": TEXT,
    },
)


#: The body as it is; every content type will do.
_ANY_TEXT: Described = {"content": {"text/plain": {"schema": TEXT}}}


#: By path below `PREFIX`, as the route table has them.
_PATHS: Mapping[str, Mapping[str, Described]] = {
    **describing_pushes.PATHS,
    "queues": {
        "get": operation("List the queues, by name", "QueueList", *_PAGING),
    },
    "queues/{queue}": {
        "get": operation("Show a queue", "Queue"),
        "post": operation(
            "Make a queue, if there is none of this name, or change its push settings",
            "Queue",
            body=json_body("QueueSettings"),
            statuses=POST,
            errors=MISSING,
        ),
        "delete": operation("Delete a queue with all in it", saying("Deleted.")),
    },
    "queues/{queue}/clear": {
        "post": operation(
            "Delete all messages, reserved ones too", saying("Cleared"), statuses=POST
        ),
    },
    **describing_alerts.PATHS,
    "queues/{queue}/messages": {
        "get": operation(
            "Reserve messages, or take them; none of a queue that is missing",
            "Reserved",
            *_GETTING,
        ),
        "post": operation(
            "Post messages, all or none; makes the queue",
            "Posted",
            body=json_body("NewMessages"),
            statuses=POST,
            errors=MISSING,
        ),
        "delete": operation(
            "Delete messages", saying("Deleted"), body=json_body("Ids"), errors=MISSING
        ),
    },
    "queues/{queue}/messages/peek": {
        "get": operation("Look at the next messages, reserving none", "Peeked", *_PEEKING),
    },
    "queues/{queue}/messages/webhook": {
        "post": operation(
            "Post the request body, as it is, as one message; makes the queue",
            "Posted",
            body=_ANY_TEXT,
            statuses=POST,
        ),
    },
    "queues/{queue}/messages/{message}": {
        "get": operation("Show a message, also one deleted a while ago", "Message"),
        "delete": operation("Delete a message, reserved or not", saying("Deleted")),
    },
    "queues/{queue}/messages/{message}/touch": {
        "post": operation("Start the reservation's time again", saying("Touched"), statuses=POST),
    },
    "queues/{queue}/messages/{message}/release": {
        "post": operation(
            "Put a message back", saying("Released"), body=json_body("Release"), statuses=POST
        ),
    },
}


def _path_item(path: str, verbs: Mapping[str, Described]) -> Described:
    return {
        "parameters": [_IN_PATH[part] for part in path.split("/") if part in _IN_PATH],
        **verbs,
    }


def _described() -> Described:
    return {
        "openapi": "3.1.0",
        "info": {"title": "mqgate: IronMQ", "version": "1", "description": _INTRODUCTION},
        "servers": [{"url": "/"}],
        "security": [{"header": []}, {"query": []}],
        "paths": {
            PREFIX + path: _path_item(PREFIX + path, verbs) for path, verbs in _PATHS.items()
        },
        "components": {
            "securitySchemes": {
                "header": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "`OAuth TOKEN`, spelled so, with one blank. Counts if both are "
                    "there.",
                },
                "query": {
                    "type": "apiKey",
                    "in": "query",
                    "name": "oauth",
                    "description": "`TOKEN`, for those that can set no header. Queries end up in "
                    "the logs of proxies.",
                },
            },
            "responses": {
                str(status): {"description": text, "content": content(schema_of("Error"))}
                for status, text in _ERRORS.items()
            },
            "schemas": {**_SENT, **_ANSWERED},
        },
    }


_DESCRIPTION = Reply(200, json.dumps(_described(), indent=2).encode() + b"\n")


def describe(asked: Asked) -> Reply:
    """The answer to a request for the description. Raises `Refused`: 405 unless it is to read."""
    if asked.method not in (b"GET", b"HEAD"):
        raise Refused(405, "Method not allowed", ((b"Allow", b"GET, HEAD"),))
    return _DESCRIPTION
