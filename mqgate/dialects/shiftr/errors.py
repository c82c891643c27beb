"""What any exception means to a client: a status, and a line of text."""

from __future__ import annotations

from mqgate.dialects.shiftr.refusal import Refused
from mqgate.dialects.unforeseen import log_unforeseen
from mqgate.engine.errors import (
    InvalidRequest,
    LimitReached,
    OperationFailed,
    StoreUnavailable,
    TopicsFull,
)
from mqgate.web.values import Asked

_FAILED = (500, "Internal server error")


def status_and_text(error: BaseException, asked: Asked) -> tuple[int, str]:
    """How a request that ended in this exception is answered."""
    match error:
        case Refused():
            return error.status, error.text
        case TopicsFull():
            return 507, f"topics-limit: {error}"
        case LimitReached():  # of a queue that is bound to what is published to
            return 507, f"queue-limit: {error}"
        case InvalidRequest():
            return 400, f"invalid-topic: {error}"
        case StoreUnavailable():
            return 503, str(error) or "Service unavailable"
        case OperationFailed():
            # The engine has logged what happened.
            return _FAILED
    log_unforeseen(error, asked)
    return _FAILED
