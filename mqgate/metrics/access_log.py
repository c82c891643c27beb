"""The access log: a line for each answer, kept for a second and then written with the others."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime

import attrs
import msgspec
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from mqgate.web.values import Asked, Fault

#: How long a line may wait, and how many may.
FLUSH_SECONDS = 1.0
LINES_KEPT = 10_000
#: The owner reads and writes, the group reads: paths name projects and queues.
MODE = 0o640

#: What could end a line, a field in quotes, or the sanity of a terminal.
_UNSAFE = re.compile(rb"[^ !#-\[\]-~]")


class Entry(msgspec.Struct, frozen=True):
    """An answer as a line of JSON."""

    time: str
    peer: str
    method: str
    #: As it was sent, without the query, which may hold a token.
    path: str
    dialect: str
    operation: str
    status: int
    #: Bytes of the body.
    size: int
    seconds: float


@attrs.frozen
class Format:
    """What a line looks like."""

    #: How the time is spelled, to the second.
    stamp: Callable[[datetime], str]
    #: The line of an answer, given the stamp, the request, whose it is, status, size and seconds.
    line: Callable[[str, Asked, str, int, int, float], bytes]


def json_stamp(at: datetime) -> str:
    """As RFC 3339 has it."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def json_line(time: str, asked: Asked, door: str, status: int, size: int, seconds: float) -> bytes:
    """An object of JSON."""
    method, path = asked.method.decode("latin-1"), asked.path.decode("latin-1")
    took = round(seconds, 6)
    return (
        _encode(Entry(time, asked.peer, method, path, door, asked.operation, status, size, took))
        + b"\n"
    )


def common_stamp(at: datetime) -> str:
    """As the common log format has it."""
    # Not %b: that is in the language of the locale.
    return f"{at.day:02}/{_MONTHS[at.month - 1]}/{at:%Y:%H:%M:%S} +0000"


def common_line(
    time: str, asked: Asked, door: str, status: int, size: int, seconds: float
) -> bytes:
    """The common log format, which has a place for neither dialect nor time taken."""
    return b'%b - - [%b] "%b %b HTTP/1.1" %d %d\n' % (
        asked.peer.rpartition(":")[0].strip("[]").encode() or b"-",
        time.encode(),
        _escaped(asked.method),
        _escaped(asked.path),
        status,
        size,
    )


_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_encode = msgspec.json.Encoder().encode
FORMATS = {"json": Format(json_stamp, json_line), "common": Format(common_stamp, common_line)}


def _escaped(text: bytes) -> bytes:
    return _UNSAFE.sub(lambda found: b"\\x%02x" % found[0][0], text)


class AccessLog:
    """Writes a line for each answer; a `Watch` of the HTTP room.

    Never a query, a header or a body. A file that was moved away, as logrotate does, is left alone
    from then on and another one begun under the name.
    """

    _log = Logger()

    def __init__(
        self, path: str, form: Format, clock: IReactorTime, wall: Callable[[], float]
    ) -> None:
        self._path = path
        self._format = form
        self._clock = clock
        self._wall = wall
        self._lines: list[bytes] = []
        self._file: int | None = None
        self._flush_call: IDelayedCall | None = None
        #: The second of the last line, and how that is spelled.
        self._second = -1
        self._stamp = ""
        #: Why the last lines could not be written; empty if they could.
        self._fault = ""

    def open(self) -> None:
        """Begin; raises `OSError` if the file cannot be written to."""
        self._file = os.open(
            self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, MODE
        )

    def close(self) -> None:
        """Write what is left, and end."""
        if self._flush_call is not None:
            self._flush_call.cancel()
        self._flush()
        self._let_go()

    def answered(self, asked: Asked, door: str, status: int, size: int, seconds: float) -> None:
        """See `Watch`."""
        second = int(self._wall())
        if second != self._second:
            self._second = second
            self._stamp = self._format.stamp(datetime.fromtimestamp(second, UTC))
        self._lines.append(self._format.line(self._stamp, asked, door, status, size, seconds))
        if self._flush_call is None:
            self._flush_call = self._clock.callLater(FLUSH_SECONDS, self._flush)
        elif len(self._lines) >= LINES_KEPT:
            self._flush_call.cancel()
            self._flush()

    def refused(self, fault: Fault) -> None:
        """Nothing: what was turned down unread has no path, and is counted in the metrics."""

    def _flush(self) -> None:
        """Write the lines. If that fails they are lost, and serving goes on."""
        self._flush_call = None
        if not self._lines:
            return
        data = memoryview(b"".join(self._lines))
        self._lines.clear()
        try:
            file = self._current()
            while data:
                data = data[os.write(file, data) :]
        except OSError as error:
            if str(error) != self._fault:
                self._log.error("The access log cannot be written: {why}", why=str(error))
            self._fault = str(error)
        else:
            self._fault = ""

    def _current(self) -> int:
        """The file of that name, opened anew if it is another one than before, or gone."""
        if self._file is not None:
            ours = os.fstat(self._file)
            try:
                named = os.stat(self._path)
            except FileNotFoundError:
                named = None
            if named is None or not os.path.samestat(ours, named):
                self._let_go()
        if self._file is None:
            self.open()
        assert self._file is not None
        return self._file

    def _let_go(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)
