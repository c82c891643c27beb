"""The terms in which `openapi` describes this dialect. Pure: from values to values of JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from mqgate.dialects.ironmq.limits import Limit

Described: TypeAlias = dict[str, Any]

#: What a POST answers, and what it answers where something in its body may be missing.
POST = (200, 201)
MISSING = (406,)


def _bounds(limit: Limit) -> str:
    return f"{limit.low} to {limit.high}."


def whole(text: str, limit: Limit) -> Described:
    """A number in a body: it may be left out, or null, which is the same."""
    return {
        "type": ["integer", "null"],
        "minimum": 0,
        "default": limit.default,
        "description": f"{text} {_bounds(limit)}",
    }


def structure(
    required: Mapping[str, Described], optional: Mapping[str, Described] = {}
) -> Described:
    """A JSON object that a client sends; unknown keys are skipped."""
    described: Described = {"type": "object", "properties": {**required, **optional}}
    return {**described, "required": list(required)} if required else described


def shown(**properties: Described) -> Described:
    """A JSON object that the server sends: all of these keys, and no other."""
    return {**structure(properties), "additionalProperties": False}


def list_of(of: Described, text: str = "") -> Described:
    """A list of such things."""
    listed: Described = {"type": "array", "items": of}
    return {**listed, "description": text} if text else listed


def schema_of(name: str) -> Described:
    """A schema by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


TEXT: Described = {"type": "string"}
COUNT: Described = {"type": "integer", "minimum": 0}
SECONDS: Described = {**COUNT, "description": "In seconds."}
ID: Described = {
    "type": "string",
    "pattern": "^[1-9][0-9]{0,18}$",
    "description": "A message's id: a number below 2^63, as text.",
    "examples": ["5924625841136130921"],
}
NAME: Described = {"type": "string", "minLength": 1}
#: An id of anything but a message.
HEX_ID: Described = {"type": "string", "pattern": "^[0-9a-f]{24}$"}


def named(name: str, text: str, schema: Described) -> Described:
    """A name in a path."""
    return {"name": name, "in": "path", "required": True, "description": text, "schema": schema}


def asked(name: str, text: str, limit: Limit, default: str = "") -> Described:
    """A number in a query. Node writes null and undefined as ``n=``."""
    return {
        "name": name,
        "in": "query",
        "description": f"{text} {_bounds(limit)} {default or f'{limit.default} if left out.'}",
        "allowEmptyValue": True,
        "schema": COUNT,
    }


def content(schema: Described) -> Described:
    """A body of JSON."""
    return {"application/json": {"schema": schema}}


def json_body(schema: str) -> Described:
    """A body that is read as JSON, whatever the header ``Content-Type`` says."""
    return {"required": True, "content": content(schema_of(schema))}


def operation(
    summary: str,
    answer: str | Described,
    *query: Described,
    body: Described | None = None,
    statuses: tuple[int, ...] = (200,),
    errors: tuple[int, ...] = (404,),
) -> Described:
    """One verb of a path: what it answers, by name or as it is, and the errors it may answer."""
    schema = schema_of(answer) if isinstance(answer, str) else answer
    responses: Described = {
        str(status): {"description": "Done.", "content": content(schema)} for status in statuses
    }
    for status in sorted({400, 401, 403, 404, 500, 503, *errors}):
        responses[str(status)] = {"$ref": f"#/components/responses/{status}"}
    described: Described = {"summary": summary}
    if query:
        described["parameters"] = list(query)
    if body is not None:
        described["requestBody"] = body
    return {**described, "responses": responses}


def saying(text: str) -> Described:
    """The answer that is a word or a sentence."""
    return shown(msg={"const": text})
