"""The engine's time."""

from __future__ import annotations

from collections.abc import Callable

from mqgate.storage.interface import EPOCH, INSTANT_SHIFT


class SteadyTime:
    """Milliseconds since 1970 that never run backwards, whatever is done to the wall clock.

    The wall clock is read once, at the start; from there a steady clock counts. Should the wall
    clock stand behind the ids that were given out before (``high``), time starts there: leases
    and positions go on in order. ``wall`` and ``steady`` tell seconds.
    """

    def __init__(
        self, wall: Callable[[], float], steady: Callable[[], float], high: int, ahead: int
    ) -> None:
        given = (high >> INSTANT_SHIFT) + EPOCH - ahead if high else 0
        self._steady = steady
        self._start = max(int(wall() * 1000), given) - int(steady() * 1000)

    def __call__(self) -> int:
        """Now."""
        return self._start + int(self._steady() * 1000)
