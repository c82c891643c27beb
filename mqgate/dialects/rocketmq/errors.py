"""What any exception means to a client: a status, a code, and a line of text."""

from __future__ import annotations

from twisted.internet.defer import CancelledError

from mqgate.dialects.rocketmq.refusal import Refused, group_unknown, topic_unknown
from mqgate.dialects.unforeseen import log_unforeseen
from mqgate.engine.errors import (
    GroupNotFound,
    InvalidRequest,
    LimitReached,
    OperationFailed,
    StoreUnavailable,
    TopicNotFound,
)
from mqgate.web.values import Asked


def refusal_for(error: BaseException, asked: Asked) -> Refused:
    """How a request that ended in this exception is answered."""
    match error:
        case Refused():
            return error
        case TopicNotFound():
            return topic_unknown("of the request")
        case GroupNotFound():
            return group_unknown("of the request")
        case InvalidRequest():
            return Refused(400, "InvalidArgument", str(error))
        case LimitReached():
            return Refused(400, "QpsLimitExceeded", str(error) or "A limit is reached.")
        case StoreUnavailable():
            return unavailable(str(error) or "The service is unavailable.")
        case CancelledError():
            # A wait whose client has gone: nobody will read this.
            return unavailable("The request was cancelled.")
        case OperationFailed():
            # The engine has logged what happened.
            return failed()
    log_unforeseen(error, asked)
    return failed()


def unavailable(text: str) -> Refused:
    """To be tried again later, which Java's SDK does by itself."""
    return Refused(503, "InternalServerError", text)


def failed() -> Refused:
    """A fault of the server."""
    return Refused(500, "InternalError", "The server failed; its log says more.")
