"""How a request is signed: HMAC-SHA1 over the request as it is sent."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Iterable

#: Headers whose names begin so are signed, with their names.
SIGNED_PREFIX = b"x-mq-"


def signed_text(
    method: bytes,
    content_md5: bytes,
    content_type: bytes,
    date: bytes,
    more: Iterable[tuple[bytes, bytes]],
    target: bytes,
) -> bytes:
    """What is signed. A header that is not there is empty; ``target`` is path and query, raw.

    ``more`` are the headers that begin with `SIGNED_PREFIX`, their names in lower case.
    """
    return b"%b\n%b\n%b\n%b\n%b%b" % (
        method,
        content_md5,
        content_type,
        date,
        b"".join([b"%b:%b\n" % header for header in sorted(more)]),
        target,
    )


def signature(secret: bytes, text: bytes) -> bytes:
    """The signature of a text, as it stands in the header ``Authorization``."""
    return b64encode(hmac.digest(secret, text, "sha1"))
