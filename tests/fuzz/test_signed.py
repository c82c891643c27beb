"""Hostile requests to RocketMQ's paths, as many of them as a developer waits for."""

from __future__ import annotations

from tests.fuzz.signed import HostileTopics


class SignedTests(HostileTopics):
    """See `HostileTopics`; ``tests.long.test_fuzz`` takes more time."""


del HostileTopics  # or it would be run as well
