"""What ``GET /openapi.json`` answers: this dialect, as OpenAPI 3.1 describes an HTTP API.

It is for people and for tools (code generators, fuzzers), says nothing secret and asks for no
credentials. The path has no version and no dialect in it; it is IronMQ's because no other dialect
here describes itself so. Bounds come from `limits`; a test holds the paths against the route table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mqgate.dialects.ironmq import limits
from mqgate.dialects.ironmq.limits import Limit
from mqgate.dialects.ironmq.refusal import Refused
from mqgate.web.values import Asked, Reply

#: The first, and only, segment of the path.
SEGMENT = b"openapi.json"
#: What the paths of the route table stand behind.
PREFIX = "/1/projects/{project}/"

_Object = dict[str, Any]

_INTRODUCTION = f"""\
Pull queues over JSON: the HTTP API that IronMQ's clients of 2012 to 2015 speak.

First in, first out. A get reserves messages: nobody else gets them until their `timeout` is over,
and then they come again, at the end of their queue. Whoever is done with a message deletes it.

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


def _bounds(limit: Limit) -> str:
    return f"{limit.low} to {limit.high}."


def _whole(text: str, limit: Limit) -> _Object:
    """A number in a body: it may be left out, or null, which is the same."""
    return {
        "type": ["integer", "null"],
        "minimum": 0,
        "default": limit.default,
        "description": f"{text} {_bounds(limit)}",
    }


def _structure(required: Mapping[str, _Object], optional: Mapping[str, _Object] = {}) -> _Object:
    """A JSON object that a client sends; unknown keys are skipped."""
    structure: _Object = {"type": "object", "properties": {**required, **optional}}
    return {**structure, "required": list(required)} if required else structure


def _shown(**properties: _Object) -> _Object:
    """A JSON object that the server sends: all of these keys, and no other."""
    return {**_structure(properties), "additionalProperties": False}


def _list(of: _Object, text: str = "") -> _Object:
    listed: _Object = {"type": "array", "items": of}
    return {**listed, "description": text} if text else listed


def _schema(name: str) -> _Object:
    return {"$ref": f"#/components/schemas/{name}"}


_TEXT: _Object = {"type": "string"}
_COUNT: _Object = {"type": "integer", "minimum": 0}
_SECONDS: _Object = {**_COUNT, "description": "In seconds."}
_ID: _Object = {
    "type": "string",
    "pattern": "^[1-9][0-9]{0,18}$",
    "description": "A message's id: a number below 2^63, as text.",
    "examples": ["5924625841136130921"],
}
_NO_PUSH: _Object = {"type": "object", "maxProperties": 0, "description": "Always empty."}
_PLAIN: _Object = {
    "id": _ID,
    "body": _TEXT,
    "reserved_count": {**_COUNT, "description": "How often it was reserved."},
}

_SENT: Mapping[str, _Object] = {
    "NewMessage": _structure(
        {"body": {**_TEXT, "description": "Any text."}},
        {
            "timeout": _whole("How long a reservation lasts. 0 is the default.", limits.TIMEOUT),
            "delay": _whole("How long nobody gets it.", limits.DELAY),
            "expires_in": _whole(
                "How long it lives, reserved or not. 0 is the default.", limits.EXPIRES_IN
            ),
        },
    ),
    "NewMessages": {
        **_structure({"messages": {**_list(_schema("NewMessage")), "minItems": 1}}),
        "examples": [{"messages": [{"body": "hello", "delay": 10}]}],
    },
    "Ids": {
        **_structure(
            {
                "ids": {
                    **_list(_TEXT, "Ids of messages; unknown ones are skipped."),
                    "minItems": 1,
                }
            }
        ),
        "examples": [{"ids": ["5924625841136130921"]}],
    },
    "Release": {
        **_structure({}, {"delay": _whole("How long nobody gets it.", limits.DELAY)}),
        "examples": [{}, {"delay": 60}],
    },
    "QueueSettings": {
        **_structure(
            {},
            {
                "push_type": {"enum": ["pull", None], "description": "There are no push queues."},
                "subscribers": {"type": ["array", "null"], "maxItems": 0},
                "retries": {"type": "null"},
                "retries_delay": {"type": "null"},
                "error_queue": {"type": ["string", "null"], "maxLength": 0},
                "messages": {"not": {}},
            },
        ),
        "description": "A pull queue has no settings; what says so is accepted. `messages` is "
        "refused: messages are posted to the queue's `/messages`.",
        "examples": [{}, {"push_type": "pull"}],
    },
}

_ANSWERED: Mapping[str, _Object] = {
    "Error": _shown(msg={**_TEXT, "minLength": 1, "description": "Why, for people."}),
    "Posted": _shown(
        ids=_list(_ID, "In the order of the messages."), msg={"const": "Messages put on queue."}
    ),
    "Queue": _shown(
        id={"type": "string", "pattern": "^[0-9a-f]{24}$"},
        name=_TEXT,
        size={**_COUNT, "description": "Messages in it: ready, reserved and delayed."},
        total_messages={**_COUNT, "description": "Messages ever posted."},
        project_id=_TEXT,
    ),
    "QueueList": _list(
        _shown(
            id={"type": "string", "pattern": "^[0-9a-f]{24}$"},
            project_id=_TEXT,
            name=_TEXT,
        )
    ),
    "Reserved": _shown(
        messages=_list(_shown(**_PLAIN, timeout=_SECONDS, push_status=_NO_PUSH)),
    ),
    "Peeked": _shown(messages=_list(_shown(**_PLAIN, push_status=_NO_PUSH))),
    "Message": _shown(
        **_PLAIN,
        timeout={**_SECONDS, "description": "What its present reservation was made with."},
        status={"enum": ["available", "reserved", "delayed", "deleted"]},
    ),
}


def _named(name: str, text: str, schema: _Object) -> _Object:
    return {"name": name, "in": "path", "required": True, "description": text, "schema": schema}


def _asked(name: str, text: str, limit: Limit, default: str = "") -> _Object:
    """A number in a query. Node writes null and undefined as ``n=``."""
    return {
        "name": name,
        "in": "query",
        "description": f"{text} {_bounds(limit)} {default or f'{limit.default} if left out.'}",
        "allowEmptyValue": True,
        "schema": _COUNT,
    }


_NAME: _Object = {"type": "string", "minLength": 1}
_IN_PATH = {
    "{project}": _named("project", "The project's id.", _NAME),
    "{queue}": _named("queue", "The queue's name: any text, percent-encoded.", _NAME),
    "{message}": _named("message", "The message's id.", _ID),
}
_PAGING = (
    _asked("page", "The page.", limits.PAGE),
    _asked("per_page", "Queues on a page.", limits.PER_PAGE),
)
_PEEKING = (_asked("n", "Messages at most.", limits.COUNT),)
_GETTING = (
    *_PEEKING,
    _asked(
        "timeout",
        "How long they are reserved.",
        limits.GET_TIMEOUT,
        "As long as each message says itself if left out, or 0.",
    ),
    _asked("wait", "How long to wait for the first message.", limits.WAIT),
    {
        "name": "delete",
        "in": "query",
        "description": "`true` takes the messages for good. Any other value means nothing.",
        "allowEmptyValue": True,
        "schema": _TEXT,
    },
)


def _content(schema: _Object) -> _Object:
    return {"application/json": {"schema": schema}}


def _json(schema: str) -> _Object:
    """A body that is read as JSON, whatever the header ``Content-Type`` says."""
    return {"required": True, "content": _content(_schema(schema))}


#: The body as it is; every content type will do.
_ANY_TEXT: _Object = {"content": {"text/plain": {"schema": _TEXT}}}


def _operation(
    summary: str,
    answer: str | _Object,
    *query: _Object,
    body: _Object | None = None,
    statuses: tuple[int, ...] = (200,),
    errors: tuple[int, ...] = (404,),
) -> _Object:
    schema = _schema(answer) if isinstance(answer, str) else answer
    responses: _Object = {
        str(status): {"description": "Done.", "content": _content(schema)} for status in statuses
    }
    for status in sorted({400, 401, 403, 404, 500, 503, *errors}):
        responses[str(status)] = {"$ref": f"#/components/responses/{status}"}
    described: _Object = {"summary": summary}
    if query:
        described["parameters"] = list(query)
    if body is not None:
        described["requestBody"] = body
    return {**described, "responses": responses}


def _saying(text: str) -> _Object:
    return _shown(msg={"const": text})


_POST = (200, 201)
_MISSING = (406,)

#: By path below `PREFIX`, as the route table has them.
_PATHS: Mapping[str, Mapping[str, _Object]] = {
    "queues": {
        "get": _operation("List the queues, by name", "QueueList", *_PAGING),
    },
    "queues/{queue}": {
        "get": _operation("Show a queue", "Queue"),
        "post": _operation(
            "Make a queue, if there is none of this name",
            "Queue",
            body=_json("QueueSettings"),
            statuses=_POST,
            errors=_MISSING,
        ),
        "delete": _operation("Delete a queue with all in it", _saying("Deleted.")),
    },
    "queues/{queue}/clear": {
        "post": _operation(
            "Delete all messages, reserved ones too", _saying("Cleared"), statuses=_POST
        ),
    },
    "queues/{queue}/messages": {
        "get": _operation(
            "Reserve messages, or take them; none of a queue that is missing",
            "Reserved",
            *_GETTING,
        ),
        "post": _operation(
            "Post messages, all or none; makes the queue",
            "Posted",
            body=_json("NewMessages"),
            statuses=_POST,
            errors=_MISSING,
        ),
        "delete": _operation(
            "Delete messages", _saying("Deleted"), body=_json("Ids"), errors=_MISSING
        ),
    },
    "queues/{queue}/messages/peek": {
        "get": _operation("Look at the next messages, reserving none", "Peeked", *_PEEKING),
    },
    "queues/{queue}/messages/webhook": {
        "post": _operation(
            "Post the request body, as it is, as one message; makes the queue",
            "Posted",
            body=_ANY_TEXT,
            statuses=_POST,
        ),
    },
    "queues/{queue}/messages/{message}": {
        "get": _operation("Show a message, also one deleted a while ago", "Message"),
        "delete": _operation("Delete a message, reserved or not", _saying("Deleted")),
    },
    "queues/{queue}/messages/{message}/touch": {
        "post": _operation(
            "Start the reservation's time again", _saying("Touched"), statuses=_POST
        ),
    },
    "queues/{queue}/messages/{message}/release": {
        "post": _operation(
            "Put a message back", _saying("Released"), body=_json("Release"), statuses=_POST
        ),
    },
}


def _path_item(path: str, verbs: Mapping[str, _Object]) -> _Object:
    return {
        "parameters": [_IN_PATH[part] for part in path.split("/") if part in _IN_PATH],
        **verbs,
    }


def _described() -> _Object:
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
                str(status): {"description": text, "content": _content(_schema("Error"))}
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
