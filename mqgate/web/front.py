"""Which door a path leads to: a dialect's, the probes', or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from twisted.internet.defer import Deferred

from mqgate.web.values import FAULT_STATUS, INSECURE, Asked, Dialect, Fault, Reply

#: How many first path segments are remembered with their doors, and the longest one that is.
#: Clients choose segments.
_SEGMENTS_REMEMBERED = 1000
_SEGMENT_REMEMBERED = 100
#: The longest body read for a path that nobody owns.
_BODY_LIMIT = 64 * 1024
#: Answered also while everything else is refused as BUSY: who asks wants to know whether to end us.
LIVENESS = b"/healthz"


class Room(Protocol):
    """What the HTTP room asks of the front; any object with these can stand behind a listener."""

    def answer(self, asked: Asked) -> Reply | Deferred[Reply]:
        """Do what is asked."""

    def refuse(self, path: bytes, fault: Fault) -> Reply:
        """The shape of a refusal for a path."""

    def body_limit(self, path: bytes) -> int:
        """The longest body for a path, in bytes."""

    def owner(self, path: bytes) -> str:
        """The name of who answers for a path."""


class Health(Protocol):
    """Knows whether the server can do its work."""

    def ready(self) -> str | None:
        """None if it can; else the reason, in a short sentence."""


def plain_text(status: int, text: str, *headers: tuple[bytes, bytes]) -> Reply:
    """An answer for people, in no dialect's shape."""
    return Reply(status, f"{text}\n".encode(), b"text/plain", headers)


def plain_refusal(fault: Fault) -> Reply:
    """A refusal in no dialect's shape."""
    return plain_text(FAULT_STATUS.get(fault.kind, 500), fault.reason)


class Front:
    """All doors of one listener. The first one that owns a path's first segment answers."""

    def __init__(
        self,
        dialects: Sequence[Dialect],
        health: Health,
        authority: Callable[[], bytes | None] = lambda: None,
    ) -> None:
        """``authority`` gives the certificate that clients are to trust, in PEM, or None."""
        own = (Probes(health), Authority(authority))
        self._doors: tuple[Dialect, ...] = (*own, *dialects, Nowhere())
        self._known: dict[bytes, Dialect] = {}

    def answer(self, asked: Asked) -> Reply | Deferred[Reply]:
        """Have the owner of the path do what is asked."""
        return self._door(asked.path).answer(asked)

    def refuse(self, path: bytes, fault: Fault) -> Reply:
        """A refusal in the shape of the path's owner."""
        return self._door(path).refuse(fault)

    def body_limit(self, path: bytes) -> int:
        """The longest body that the path's owner takes, in bytes."""
        return self._door(path).body_limit

    def owner(self, path: bytes) -> str:
        """The name of the path's owner."""
        return self._door(path).name

    def _door(self, path: bytes) -> Dialect:
        end = path.find(b"/", 1)
        segment = path[1:] if end < 0 else path[1:end]
        return self._known.get(segment) or self._find(segment)

    def _find(self, segment: bytes) -> Dialect:
        door = next(door for door in self._doors if door.owns(segment))
        if len(segment) <= _SEGMENT_REMEMBERED:
            if len(self._known) >= _SEGMENTS_REMEMBERED:
                # Dropping all of them costs one round of owns() for each that is in use.
                self._known.clear()
            self._known[segment] = door
        return door


class Probes:
    """``/healthz``: the process answers; ``/readyz``: it can do its work, or why it cannot."""

    name = "probes"
    body_limit = _BODY_LIMIT

    def __init__(self, health: Health) -> None:
        self._health = health

    def owns(self, segment: bytes) -> bool:
        """See `Dialect`."""
        return segment in (b"healthz", b"readyz")

    def answer(self, asked: Asked) -> Reply:
        """See `Dialect`."""
        if asked.path not in (LIVENESS, b"/readyz"):
            return plain_text(404, "Not found")
        if asked.method not in (b"GET", b"HEAD"):
            return plain_text(405, "Only GET and HEAD", (b"Allow", b"GET, HEAD"))
        if asked.path == LIVENESS:
            return plain_text(200, "ok")
        reason = self._health.ready()
        return plain_text(200, "ready") if reason is None else plain_text(503, reason)

    def refuse(self, fault: Fault) -> Reply:
        """See `Dialect`."""
        return plain_refusal(fault)


class Authority:
    """``/ca.crt``: the certificate that clients are to trust. It is public: all may have it."""

    name = "authority"
    body_limit = _BODY_LIMIT

    def __init__(self, certificate: Callable[[], bytes | None]) -> None:
        self._certificate = certificate

    def owns(self, segment: bytes) -> bool:
        """See `Dialect`."""
        return segment == b"ca.crt"

    def answer(self, asked: Asked) -> Reply:
        """See `Dialect`."""
        certificate = self._certificate()
        if asked.path != b"/ca.crt" or certificate is None:
            return plain_text(404, "Not found")
        if asked.method not in (b"GET", b"HEAD"):
            return plain_text(405, "Only GET and HEAD", (b"Allow", b"GET, HEAD"))
        return Reply(200, certificate, b"application/x-pem-file")

    def refuse(self, fault: Fault) -> Reply:
        """See `Dialect`."""
        return plain_refusal(fault)


class Barred:
    """A dialect that is spoken over TLS only, at a listener without: it turns everybody down."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.name = dialect.name
        self.body_limit = dialect.body_limit

    def owns(self, segment: bytes) -> bool:
        """See `Dialect`."""
        return self._dialect.owns(segment)

    def answer(self, asked: Asked) -> Reply:
        """See `Dialect`."""
        reason = "Only over HTTPS, unless a listener without TLS names this dialect."
        return self._dialect.refuse(Fault(INSECURE, reason))

    def refuse(self, fault: Fault) -> Reply:
        """See `Dialect`."""
        return self._dialect.refuse(fault)


class Nowhere:
    """Paths that nobody else owns."""

    name = "nowhere"
    body_limit = _BODY_LIMIT

    def owns(self, segment: bytes) -> bool:
        """See `Dialect`."""
        return True

    def answer(self, asked: Asked) -> Reply:
        """See `Dialect`."""
        return plain_text(404, "Not found")

    def refuse(self, fault: Fault) -> Reply:
        """See `Dialect`."""
        return plain_refusal(fault)
