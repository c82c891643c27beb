"""Reading what a server wrote, as strictly as RFC 9112 allows."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import attrs

#: Every status that docs/dialects/ironmq.md and the probes have, but for a fault of the server.
DOCUMENTED = frozenset({200, 201, 400, 401, 403, 404, 405, 406, 408, 413})

#: The same for docs/dialects/robomq.md.
REST_DOCUMENTED = frozenset({200, 204, 400, 401, 403, 404, 405, 408, 413, 431, 501})
#: The same for docs/dialects/shiftr.md; none of its errors but a miss is without a body.
BROKER_DOCUMENTED = frozenset({200, 204, 400, 401, 403, 404, 405, 408, 413, 431})

_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) [ -~]+")
_HEADER = re.compile(rb"([A-Za-z-]+): ([ -~]*)")
_LINE = re.compile(r"[^\n]+\n?")
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@attrs.frozen
class Answer:
    """One answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)

    @property
    def last(self) -> bool:
        """Whether it says that the connection ends with it."""
        return self.headers.get("connection") == "close"


def read_answers(data: bytes, asked_for_heads: bool = False) -> list[Answer]:
    """All answers; raises `AssertionError` unless they are that, and whole, and nothing else.

    ``asked_for_heads`` allows an answer without the body that its length tells of.
    """
    answers: list[Answer] = []
    while data:
        if data.startswith(_CONTINUE):
            data = data[len(_CONTINUE) :]
            continue
        assert not (answers and answers[-1].last), f"more after the last answer: {data!r}"
        answer, data = _read(data, asked_for_heads)
        answers.append(answer)
    return answers


def check(answer: Answer, *, dialect: bool) -> None:
    """Raise `AssertionError` unless it is one that the documents know.

    ``dialect`` says that it must be IronMQ's; else it may be that of a path that nobody owns.
    """
    kind = answer.headers["content-type"]
    if not dialect and kind == "text/plain":
        assert answer.status in DOCUMENTED | {431}, answer
    else:
        assert answer.status in DOCUMENTED, answer
        assert kind == "application/json", answer
        if answer.body:
            _check_json(answer)


def check_rest(answer: Answer, *, dialect: bool) -> None:
    """The same for RoboMQ, whose errors are a line of text."""
    assert answer.status in REST_DOCUMENTED, answer
    if answer.status == 200 and "x-amqp-envelop" in answer.headers:
        for name in ("x-amqp-envelop", "x-amqp-properties"):
            assert isinstance(json.loads(answer.headers[name]), dict), answer
    elif answer.status != 204 and (dialect or answer.headers["content-type"] == "text/plain"):
        assert answer.headers["content-type"] in ("text/plain", "text/plain; charset=utf-8"), answer
        assert not answer.body or _LINE.fullmatch(answer.body.decode()), answer


def check_broker(answer: Answer, *, dialect: bool) -> None:
    """The same for shiftr, whose errors are a line of text, too, and which hands out any bytes."""
    assert answer.status in BROKER_DOCUMENTED, answer
    if answer.status == 204:
        return
    kind = answer.headers["content-type"]
    if dialect:
        assert answer.headers["access-control-allow-origin"] == "*", answer
    if dialect and kind != "application/octet-stream":
        assert kind == "text/plain", answer
        assert answer.body or answer.status == 404, answer
        assert not answer.body or _LINE.fullmatch(answer.body.decode("ascii")), answer


def _check_json(answer: Answer) -> None:
    assert answer.body.isascii(), answer
    if answer.status >= 400:
        assert list(answer.json) == ["msg"], answer
        assert isinstance(answer.json["msg"], str), answer
        assert answer.json["msg"], answer
    else:
        assert isinstance(answer.json, dict | list), answer


def _read(data: bytes, asked_for_heads: bool) -> tuple[Answer, bytes]:
    head, end, rest = data.partition(b"\r\n\r\n")
    assert end, f"an answer without an end: {data!r}"
    first, *lines = head.split(b"\r\n")
    status = _STATUS_LINE.fullmatch(first)
    assert status is not None, f"no status line: {first!r}"
    headers: dict[str, str] = {}
    for line in lines:
        header = _HEADER.fullmatch(line)
        assert header is not None, f"no header: {line!r}"
        name = header[1].decode().lower()
        assert name not in headers, f"twice: {line!r}"
        headers[name] = header[2].decode()
    if status[1] == b"204":
        assert not {"content-length", "content-type"} & set(headers), headers
        return Answer(204, headers, b""), rest
    length = int(headers["content-length"])
    if asked_for_heads and (not rest or rest.startswith(b"HTTP/1.1 ")):
        length = 0
    assert len(rest) >= length, f"{length} bytes were told of: {rest!r}"
    return Answer(int(status[1]), headers, rest[:length]), rest[length:]
