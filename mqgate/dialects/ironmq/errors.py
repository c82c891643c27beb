"""One function that turns any exception into this dialect's ``{"msg": …}``."""

from __future__ import annotations

from twisted.internet.defer import CancelledError

from mqgate.dialects.ironmq import wire
from mqgate.dialects.ironmq.refusal import Refused
from mqgate.dialects.unforeseen import log_unforeseen
from mqgate.engine.errors import (
    AlertRepeated,
    AlertsNotPossible,
    AlertsRefused,
    InvalidRequest,
    LimitReached,
    MessageNotFound,
    OperationFailed,
    QueueNotFound,
    StoreUnavailable,
)
from mqgate.web.values import Asked, Reply


def reply_to(error: BaseException, asked: Asked) -> Reply:
    """The answer to a request that ended in this exception."""
    status, text = _status_and_text(error, asked)
    headers = error.headers if isinstance(error, Refused) else ()
    return Reply(status, wire.said(text), headers=headers)


def _status_and_text(error: BaseException, asked: Asked) -> tuple[int, str]:
    match error:
        case Refused():
            return error.status, error.text
        case QueueNotFound():
            return 404, "Queue not found"
        case MessageNotFound():
            return 404, "Message not found"
        case AlertsNotPossible():
            return 400, "Push queues do not support alerts."
        case AlertRepeated():
            return 400, "At least one new alert duplicates current queue alerts."
        case AlertsRefused():
            return 400, str(error)
        case InvalidRequest():
            return 400, str(error)
        case LimitReached():
            return 403, str(error)
        case StoreUnavailable():
            return 503, str(error) or "Service unavailable"
        case CancelledError():
            # A wait whose client has gone: nobody will read this.
            return 503, "Service unavailable"
        case OperationFailed():
            # The engine has logged what happened.
            return 500, "Internal server error"
    log_unforeseen(error, asked)
    return 500, "Internal server error"
