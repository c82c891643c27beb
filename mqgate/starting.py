"""How a server starts: what it takes from the world around it, and what its operator is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import attrs
from twisted.logger import Logger

from mqgate.config.introduction import introduce, where
from mqgate.config.values import Configuration
from mqgate.dialects.declaration import CannotOpen
from mqgate.listening import Lent, Listeners
from mqgate.storage.interface import StoreError
from mqgate.supervision import Supervision
from mqgate.terminal import Terminal
from mqgate.tls.endpoints import ListenError
from mqgate.tls.pem import TLSError


class StartFailed(SystemExit, Exception):
    """The server cannot start, for a reason that its operator was told.

    As a `SystemExit` it ends the process with status 1 and no traceback; as an `Exception` it has
    twistd remove its pid file and tell the foreground process first.
    """

    def __init__(self, line: str) -> None:
        super().__init__(line)
        self.code = 1
        # Of what made a start in the background fail, twistd shows the last line, cut to 100 bytes.
        self.add_note("mqgate did not start, for the reason above")


class WorkerFailed(Exception):
    """A worker cannot start; its text is one sentence for the operator."""


@attrs.frozen
class Surroundings:
    """What a server takes from the world around it; tests give it another one."""

    reactor: Any
    #: Seconds since 1970.
    wall: Callable[[], float]
    #: Seconds that never run backwards.
    monotonic: Callable[[], float]
    terminal: Terminal
    #: Has further signals to stop ignored: Twisted would answer a second one with a traceback.
    heed_no_more_signals: Callable[[], None]
    #: Is told when the server is ready, that it lives, and when it stops.
    supervision: Supervision
    #: Whether the log is shown on the terminal too, so that nothing need be told on both.
    log_is_shown: bool = False
    #: In a worker, what it listens at; its parent speaks to the operator.
    lent: Lent | None = None
    #: In a worker, seconds since 1970 as all workers' engines count them.
    engine_wall: Callable[[], float] | None = None

    def now(self) -> datetime:
        """The date and time."""
        return datetime.fromtimestamp(self.wall(), UTC)


@contextmanager
def telling_why(around: Surroundings, log: Logger) -> Iterator[None]:
    """Turn what keeps a server from starting into one line for its operator, and `StartFailed`."""
    try:
        yield
    except (CannotOpen, ListenError, StoreError, TLSError, WorkerFailed, OSError) as error:
        line = " ".join(str(error).split())
        if not around.log_is_shown:
            log.critical("mqgate cannot start: {line}", line=line)
        around.terminal.complain(line)
        around.terminal.hang_up()
        raise StartFailed(line) from error


def tell_operator(
    configuration: Configuration,
    listeners: Listeners,
    around: Surroundings,
    version: str,
    log: Logger,
) -> None:
    """Say where the server listens: in the log, and on the terminal it was started from."""
    data, doors = configuration.data, listeners.doors()
    for door in doors:
        log.info("Listening on {door}", door=str(door))
    if scraping := configuration.scraping:
        log.info("Metrics on {endpoint}", endpoint=scraping.listener.endpoint)
    listeners.warn_of_old_tls()
    log.info("Ready")
    try:
        introduction = introduce(data, doors, version)
    except OSError as error:
        log.warn("The first steps cannot be written down: {why}", why=str(error))
        introduction = None
    around.terminal.say(introduction or where(doors, data))
    around.terminal.hang_up()
