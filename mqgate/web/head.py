"""The head of a request: from the bytes before the empty line to a value.

`HTTPChannel`'s own parser is not used. It takes a head apart line by line, through three methods
and two canonical spellings for each header, and what it cannot read it answers itself, without a
body. A post with four headers costs 14 µs under it, with everything else trimmed away. Here, where
a few calls into C go over the whole head, it costs 8 µs, and 3.5 µs if the client repeats itself
(constant answer, no network). This parser is also stricter: whatever two readers of one request
could understand differently (RFC 9112, section 11) is turned down.
"""

from __future__ import annotations

import re
from functools import lru_cache

import attrs

from mqgate.web.refusal import head_too_large, malformed, too_large

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
#: A method; the longest that is registered has 17 letters.
_METHOD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}")
#: The beginning of a request line.
_METHOD_BEGUN = re.compile(rb"%b(?: |\Z)" % _METHOD.pattern)
#: All that may stand in a request target: anything printable. Bytes beyond ASCII are let through,
#: as most servers do; what they mean is for the dialect to say.
_TARGET = bytes([*range(0x21, 0x7F), *range(0x80, 0x100)])
_ABSOLUTE = re.compile(rb"https?://[^/?#]+(?=[/?]|\Z)", re.IGNORECASE)
_BARE_LF = re.compile(rb"(?<!\r)\n")
#: More digits than any length that could be meant; beyond them, int() itself would object.
_LENGTH_DIGITS = 18

#: The longest name of a header that is remembered. Clients choose names.
_NAME_REMEMBERED = 50
#: The longest head that is remembered.
_REMEMBERED = 1024

#: Values in their order, by lower-case name. Not to be changed: one may serve many requests.
Fields = dict[bytes, tuple[bytes, ...]]


@attrs.define(eq=False)
class Head:
    """Request line and headers, understood."""

    method: bytes
    #: Path and query as they were sent; absolute ones (``GET http://host/path``) have lost their
    #: host.
    target: bytes
    path: bytes
    query: bytes
    fields: Fields
    #: The body's length in bytes; None if it comes in chunks.
    length: int | None
    #: Whether this is the last request of its connection.
    last: bool
    #: Whether the client holds its body back until it is told to go on.
    expects_continue: bool


def read_head(head: bytes, header_count: int) -> Head:
    """Take apart everything before the empty line that ends the headers.

    Raises Refusal.
    """
    return (
        _remembered(head, header_count) if len(head) <= _REMEMBERED else _read(head, header_count)
    )


def _read(head: bytes, header_count: int) -> Head:
    lines = head.split(b"\r\n")
    breaks = len(lines) - 1
    if head.count(b"\n") != breaks or head.count(b"\r") != breaks:
        raise malformed("A line of the head ends in a bare CR or LF.")
    if breaks > header_count:
        raise head_too_large(f"More than {header_count} headers.")
    method, target, version = _request_line(lines[0])
    if b"\0" in head:
        raise malformed("NUL in a header.")
    target = _without_host(target)
    path, _, query = target.partition(b"?")
    fields = _fields(lines)
    return Head(
        method,
        target,
        path,
        query,
        fields,
        _body_length(fields, version),
        version == b"HTTP/1.0" or (b"connection" in fields and _closes(fields[b"connection"])),
        b"expect" in fields and _expects_continue(fields[b"expect"], version),
    )


#: Clients repeat themselves: a post like the last one, the same poll again.
_remembered = lru_cache(maxsize=250)(_read)


def check_request_line(beginning: bytes, searched: int) -> bool:
    """Refuse early what can no longer become a request line, so that its sender need not wait.

    To be asked anew for each piece, until it says that the line has come whole. Its end is looked
    for only from ``searched`` on, so that the cost of a piece does not grow with what came before.
    """
    end = beginning.find(b"\r\n", searched)
    if end >= 0:
        _without_host(_request_line(beginning[:end])[1])
        return True
    if not _METHOD_BEGUN.match(beginning):
        raise malformed("This is not HTTP.")
    return False


def check_line_ends(beginning: bytes, searched: int) -> None:
    """Refuse early, from ``searched`` on, a line that ends otherwise than in CR LF."""
    if _BARE_LF.search(beginning, searched):
        raise malformed("A line of the head ends in a bare LF.")


def likely_path(head: bytes) -> bytes:
    """The path of a head that could not be read, as well as it can be told; else ``/``.

    Good enough to find the dialect in whose shape the refusal should be.
    """
    words = head.partition(b"\r\n")[0].split(b" ", 2)
    if len(words) < 2:
        return b"/"
    target = words[1]
    absolute = _ABSOLUTE.match(target)
    if absolute is not None:
        target = target[absolute.end() :]
    return target.partition(b"?")[0] if target.startswith(b"/") else b"/"


def _request_line(line: bytes) -> tuple[bytes, bytes, bytes]:
    words = line.split(b" ")
    if len(words) != 3:
        raise malformed("The request line is not a method, a target and a version.")
    method, target, version = words
    if not _METHOD.fullmatch(method):
        raise malformed("The method is not a token, or too long for one.")
    if not target or target.translate(None, _TARGET):
        raise malformed("The request target has characters that must be encoded.")
    if version != b"HTTP/1.1" and version != b"HTTP/1.0":
        raise malformed("The version is neither HTTP/1.1 nor HTTP/1.0.")
    return method, target, version


def _without_host(target: bytes) -> bytes:
    """Path and query, of any form that a request for a resource of ours can have."""
    if not target.startswith(b"/") and target != b"*":
        absolute = _ABSOLUTE.match(target)
        if absolute is None:
            raise malformed("The request target is neither a path nor a URL.")
        target = target[absolute.end() :]
        if not target.startswith(b"/"):
            target = b"/" + target
    return target


def _fields(lines: list[bytes]) -> Fields:
    """Headers by lower-case name. The first line, the request line, is skipped."""
    fields: Fields = {}
    rest = iter(lines)
    next(rest)
    for line in rest:
        spelling, colon, value = line.partition(b":")
        short = len(spelling) <= _NAME_REMEMBERED
        name = _remembered_name(spelling) if short else _lower_name(spelling)
        if not colon:
            raise malformed("A header has no colon.")
        if name in fields:
            fields[name] += (value.strip(b" \t"),)
        else:
            fields[name] = (value.strip(b" \t"),)
    return fields


def _lower_name(spelling: bytes) -> bytes:
    if spelling[:1] in (b" ", b"\t"):
        raise malformed("A header is folded over more than one line.")
    if not _TOKEN.fullmatch(spelling):
        raise malformed("The name of a header is not a token.")
    return spelling.lower()


_remembered_name = lru_cache(maxsize=500)(_lower_name)


def _body_length(fields: Fields, version: bytes) -> int | None:
    lengths = fields.get(b"content-length")
    if b"transfer-encoding" in fields:
        if lengths is not None:
            raise malformed("Both Content-Length and Transfer-Encoding are given.")
        _check_chunked(fields[b"transfer-encoding"], version)
        return None
    if lengths is None:
        return 0
    if len(lengths) > 1:
        raise malformed("Content-Length is given more than once.")
    digits = lengths[0]
    if not digits.isdigit():
        raise malformed("Content-Length is not a number.")
    if len(digits) > _LENGTH_DIGITS:
        raise too_large("Content-Length is beyond any body.")
    return int(digits)


def _check_chunked(codings: tuple[bytes, ...], version: bytes) -> None:
    if version != b"HTTP/1.1":
        raise malformed("Transfer-Encoding is not part of HTTP/1.0.")
    if [coding.lower() for coding in codings] != [b"chunked"]:
        raise malformed("The only Transfer-Encoding taken is chunked.")


def _closes(values: tuple[bytes, ...]) -> bool:
    options = b",".join(values).lower().split(b",")
    return any(option.strip(b" \t") == b"close" for option in options)


def _expects_continue(values: tuple[bytes, ...], version: bytes) -> bool:
    return version == b"HTTP/1.1" and values[-1].lower() == b"100-continue"
