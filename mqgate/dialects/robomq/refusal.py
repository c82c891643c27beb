"""The dialect's own way of saying no."""

from __future__ import annotations


class Refused(Exception):
    """A request that is turned down before the engine is asked.

    The text is one line for the person who reads the client's log. It begins with the reply code
    of AMQP that means the same, where there is one, and never quotes a password or a token.
    """

    def __init__(
        self, status: int, text: str, headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.headers = headers


def precondition_failed(text: str) -> Refused:
    """A name or a property that cannot be taken."""
    return Refused(400, f"406 PRECONDITION_FAILED - {text}")


def access_refused(text: str) -> Refused:
    """Something that this user, or anybody, may not do."""
    return Refused(403, f"403 ACCESS_REFUSED - {text}")
