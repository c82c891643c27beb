"""The dialect's replies, each with the headers that let the scripts of web pages read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mqgate.dialects.robomq import wire
from mqgate.engine.values import Taken
from mqgate.web.values import Reply

#: What a browser may show to a script beside the usual headers.
_EXPOSED = b"X-AMQP-Envelop, X-AMQP-Properties"
#: What a browser may have a script send beside the usual headers.
_ALLOWED = (b"Authorization", b"Content-Type", b"X-AMQP-Properties")
#: All that anybody can ask, but for that very question.
METHODS = b"GET, POST"
_PLAIN = b"text/plain"
_NO_STORE = (b"Cache-Control", b"no-store")

_Headers = tuple[tuple[bytes, bytes], ...]


class Replies:
    """Makes them; some, once for all."""

    def __init__(self, allow_origin: str, token_headers: Sequence[bytes]) -> None:
        self._always: _Headers = ()
        if allow_origin:
            self._always = (
                (b"Access-Control-Allow-Origin", allow_origin.encode()),
                (b"Access-Control-Expose-Headers", _EXPOSED),
            )
        #: What GET answers on an empty queue.
        self.empty = Reply(204, headers=(*self._always, _NO_STORE))
        #: What POST answers.
        self.published = self.said(200, "OK")
        #: What OPTIONS answers, by which a browser asks before it lets a script ask.
        self.preflight = Reply(204, headers=self._preflight(token_headers))

    def said(self, status: int, text: str, headers: _Headers = ()) -> Reply:
        """A reply that is one line of text."""
        line = wire.one_line(text)
        kind = _PLAIN if line.isascii() else _PLAIN + b"; charset=utf-8"
        return Reply(status, line.encode(), kind, (*headers, *self._always))

    def message(self, taken: Taken, queue: str, unsent: Callable[[], object]) -> Reply:
        """A message that was taken; ``unsent`` is called if nobody gets it."""
        message = taken.message
        kept = wire.unpack(message.props, queue)
        envelop = wire.envelop(kept, redelivered=taken.redelivered, left=taken.left)
        headers = (
            (b"X-AMQP-Envelop", envelop),
            (b"X-AMQP-Properties", kept.properties),
            *self._always,
            _NO_STORE,
        )
        return Reply(200, message.body, kept.content_type, headers, unsent)

    def _preflight(self, token_headers: Sequence[bytes]) -> _Headers:
        if not self._always:
            return ((b"Allow", METHODS),)
        return (
            *self._always,
            (b"Access-Control-Allow-Methods", METHODS),
            (b"Access-Control-Allow-Headers", b", ".join((*_ALLOWED, *token_headers))),
        )
