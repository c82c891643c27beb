"""What stands behind the listener for metrics."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from mqgate.metrics.exposition import CONTENT_TYPE
from mqgate.web.front import plain_refusal, plain_text
from mqgate.web.values import Asked, Fault, Reply


class MetricsRoom:
    """Answers ``GET /metrics`` and nothing else; a `mqgate.web.front.Room`."""

    def __init__(self, text: Callable[[], Deferred[bytes]]) -> None:
        self._text = text

    def answer(self, asked: Asked) -> Reply | Deferred[Reply]:
        """Show all figures."""
        if asked.path != b"/metrics":
            return plain_text(404, "Not found")
        if asked.method not in (b"GET", b"HEAD"):
            return plain_text(405, "Only GET and HEAD", (b"Allow", b"GET, HEAD"))
        return self._text().addCallback(lambda text: Reply(200, text, CONTENT_TYPE))

    def refuse(self, path: bytes, fault: Fault) -> Reply:
        """See `Room`."""
        return plain_refusal(fault)

    def body_limit(self, path: bytes) -> int:
        """See `Room`."""
        return 0

    def owner(self, path: bytes) -> str:
        """See `Room`."""
        return "metrics"
