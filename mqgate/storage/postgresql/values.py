"""Values as PostgreSQL takes them: numbers and text as text, bytes as they are."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

#: How a value is written.
TEXT = 0
BINARY = 1

#: PostgreSQL's numbers of the types that stand in arrays.
_BYTEA = 17
_STRING = 25


def encoded(values: Sequence[Any]) -> tuple[list[bytes | None], list[int]]:
    """Each value, and how it is written. A list or tuple is an array of one type."""
    written: list[bytes | None] = []
    formats: list[int] = []
    for value in values:
        kind = type(value)
        if kind is bytes:
            written.append(value)
            formats.append(BINARY)
            continue
        format_ = TEXT
        if kind is int:
            value = b"%d" % value
        elif kind is str:
            value = value.encode()
        elif kind is list or kind is tuple:
            value, format_ = _array(value)
        elif value is not None:
            raise TypeError(f"no value for a statement: {value!r}")
        written.append(value)
        formats.append(format_)
    return written, formats


def _array(values: Sequence[Any]) -> tuple[bytes, int]:
    first = next((each for each in values if each is not None), None)
    if isinstance(first, str):
        return _binary(_STRING, [None if each is None else each.encode() for each in values])
    if isinstance(first, bytes):
        return _binary(_BYTEA, values)
    text = str(list(values))[1:-1]
    if first is None or None in values:
        text = text.replace("None", "NULL")
    return b"{%s}" % text.encode(), TEXT


def _binary(kind: int, values: Sequence[bytes | None]) -> tuple[bytes, int]:
    pieces = [struct.pack("!5i", 1, None in values, kind, len(values), 1)]
    for value in values:
        if value is None:
            pieces.append(b"\xff\xff\xff\xff")
        else:
            pieces.append(len(value).to_bytes(4, "big"))
            pieces.append(value)
    return b"".join(pieces), BINARY
