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
    #: What a client may send ahead while an earlier request of its connection is being answered:
    #: one whole request of the longest (256 KiB, and its head) of a dialect whose requests wait.
    ahead_bytes: int = 384 * 1024
    #: From a request's first byte to the end of its headers; over TLS, also from the connection's
    #: beginning to the end of its handshake.
    head_seconds: float = 10.0
    #: From a request's first byte to its last.
    request_seconds: float = 60.0
    #: How long a connection may stay open without a request.
    idle_seconds: float = 75.0
    #: How long a client may leave its answer unread, without taking a single byte.
    answer_seconds: float = 60.0
    #: Bytes a second, on average, that a client has to take of what waits for it. It is held to
    #: that from ``answer_seconds`` on.
    answer_rate: int = 1024
    #: What may wait in memory, for all clients of a listener together, until they take it. Beyond
    #: that, requests are refused as BUSY, so that no further answers are made.
    unsent_bytes: int = 256 * 1024 * 1024
    #: Behind the last answer of a connection, what is still read (and thrown away), and for how
    #: long once all of the answer has gone out. A connection that is closed with bytes unread is
    #: reset, which takes away from the client what it has not read yet.
    linger_bytes: int = 4 * 1024 * 1024
    linger_seconds: float = 5.0
    #: The same while the server is stopping.
    drain_linger_seconds: float = 1.0
    #: Open connections of a listener; one more is dropped as soon as it is made.
    connections: int = 10_000
