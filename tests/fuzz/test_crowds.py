"""Hostile crowds, of a size that a developer waits for."""

from __future__ import annotations

from tests.fuzz.crowds import HostileCrowds


class CrowdTests(HostileCrowds):
    """See `HostileCrowds`; ``tests.long.test_fuzz`` takes more time."""


del HostileCrowds  # or it would be run as well
