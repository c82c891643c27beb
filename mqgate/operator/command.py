"""Runs the command, and says in one line what kept it from being done."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from io import TextIOWrapper
from typing import TextIO

import attrs
from twisted.logger import ILogObserver, LogEvent, globalLogBeginner
from zope.interface import provider

from mqgate.config.problems import ConfigurationError
from mqgate.operator.arguments import parser
from mqgate.operator.call import Call
from mqgate.operator.configuration import configure
from mqgate.operator.console import Console
from mqgate.operator.errors import CommandError, Interrupted
from mqgate.operator.signals import Signals
from mqgate.operator.worker import Times
from mqgate.storage.interface import StoreError

#: The status of a process that a signal ended is this and the signal's number.
_SIGNALLED = 128
_BROKEN_PIPE = _SIGNALLED + 13


@attrs.frozen
class Surroundings:
    """What the command takes from the world around it; tests give it another one."""

    console: Console
    times: Times
    environment: Mapping[str, str] = attrs.field(repr=False)
    signals: Signals = attrs.Factory(Signals)


def main(words: Sequence[str], around: Surroundings) -> int:
    """Do what the command line asks for; the exit status."""
    return _told(lambda: _run(words, around), around)


def _run(words: Sequence[str], around: Surroundings) -> int:
    arguments = parser().parse_args(words)
    configuration = configure(arguments.config, arguments.data, around.environment)
    call = Call(arguments, configuration, around.console, around.times, around.signals)
    try:
        status: int = arguments.run(call)
    except StoreError:
        around.signals.heed()  # which ends what takes long in a database as well
        raise
    around.console.out.flush()
    return status


def _told(run: Callable[[], int], around: Surroundings) -> int:
    """The status; what went wrong is told."""
    console = around.console
    try:
        return run()
    except (CommandError, ConfigurationError, StoreError) as error:
        line = " ".join(str(error).split())
    except Interrupted as interrupted:
        so_far = f"; {interrupted.so_far}" if interrupted.so_far else ""
        console.note(f"mqgate: interrupted{so_far}")
        return _SIGNALLED + interrupted.number
    except BrokenPipeError:
        return _BROKEN_PIPE
    except OSError as error:
        line = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
    except Exception as error:  # noqa: BLE001 - a traceback is of no use to an operator
        line = f"this is a fault of mqgate's own, please report it: {error!r}"
    console.note(f"mqgate: {line}")
    return 1


def run() -> None:
    """The console script."""
    signals = Signals()
    signals.listen()
    globalLogBeginner.beginLoggingTo([_unseen], redirectStandardIO=False, discardBuffer=True)
    around = Surroundings(
        Console(_stream(sys.stdin, "r"), _stream(sys.stdout, "w"), _stream(sys.stderr, "w")),
        Times(time.time, time.monotonic, time.sleep),
        os.environ,
        signals,
    )
    status = main(sys.argv[1:], around)
    _hang_up()
    raise SystemExit(status)


def _stream(stream: TextIO | None, mode: str) -> TextIO:
    """A standard stream, which may be closed, and may have an encoding that lacks characters."""
    if stream is None:
        return TextIOWrapper(open(os.devnull, f"{mode}b"), encoding="utf-8")
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="backslashreplace" if mode == "w" else "replace")
    return stream


@provider(ILogObserver)
def _unseen(event: LogEvent) -> None:
    """The engine's log is for servers; what the operator has to know is told by the command."""


def _hang_up() -> None:
    """Leave nothing that Python would write, or complain about, at its end."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
