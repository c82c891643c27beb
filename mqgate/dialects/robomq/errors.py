"""What any exception means to a client: a status, and a line of text."""

from __future__ import annotations

from traceback import extract_tb

from twisted.internet.defer import CancelledError
from twisted.logger import Logger

from mqgate.dialects.robomq.refusal import Refused
from mqgate.engine.errors import (
    InvalidRequest,
    OperationFailed,
    StoreUnavailable,
    Unroutable,
)
from mqgate.web.values import Asked

_log = Logger()

_FAILED = (500, "Internal server error")


def status_and_text(error: BaseException, asked: Asked) -> tuple[int, str]:
    """How a request that ended in this exception is answered."""
    match error:
        case Refused():
            return error.status, error.text
        case Unroutable():
            return 404, "312 NO_ROUTE"
        case InvalidRequest():
            return 400, f"406 PRECONDITION_FAILED - {error}"
        case StoreUnavailable():
            return 503, str(error) or "Service unavailable"
        case CancelledError():
            # A wait whose client has gone: nobody will read this.
            return 503, "Service unavailable"
        case OperationFailed():
            # The engine has logged what happened.
            return _FAILED
    _log_unforeseen(error, asked)
    return _FAILED


def _log_unforeseen(error: BaseException, asked: Asked) -> None:
    """Log what broke and where, but no exception's text: it may quote a body or a token."""
    _log.error(
        "{method} {path} from {peer} failed: {kind} at {where}",
        method=asked.method.decode(errors="replace"),
        path=asked.path.decode(errors="replace"),
        peer=asked.peer,
        kind=type(error).__qualname__,
        where=" < ".join(
            f"{frame.filename}:{frame.lineno}"
            for frame in reversed(extract_tb(error.__traceback__))
        ),
    )
