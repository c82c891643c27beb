"""``sign``: a signed request for the RocketMQ dialect, ready for curl."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from email.utils import formatdate

import attrs

from mqgate.dialects.rocketmq.settings import Key, Namespace
from mqgate.dialects.rocketmq.signature import signature, signed_text
from mqgate.dialects.rocketmq.target import read_query
from mqgate.operator.call import Call
from mqgate.operator.configuration import UNSET
from mqgate.operator.errors import CommandError

_DIALECT = "rocketmq"
_CONTENT_TYPE = "text/xml;charset=utf-8"
_VERSION = ("x-mq-version", "2015-06-06")


@attrs.frozen
class Request:
    """What is to be sent."""

    method: str
    #: Path and query, as they go over the wire.
    target: str
    #: Curl's option for the body, and its value; None for no body.
    data: tuple[str, str] | None


def sign(call: Call) -> int:
    """Write a signed request down, for ``curl -K -``, or as a command line of curl's."""
    arguments = call.arguments
    request = Request(arguments.method, arguments.path, _data(arguments.body, arguments.body_file))
    if not request.target.startswith("/") or not _is_plain(request.target):
        raise CommandError(f"{request.target!r} is no path: write it encoded, from its first slash")
    headers = list(_headers(request, _key(call, request), call.times.wall()))
    if arguments.url is None:
        call.console.say("".join(f"{line}\n" for line in _curl_configuration(request, headers)))
    else:
        call.console.say(f"{_curl_line(request, headers, arguments.url)}\n")
    return 0


def _data(text: str | None, path: str | None) -> tuple[str, str] | None:
    if path is not None:
        if not os.path.isfile(path):
            raise CommandError(f"{path}: there is no such file")
        return "data-binary", f"@{os.path.abspath(path)}"
    return None if text is None else ("data-raw", text)


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _key(call: Call, request: Request) -> Key:
    """The key that was named, or the first one that opens the request's instance."""
    instance = read_query(request.target.partition("?")[2].encode()).instance
    named: str | None = call.arguments.key
    sections = [
        section
        for namespace in call.configuration.namespaces
        if isinstance(section := namespace.sections.get(_DIALECT), Namespace)
    ]
    keys = [
        key
        for section in sections
        for key in section.keys
        if (instance in section.instances if named is None else key.id == named)
    ]
    if not keys:
        wanted = f"opens the instance {instance!r}" if named is None else f"has the id {named!r}"
        raise CommandError(f"no key of [namespaces.*.{_DIALECT}] {wanted}")
    if keys[0].secret.startswith(UNSET):
        variable = keys[0].secret.removeprefix(UNSET)
        raise CommandError(f"the secret of {keys[0].id} is in the variable {variable}: set it")
    return keys[0]


def _headers(request: Request, key: Key, now: float) -> Iterator[tuple[str, str]]:
    date = formatdate(now, usegmt=True)
    kind = "" if request.data is None else _CONTENT_TYPE
    text = signed_text(
        request.method.encode(),
        b"",
        kind.encode(),
        date.encode(),
        [(_VERSION[0].encode(), _VERSION[1].encode())],
        request.target.encode(),
    )
    signed = signature(key.secret.encode(), text).decode("ascii")
    yield "Date", date
    yield _VERSION
    if kind:
        yield "Content-Type", kind
    yield "Authorization", f"MQ {key.id}:{signed}"


def _curl_configuration(request: Request, headers: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Options as curl reads them from a file."""
    yield f"request = {_quoted(request.method)}"
    for name, value in headers:
        yield f"header = {_quoted(f'{name}: {value}')}"
    if request.data is not None:
        option, value = request.data
        yield f"{option} = {_quoted(value)}"


def _quoted(text: str) -> str:
    for character, escaped in (("\\", r"\\"), ('"', r"\""), ("\n", r"\n"), ("\r", r"\r")):
        text = text.replace(character, escaped)
    return f'"{text}"'


def _curl_line(request: Request, headers: Sequence[tuple[str, str]], url: str) -> str:
    words = ["curl", "-X", request.method]
    for name, value in headers:
        words += ["-H", f"{name}: {value}"]
    if request.data is not None:
        option, value = request.data
        words += [f"--{option}", value]
    return shlex.join([*words, url.rstrip("/") + request.target])
