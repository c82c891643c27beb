"""The log of several processes in one place: workers write lines, their parent logs what they say.

A worker's standard error is a socket to its parent. Its log's events go there as lines of JSON,
behind a character that nothing else begins a line with; other lines are what Python, or a library,
has to say outside of the log.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import BinaryIO

from twisted.logger import (
    ILogObserver,
    LogEvent,
    Logger,
    LogLevel,
    eventAsJSON,
    eventFromJSON,
)
from zope.interface import implementer

#: What JSON uses where records of it follow each other (RFC 7464).
_MARK = b"\x1e"
#: Bytes of a line that are kept until its end comes.
LONGEST = 1 << 20


@implementer(ILogObserver)
class LogLines:
    """Writes a worker's events for its parent. Any thread may log."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._lock = threading.Lock()

    def __call__(self, event: LogEvent) -> None:
        """See `ILogObserver`. If the parent is gone, nobody is there to read it."""
        text = eventAsJSON(_plain(event))
        line = b"%b%b\n" % (_MARK, text.encode("utf-8", "backslashreplace"))
        try:
            with self._lock:
                self._out.write(line)
                self._out.flush()
        except OSError:
            return


class LogReader:
    """Logs in the parent what a worker writes, under the worker's name.

    ``log`` is where events go. Of a line with more than ``longest`` bytes the rest is a line of its
    own.
    """

    _log = Logger()

    def __init__(self, name: str, log: Callable[[LogEvent], None], longest: int = LONGEST) -> None:
        self._name = name
        self._publish = log
        self._longest = longest
        self._rest = b""

    def received(self, data: bytes) -> None:
        """A worker has written this."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > self._longest:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._pass_on(line)

    def ended(self) -> None:
        """It writes no more."""
        self._pass_on(self._rest)
        self._rest = b""

    def _pass_on(self, line: bytes) -> None:
        if line.startswith(_MARK):
            try:
                event = eventFromJSON(line[1:].decode("utf-8", "replace"))
            except ValueError:  # cut short by the worker's end
                return
            event["log_system"] = f"{self._name}, {_system(event)}"
            self._publish(event)
        elif text := line.decode("utf-8", "replace").strip():
            self._log.error("{worker}: {text}", worker=self._name, text=text)


def _plain(event: LogEvent) -> LogEvent:
    """The event with its traceback as text: of an exception, JSON would tell the kind alone."""
    failure = event.get("log_failure")
    if failure is None:
        return event
    plain = {key: value for key, value in event.items() if key != "log_failure"}
    if not event.get("isError"):  # or that has it in its text, as Twisted's older log does it
        plain["log_format"] = f"{event.get('log_format')}\n{{log_traceback}}"
        plain["log_traceback"] = failure.getTraceback().rstrip()
    return plain


def _system(event: LogEvent) -> str:
    """Where an event came from, as Twisted's log files say it."""
    level = event.get("log_level") or LogLevel.info
    return str(event.get("log_system") or f"{event.get('log_namespace', '-')}#{level.name}")
