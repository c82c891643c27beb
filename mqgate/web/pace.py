"""How fast a client takes what waits for it."""

from __future__ import annotations

import attrs

from mqgate.web.limits import HTTPLimits


@attrs.define
class Pace:
    """Watches one client from when it fell behind until it has caught up.

    ``taken`` is always what `mqgate.web.wire.taken` says, ``now`` the reactor's time.
    """

    _began_at: float
    _began_with: int
    #: When it was last seen to have taken something, and how much it had taken by then.
    _moved_at: float = attrs.field(init=False)
    _taken: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._moved_at = self._began_at
        self._taken = self._began_with

    def is_too_slow(self, taken: int, now: float, limits: HTTPLimits) -> bool:
        """Whether it has taken nothing for too long, or too little since it fell behind."""
        if taken != self._taken:
            self._taken = taken
            self._moved_at = now
        elif now - self._moved_at >= limits.answer_seconds:
            return True
        elapsed = now - self._began_at
        return (
            elapsed >= limits.answer_seconds
            and taken - self._began_with < elapsed * limits.answer_rate
        )
