"""The exception that says: HTTP itself turns this request down."""

from __future__ import annotations

from mqgate.web.values import HEAD_TOO_LARGE, MALFORMED, TOO_LARGE, Fault


class Refusal(Exception):
    """Raised by the readers of head and body; nothing of the connection can be used after it."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.reason)
        self.fault = fault


def malformed(reason: str) -> Refusal:
    """A refusal because the bytes are no HTTP, or such that two readers might differ over them."""
    return Refusal(Fault(MALFORMED, reason))


def too_large(reason: str) -> Refusal:
    """A refusal because the body is longer than we take."""
    return Refusal(Fault(TOO_LARGE, reason))


def head_too_large(reason: str) -> Refusal:
    """A refusal because there is more in the head than we take."""
    return Refusal(Fault(HEAD_TOO_LARGE, reason))
