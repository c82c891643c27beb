"""The terminal that the server was started from, past twistd's log and its way into background."""

from __future__ import annotations

import contextlib
import os


class Terminal:
    """Standard output and error as they were at the start, until `hang_up`.

    twistd sends `sys.stdout` to the log and, in the background, both to nowhere; what an operator
    has to see at the start goes through copies of the two made before that.
    """

    def __init__(self, out: int = 1, err: int = 2) -> None:
        self._out = _copy(out)
        self._err = _copy(err)

    def say(self, text: str) -> None:
        """Show the operator a text."""
        _write(self._out, text)

    def complain(self, line: str) -> None:
        """Show the operator what is wrong."""
        _write(self._err, f"{line}\n")

    def hang_up(self) -> None:
        """Let go of the terminal, which may be closed while the server goes on."""
        for descriptor in (self._out, self._err):
            if descriptor is not None:
                os.close(descriptor)
        self._out = self._err = None


def _copy(descriptor: int) -> int | None:
    """A second descriptor for the same file; None if that one is closed."""
    try:
        return os.dup(descriptor)
    except OSError:
        return None


def _write(descriptor: int | None, text: str) -> None:
    """Write to a terminal, which may be gone: nobody is there to read it then."""
    if descriptor is None:
        return
    rest = text.encode("utf-8", "backslashreplace")
    with contextlib.suppress(OSError):
        while rest:
            rest = rest[os.write(descriptor, rest) :]
