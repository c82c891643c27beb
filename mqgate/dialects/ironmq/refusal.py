"""The dialect's own way of saying no."""

from __future__ import annotations


class Refused(Exception):
    """A request that is turned down before the engine is asked.

    The text is for the person who reads the client's log; it never quotes a token.
    """

    def __init__(
        self, status: int, text: str, headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.headers = headers


def malformed(text: str) -> Refused:
    """Something that cannot be parsed, or is of the wrong type."""
    return Refused(400, text)


def missing(text: str) -> Refused:
    """A required field that is not there."""
    return Refused(406, text)


def unknown(text: str = "Not found") -> Refused:
    """A project or endpoint that does not exist."""
    return Refused(404, text)
