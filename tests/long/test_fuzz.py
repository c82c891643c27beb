"""Hostile input, for as long as it takes to meet what is rare."""

from __future__ import annotations

from tests.fuzz.broker import HostileBroker
from tests.fuzz.crowds import HostileCrowds
from tests.fuzz.described import need, try_described
from tests.fuzz.requests import HostileRequests
from tests.fuzz.rest import HostileRest
from tests.fuzz.signed import HostileTopics
from tests.live.case import LiveTestCase


class RequestTests(HostileRequests):
    """The same as ``tests.fuzz.test_requests``, with many more examples."""

    timeout = 7200
    examples = 20_000


class RestTests(HostileRest):
    """The same as ``tests.fuzz.test_rest``, with many more examples."""

    timeout = 7200
    examples = 20_000


class BrokerTests(HostileBroker):
    """The same as ``tests.fuzz.test_broker``, with many more examples."""

    timeout = 7200
    examples = 20_000


class SignedTests(HostileTopics):
    """The same as ``tests.fuzz.test_signed``, with many more examples."""

    timeout = 7200
    examples = 5_000


class CrowdTests(HostileCrowds):
    """The same as ``tests.fuzz.test_crowds``: what leaks slowly needs more to be seen."""

    timeout = 7200
    crowds = 20
    flood = 1_000_000


class DescribedTests(LiveTestCase):
    """The same as ``tests.fuzz.test_described``, with many more examples."""

    timeout = 7200

    def test_every_answer_is_as_described(self) -> None:
        """Also to what is generated once in thousands of times."""
        need("schemathesis")
        server = self.started()
        try_described(server, self.folder, "--max-examples=3000")
        self.assertNotIn("Traceback", server.output() + server.errors())


# Or they would be run as well.
del HostileBroker, HostileCrowds, HostileRequests, HostileRest, HostileTopics
