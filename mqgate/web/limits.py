"""How long and how large a request may be, and what is done with one that is not."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class HTTPLimits:
    """Limits of the HTTP room. Sizes in bytes, times in seconds.

    Times are watched by one sweep a second, so each may be passed by up to a second.
    """

    #: Request line and headers together. AMQP headers of 48 KiB have to pass.
    head_bytes: int = 64 * 1024
    #: Header fields in one request.
    header_count: int = 500
    #: How far beyond its dialect's limit a body is still read (and thrown away) before it is
    #: turned down, so that the connection stays usable. Beyond that, the answer is at once and the
    #: last one.
    discard_bytes: int = 4 * 1024 * 1024
    #: What a client may send ahead while an earlier request of its connection is being answered.
    ahead_bytes: int = 64 * 1024
    #: From a request's first byte to the end of its headers.
    head_seconds: float = 10.0
    #: From a request's first byte to its last.
    request_seconds: float = 60.0
    #: How long a connection may stay open without a request.
    idle_seconds: float = 75.0
    #: How long a client may leave its answer unread, without taking a single byte.
    answer_seconds: float = 60.0
    #: After an early refusal, what is still read (and thrown away), so that a client in the middle
    #: of its request finds the answer rather than a reset connection.
    linger_bytes: int = 4 * 1024 * 1024
    linger_seconds: float = 5.0
