"""The bytes of an answer."""

from __future__ import annotations

from twisted.web.http import NO_BODY_CODES, RESPONSES

from mqgate.web.values import Reply

_status_lines: dict[int, bytes] = {
    code: b"HTTP/1.1 %d %s\r\n" % (code, reason) for code, reason in RESPONSES.items()
}


def answer_bytes(reply: Reply, date: bytes, *, closing: bool, head_only: bool) -> bytes:
    """A whole answer: status line, headers and body, names of headers as the reply spells them.

    ``date`` is the value of its Date header; ``head_only`` is for answers to HEAD.
    """
    status = reply.status
    body = reply.body
    more = _more_headers(reply.headers) if reply.headers else b""
    if status in NO_BODY_CODES:
        more += b"Connection: close\r\n" if closing else b""
        return b"%bDate: %b\r\n%b\r\n" % (_status_lines[status], date, more)
    more += b"Content-Length: %d\r\n" % len(body)
    if head_only:
        body = b""
    if closing:
        more += b"Connection: close\r\n"
    return b"%bDate: %b\r\nContent-Type: %b\r\n%b\r\n%b" % (
        _status_lines.get(status) or b"HTTP/1.1 %d Unknown\r\n" % status,
        date,
        reply.content_type,
        more,
        body,
    )


def _more_headers(headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """Header lines. A line break inside one, where a client's text got in, becomes a space."""
    lines = b"".join([b"%b: %b\r\n" % header for header in headers])
    if lines.count(b"\n") == len(headers) == lines.count(b"\r"):
        return lines
    return b"".join([b"%b: %b\r\n" % tuple(map(_one_line, header)) for header in headers])


def _one_line(text: bytes) -> bytes:
    return text.replace(b"\r\n", b" ").replace(b"\r", b" ").replace(b"\n", b" ")
