"""Where the command reads and writes: pipes and files, or a terminal with somebody at it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

import attrs

from mqgate.operator.errors import CommandError
from mqgate.operator.text import escaped

#: How often progress is shown anew, in seconds.
_REFRESH = 0.1


@attrs.frozen
class Console:
    """Standard input, output and error."""

    input: TextIO
    out: TextIO
    err: TextIO

    def say(self, text: str) -> None:
        """Write what was asked for."""
        self.out.write(text)

    def say_json(self, document: object) -> None:
        """Write one document; all of it ASCII, as a terminal may be reading."""
        self.out.write(json.dumps(document, indent=2) + "\n")

    def note(self, line: str) -> None:
        """Tell the operator something beside what was asked for."""
        with suppress(OSError, ValueError):  # nobody there to read it
            self.err.write(f"{escaped(line)}\n")
            self.err.flush()

    def confirm(self, question: str, *, sure: bool) -> None:
        """Return if the operator is sure; raises `CommandError` otherwise."""
        if sure:
            return
        if not (self.input.isatty() and self.err.isatty()):
            raise CommandError("nobody is here to be asked whether this is meant: use --yes")
        self.err.write(f"{escaped(question)} [y/N] ")
        self.err.flush()
        if self.input.readline().strip().lower() not in ("y", "yes"):
            raise CommandError("nothing was done")


class Progress:
    """How far something long has come: shown in place on a terminal, and nowhere else."""

    def __init__(
        self, console: Console, monotonic: Callable[[], float], what: str, total: int | None
    ) -> None:
        """``what`` is what was done to the messages that are counted: "exported"."""
        self._err = console.err
        self._shown = console.err.isatty()
        self._monotonic = monotonic
        self._what = what
        self._total = total
        self._next = monotonic() + _REFRESH

    def reached(self, done: int) -> None:
        """So many are done."""
        if self._shown and self._monotonic() >= self._next:
            self._next = self._monotonic() + _REFRESH
            total = self._total
            of = f" of {total:,} ({100 * done // total}%)" if total and done <= total else ""
            self._err.write(f"\r\x1b[K{self._what} {done:,}{of}")
            self._err.flush()

    def over(self) -> None:
        """Nothing more will come: leave the line to others."""
        if self._shown:
            with suppress(OSError):
                self._err.write("\r\x1b[K")
                self._err.flush()
