"""The URLs of subscribers: which there are, and what each means. Pure functions."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias
from urllib.parse import SplitResult, quote, unquote, urlsplit

import attrs
from hyperlink import EncodedURL

from mqgate.engine.names import is_hidden

#: No URL that a receiver has is longer.
LONGEST = 4096
#: Nor has a host's name more characters.
LONGEST_HOST = 253
#: What is shown in place of a secret.
HIDDEN = "***"


class BadAddress(ValueError):
    """A URL that no message can be pushed to. The text says why, and quotes no secret."""


@attrs.frozen
class Web:
    """``http:`` and ``https:``: a receiver anywhere."""

    #: As it is asked for: ASCII, without credentials and fragment.
    url: str
    #: Scheme, host and port.
    lane: str
    #: ``user:password``, if the URL has them.
    credentials: str | None = attrs.field(default=None, repr=False)


@attrs.frozen
class Here:
    """``ironmq:`` without a host: a queue of this server."""

    queue: str
    #: None stands for the project of the queue that pushes.
    project: str | None = None
    token: str = attrs.field(default="", repr=False)
    #: Pushes to queues here are one lane: they take no connection.
    lane: str = "ironmq:"


@attrs.frozen
class Elsewhere:
    """``ironmq:`` with a host: a queue of another server."""

    #: Where messages are posted to.
    url: str
    lane: str
    token: str = attrs.field(repr=False)


@attrs.frozen
class Worker:
    """``ironworker:``: a service that does not exist here."""

    lane: str = "ironworker:"


Address: TypeAlias = Web | Here | Elsewhere | Worker


@lru_cache(maxsize=1024)
def parse(url: str) -> Address:
    """What a subscriber's URL means. Raises `BadAddress`."""
    if len(url) > LONGEST:
        raise BadAddress(f"a url is longer than {LONGEST} characters")
    if not url.isprintable() or " " in url or "\\" in url:
        raise BadAddress("a url has blanks, backslashes or characters that cannot be printed")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadAddress("a url cannot be read") from None
    match parts.scheme:
        case "http" | "https":
            return _web(parts, port)
        case "ironmq":
            return _queue(parts, port)
        case "ironworker":
            return Worker()
    raise BadAddress("the url of a subscriber begins with http, https, ironmq or ironworker")


def shown(url: str) -> str:
    """The URL as it may be told to anybody: without its token or password."""
    parts = urlsplit(url)
    credentials, _, place = parts.netloc.rpartition("@")
    user, colon, _ = credentials.partition(":")
    return parts._replace(netloc=f"{user}:{HIDDEN}@{place}").geturl() if colon else url


def _web(parts: SplitResult, port: int | None) -> Web:
    host = _host(parts)
    number = port if port is not None else 443 if parts.scheme == "https" else 80
    place = f"{host}:{number}" if port is not None else host
    credentials = parts.netloc.rpartition("@")[0]
    try:
        # The host is ASCII already, and an IPv6 address would be too much for this.
        asked = parts._replace(netloc="host", fragment="", path=parts.path or "/").geturl()
        encoded = EncodedURL.from_text(asked).to_uri().to_text()
        url = urlsplit(encoded)._replace(netloc=place).geturl()
        url.encode("ascii")
    except ValueError:
        raise BadAddress("a url cannot be read") from None
    return Web(url, f"{parts.scheme}://{host}:{number}", unquote(credentials) or None)


def _queue(parts: SplitResult, port: int | None) -> Here | Elsewhere:
    queue = _queue_name(parts.path)
    credentials, at, place = parts.netloc.rpartition("@")
    project, _, token = credentials.partition(":")
    project, token = unquote(project), unquote(token)
    if not parts.netloc:
        return Here(queue)
    if not (at and project and token and token.isascii() and token.isprintable()):
        raise BadAddress("the url of another project's queue needs project:token@")
    if not place:
        return Here(queue, project, token)
    host = _host(parts)
    number = 443 if port is None else port
    path = f"/1/projects/{quote(project, safe='')}/queues/{quote(queue, safe='')}/messages"
    return Elsewhere(f"https://{host}:{number}{path}", f"https://{host}:{number}", token)


def _queue_name(path: str) -> str:
    """The name of the queue that the path of an ``ironmq:`` URL is."""
    name = path.removeprefix("/")
    if "/" in name:
        raise BadAddress("the path of an ironmq url is the name of a queue, a slash in it is %2F")
    try:
        name = unquote(name, errors="strict")
    except UnicodeDecodeError:
        raise BadAddress("the queue's name in an ironmq url is not UTF-8") from None
    if not name or "\0" in name or is_hidden(name):
        raise BadAddress("the path of an ironmq url is the name of a queue")
    return name


def _host(parts: SplitResult) -> str:
    """The host as it is asked for, in brackets if it is an IPv6 address."""
    host = parts.hostname
    if not host or "%" in host:
        raise BadAddress("a url has no host")
    if ":" in host:
        return f"[{host}]"
    try:
        name = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        raise BadAddress("the host of a url is no name") from None
    if len(name) > LONGEST_HOST:
        raise BadAddress("the host of a url is too long for a name")
    return name
