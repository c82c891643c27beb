"""Hostile requests to RoboMQ's paths, as many of them as a developer waits for."""

from __future__ import annotations

from tests.fuzz.rest import HostileRest


class RestTests(HostileRest):
    """See `HostileRest`; ``tests.long.test_fuzz`` takes more time."""


del HostileRest  # or it would be run as well
