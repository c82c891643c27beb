"""What hostile clients send: strategies for hypothesis, and tables of what must be refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

#: Bodies that are granted, by the path below the queue that takes them.
VALID: dict[str, Any] = {
    "/messages": {"messages": [{"body": "x", "timeout": 60, "delay": 0, "expires_in": 600}]},
    "/messages/{id}/release": {"delay": 60},
    "": {"push_type": "pull", "subscribers": [], "error_queue": "", "retries": None},
}

#: Stands where something hostile is to be put.
_MARK = "here"

#: JSON values, and what is nearly that, as they stand in a body.
_HOSTILE_VALUES = [
    b"null", b"true", b"-0", b"-1", b"1.0", b"1e3", b"1e999", b"-1e-999", b"0.1", b"01", b"+1",
    b"9" * 19, b"9" * 400, b"9" * 5000, b"18446744073709551616", b"1" + b"0" * 300 + b".5",
    b"NaN", b"Infinity", b"undefined", b"'x'", b"0x10", b"1_000", b"", b",", b"{", b"[", b'"',
    b"{}", b"[]", b"[[]]", b'{"":""}', b'{"a":1,"a":2}', b"[1,]", b'{"a":1,}', b"/**/1", b"1 2",
    b'""', b'"\\u0000"', b'"\0"', b'"\x01"', b'"\n"', b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\x"',
    b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\xe2\x82"', b'"\\u12"',
    b"\xef\xbb\xbf1", b"\xff\xfe", b"\0", b"[" * 100_000, b'{"a":' * 50_000,
    b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    b'"' + b"\\u00e9" * 40_000 + b'"', b'"' + b"a" * 300_000 + b'"', b"[" + b"0," * 90_000 + b"0]",
]  # fmt: skip

#: Two readers of one of these could disagree about where it ends. What comes after the first
#: line of a post, up to and with its body; ``{smuggled}`` is a request that must not be seen.
SMUGGLING: dict[str, bytes] = {
    "length and chunks": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"0\r\n\r\n{smuggled}",
    "chunks and length": b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"
    + b"0\r\n\r\n{smuggled}",
    "two lengths": b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n{smuggled}",
    "a list of lengths": b"Content-Length: 0, 5\r\n\r\n{smuggled}",
    "a signed length": b"Content-Length: +0\r\n\r\n{smuggled}",
    "a length in hexadecimal": b"Content-Length: 0x0\r\n\r\n{smuggled}",
    "a blank in a length": b"Content-Length: 1 0\r\n\r\n{smuggled}",
    "a length in other digits": b"Content-Length: \xd9\xa0\r\n\r\n{smuggled}",
    "a blank before the colon": b"Content-Length : 0\r\n\r\n{smuggled}",
    "a folded length": b"Content-Length:\r\n 0\r\n\r\n{smuggled}",
    "a folded coding": b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n{smuggled}",
    "a folded header": b"X: a\r\n\tTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}",
    "another coding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{smuggled}",
    "two codings": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{smuggled}",
    "codings apart": b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"0\r\n\r\n{smuggled}",
    "a quoted coding": b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n{smuggled}',
    "a vertical tab": b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n{smuggled}",
    "a bare LF": b"X: a\nContent-Length: 0\r\n\r\n{smuggled}",
    "a bare CR": b"X: a\rContent-Length: 0\r\n\r\n{smuggled}",
    "bare LFs at the end": b"Content-Length: 0\n\n{smuggled}",
    "NUL": b"X: a\0\r\nContent-Length: 0\r\n\r\n{smuggled}",
    "a header without a name": b": a\r\nContent-Length: 0\r\n\r\n{smuggled}",
    "a chunk in LF": b"Transfer-Encoding: chunked\r\n\r\n1\nx\n0\n\n{smuggled}",
    "a chunk that is longer": b"Transfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n0\r\n\r\n{smuggled}",
    "a chunk of many digits": b"Transfer-Encoding: chunked\r\n\r\n"
    + b"0" * 17 + b"\r\n\r\n{smuggled}",
    "a negative chunk": b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n{smuggled}",
    "a chunk with a prefix": b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n{smuggled}",
    "a chunk behind a blank": b"Transfer-Encoding: chunked\r\n\r\n 0\r\n\r\n{smuggled}",
    "an extension with LF": b"Transfer-Encoding: chunked\r\n\r\n0;a\n{smuggled}",
    "a trailer with LF": b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: a\n\r\n{smuggled}",
}  # fmt: skip


def hostile_bodies(valid: object) -> SearchStrategy[bytes]:
    """A valid body with something hostile in one of its places, or instead of it."""
    places = list(_places(valid))
    return st.builds(
        lambda place, value: place(value),
        st.sampled_from(places),
        st.one_of(st.sampled_from(_HOSTILE_VALUES), _JSON.map(_as_json), st.binary(max_size=30)),
    )


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def _as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def _places(value: Any) -> Iterator[Callable[[bytes], bytes]]:
    """For every place of a value, a function that puts something there and writes it all."""
    yield _itself
    if isinstance(value, dict):
        yield partial(_with_more, value)
    for key in _keys(value):
        for place in _places(value[key]):
            yield partial(_with, value, key, place)


def _keys(value: Any) -> Sequence[Any]:
    if isinstance(value, dict):
        return list(value)
    return range(len(value)) if isinstance(value, list) else ()


def _itself(hostile: bytes) -> bytes:
    return hostile


def _with_more(value: Any, hostile: bytes) -> bytes:
    """Under a key that nobody knows."""
    return _as_json({**value, "more": _MARK}).replace(_as_json(_MARK), hostile)


def _with(value: Any, key: Any, place: Callable[[bytes], bytes], hostile: bytes) -> bytes:
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[key] = _MARK
    return _as_json(changed).replace(_as_json(_MARK), place(hostile))


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """These bytes with some of them flipped, cut, doubled, moved, or others put between."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(1, 20))
        part = bytes(data[at : at + length])
        match draw(st.sampled_from(["flip", "cut", "double", "move", "insert", "line"])):
            case "flip" if part:
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del data[at : at + length]
            case "double":
                data[at:at] = part * draw(st.integers(1, 5))
            case "move":
                del data[at : at + length]
                to = draw(st.integers(0, len(data)))
                data[to:to] = part
            case "line":
                _double_line(data, at)
            case _:
                data[at:at] = draw(st.sampled_from(_INSERTED) | st.binary(max_size=8))
    return bytes(data)


_INSERTED = [
    b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\n\n", b"\0", b" ", b"\t", b"\r\n ", b":", b"%00", b"%2f",
    b"%", b"\xff", b"//", b"/../", b"?", b"&", b"#", b"Content-Length: 3\r\n", b"HEAD ",
    b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n", b"Connection: close\r\n",
    b"0\r\n\r\n", b"HTTP/1.0", b"HTTP/2.0", b"wait=30&", b"n=" + b"9" * 40 + b"&",
    b"A" * 70_000,
]  # fmt: skip


def _double_line(data: bytearray, at: int) -> None:
    """Double the line that a place is in: a header given twice."""
    start, end = data.rfind(b"\r\n", 0, at), data.find(b"\r\n", at)
    if 0 <= start < end:
        data[end:end] = data[start:end]


@st.composite
def in_pieces(draw: st.DrawFn, data: bytes) -> Sequence[bytes]:
    """These bytes as a network may deliver them."""
    cuts = draw(st.lists(st.integers(0, len(data)), max_size=4)) if len(data) < 100_000 else []
    edges = [0, *sorted(cuts), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@st.composite
def chunked(draw: st.DrawFn, body: bytes) -> bytes:
    """A body in chunks of odd but allowed kinds."""
    out = bytearray()
    while body:
        size = draw(st.integers(1, len(body)))
        digits = (b"%x" if draw(st.booleans()) else b"%X") % size
        out += b"0" * draw(st.integers(0, 10)) + digits
        out += draw(st.sampled_from([b"", b" ", b"\t", b";a", b';a="b"', b" ;a=b;c"])) + b"\r\n"
        out += body[:size] + b"\r\n"
        body = body[size:]
    out += b"0" * draw(st.integers(1, 16)) + b"\r\n"
    for _ in range(draw(st.integers(0, 2))):
        out += draw(st.sampled_from([b"X: y", b"Content-Length: 3", b"Host: other"])) + b"\r\n"
    return bytes(out) + b"\r\n"
