"""Hostile requests to shiftr's paths, as many of them as a developer waits for."""

from __future__ import annotations

from tests.fuzz.broker import HostileBroker


class BrokerTests(HostileBroker):
    """See `HostileBroker`; ``tests.long.test_fuzz`` takes more time."""


del HostileBroker  # or it would be run as well
