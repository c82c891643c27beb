"""The dialect's own way of saying no."""

from __future__ import annotations


class Refused(Exception):
    """A request that is turned down before the engine is asked.

    The text is one line; its first word is the service's own name for what is wrong, where it has
    one. It never quotes a secret.
    """

    def __init__(
        self, status: int, text: str, headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.headers = headers


def invalid_topic(why: str) -> Refused:
    """A topic or filter that is none."""
    return Refused(400, f"invalid-topic: {why}")
