"""The engine's time."""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from mqgate.storage.interface import EPOCH, INSTANT_SHIFT

#: Clocks that are compared in whole milliseconds are known no better than to so many. More would be
#: seen: what is posted to a queue at one gateway after the other lines up by their times.
TOLERANCE = 1
#: A difference of so many is worth a word to the operator.
WORTH_TELLING = 250


class SteadyTime:
    """Milliseconds since 1970 that never run backwards, whatever is done to the wall clock.

    The wall clock is read once, at the start; from there a steady clock counts. Should the wall
    clock stand behind the ids that were given out before (``high``), time starts there: leases
    and positions go on in order. ``wall`` and ``steady`` tell seconds; ``margin`` is by how many
    milliseconds ``high`` may be ahead of them.

    Where gateways share a database, its clock counts for all of them: it is ``ahead`` of the wall
    clock by so many milliseconds. Time that is behind it is set at once; time that is before it
    runs at half speed until it is not.
    """

    _log = Logger()

    def __init__(
        self,
        wall: Callable[[], float],
        steady: Callable[[], float],
        high: int,
        margin: int,
        *,
        ahead: int = 0,
    ) -> None:
        given = (high >> INSTANT_SHIFT) + EPOCH - margin if high else 0
        self._wall = wall
        self._steady = steady
        #: It was ``_then`` when the steady clock stood at ``_since``, and too far by ``_excess``.
        self._since = int(steady() * 1000)
        self._then = max(int(wall() * 1000) + ahead, given)
        self._excess = 0
        self._told = False
        self._tell(ahead)

    def __call__(self) -> int:
        """Now."""
        passed = int(self._steady() * 1000) - self._since
        return self._then + passed - min(self._excess, passed // 2)

    def follow(self, ahead: int) -> None:
        """Keep to the database's clock, which is so many milliseconds ahead of the wall clock."""
        now, since = self(), int(self._steady() * 1000)
        behind = int(self._wall() * 1000) + ahead - now
        self._then = now + (behind if behind > TOLERANCE else 0)
        self._since = since
        self._excess = -behind if behind < -TOLERANCE else 0
        self._tell(ahead)

    def _tell(self, ahead: int) -> None:
        far = abs(ahead) > WORTH_TELLING
        if far and not self._told:
            self._log.warn(
                "This machine's clock is {off} ms {side} the database's, which counts: set it",
                off=abs(ahead),
                side="behind" if ahead > 0 else "ahead of",
            )
        self._told = far
