"""The dialect's own way of saying no."""

from __future__ import annotations


class Refused(Exception):
    """A request that is turned down before the engine is asked.

    ``code`` is what clients act on. The text is for people, and never quotes a secret.
    """

    def __init__(
        self,
        status: int,
        code: str,
        text: str,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.text = text
        self.headers = headers


def invalid(text: str) -> Refused:
    """A value or a document that is not what it should be."""
    return Refused(400, "InvalidArgument", text)


def malformed(text: str) -> Refused:
    """A body that is no XML, or none that is read here."""
    return Refused(400, "MalformedXML", text)


def topic_unknown(name: str) -> Refused:
    """A topic that is not there."""
    return Refused(404, "TopicNotExist", f"The topic {name} does not exist.")


def group_unknown(name: str) -> Refused:
    """A group that is not there."""
    return Refused(404, "SubscriptionNotExist", f"The group {name} does not exist.")
