"""The log's line about a request that failed as nobody foresaw."""

from __future__ import annotations

from traceback import extract_tb

from twisted.logger import Logger

from mqgate.web.values import Asked

_log = Logger()


def log_unforeseen(error: BaseException, asked: Asked) -> None:
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
