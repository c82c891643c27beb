"""Looks after the certificates of a running server."""

from __future__ import annotations

from datetime import timedelta

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from mqgate.listening import Listeners
from mqgate.starting import Surroundings

#: How often replaced certificates are looked for.
REFRESH_SECONDS = 2
#: How often the end of the certificate made here is looked at.
RENEWAL = timedelta(days=1)


class Certification:
    """Takes up replaced certificates; once a day, sees whether ours is to be made anew."""

    _log = Logger()

    def __init__(self, listeners: Listeners, around: Surroundings) -> None:
        self._listeners = listeners
        self._around = around
        self._call = LoopingCall(self._look)
        self._call.clock = around.reactor
        self._fault = ""
        self._renewed_at = around.now()

    def start(self) -> None:
        """Begin."""
        self._call.start(REFRESH_SECONDS, now=False)

    def stop(self) -> None:
        """End. Harmless if it has."""
        if self._call.running:
            self._call.stop()

    def _look(self) -> None:
        """Whatever goes wrong, the next round tries again: one that raised would be the last."""
        try:
            now = self._around.now()
            if abs(now - self._renewed_at) >= RENEWAL:
                self._renewed_at = now
                self._listeners.renew(now)
            self._listeners.refresh(now)
        except Exception as error:  # noqa: BLE001
            if str(error) != self._fault:
                self._fault = str(error)
                self._log.failure("Certificates could not be looked after; this goes on")
