"""Hostile requests, as many of them as a developer waits for."""

from __future__ import annotations

from tests.fuzz.requests import HostileRequests


class RequestTests(HostileRequests):
    """See `HostileRequests`; ``tests.long.test_fuzz`` takes more time."""


del HostileRequests  # or it would be run as well
