"""Ctrl-C and SIGTERM: heeded at once, but not in the middle of a step."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from mqgate.operator.errors import Interrupted


class Signals:
    """Raises `Interrupted` where a signal comes, or at the end of a step that must be whole.

    Without that, a commit could be done and nobody know of it.
    """

    def __init__(self) -> None:
        #: The signal that came and was not heeded yet.
        self.pending: int | None = None
        self._steps = 0

    def listen(self) -> None:
        """Take over from Python's own way with them."""
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup and "&" want it
                signal.signal(number, self.came)

    def came(self, number: int, frame: FrameType | None = None) -> None:
        """A signal came."""
        self.pending = number
        if not self._steps:
            self.heed()

    def heed(self) -> None:
        """Raise `Interrupted` if a signal came."""
        if self.pending is not None:
            raise Interrupted(self.pending)

    @contextmanager
    def step(self) -> Iterator[None]:
        """What is done in here is done whole, and a signal heeded after it."""
        self._steps += 1
        try:
            yield
        finally:
            self._steps -= 1
        if not self._steps:
            self.heed()
