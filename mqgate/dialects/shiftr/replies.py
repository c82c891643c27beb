"""The dialect's replies, each with the header that lets the scripts of web pages read it."""

from __future__ import annotations

from mqgate.web.values import Reply

#: All that anybody can ask, but for that very question.
METHODS = b"GET, POST"
#: What a browser may have a script send beside the usual headers.
_ALLOWED = b"Authorization, Content-Type"
_NO_STORE = (b"Cache-Control", b"no-store")

_Headers = tuple[tuple[bytes, bytes], ...]


class Replies:
    """Makes them; some, once for all."""

    def __init__(self, allow_origin: str) -> None:
        self._always: _Headers = ()
        asking: _Headers = ((b"Allow", METHODS),)
        if allow_origin:
            self._always = ((b"Access-Control-Allow-Origin", allow_origin.encode()),)
            asking = (
                *self._always,
                (b"Access-Control-Allow-Methods", METHODS),
                (b"Access-Control-Allow-Headers", _ALLOWED),
            )
        self._with_value = (*self._always, _NO_STORE)
        #: What OPTIONS answers, by which a browser asks before it lets a script ask.
        self.preflight = Reply(204, headers=asking)
        #: What POST answers.
        self.published = self.said(200, "OK")
        #: What GET answers where nothing was published: no byte, so that a script that shows the
        #: answer shows nothing.
        self.nothing = Reply(404, b"", b"text/plain", self._with_value)

    def said(self, status: int, text: str, headers: _Headers = ()) -> Reply:
        """A reply that is one line of text."""
        return Reply(status, text.encode(), b"text/plain", (*headers, *self._always))

    def value(self, payload: bytes) -> Reply:
        """A payload, as it was published."""
        return Reply(200, payload, b"application/octet-stream", self._with_value)
