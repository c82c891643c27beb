"""Request bodies, from bytes to what they are declared to be. Pure."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from mqgate.dialects.ironmq.refusal import malformed

T = TypeVar("T")


def decoded(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """A request body, read. Raises `Refused`."""
    if not body:
        raise malformed("A JSON document is required as the request body")
    try:
        if not body.isascii():
            body.decode()  # msgspec does not look into what it skips
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise malformed(str(error)) from None
    except msgspec.DecodeError as error:
        if "truncated" in str(error):  # it says so of "\ud800" as well
            raise malformed("Invalid JSON: it ends too early, or has half a \\u pair") from None
        raise malformed(f"Invalid JSON: {error}") from None
    except UnicodeDecodeError:
        raise malformed("Invalid JSON: a string is not UTF-8") from None
    except RecursionError:
        raise malformed("Invalid JSON: nested too deeply") from None
