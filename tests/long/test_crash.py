"""A server that is killed again and again under load loses nothing it has acknowledged."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.crash.harness import Emptied


class CrashTests(SynchronousTestCase):
    """The figures are printed; ``MQGATE_SEED`` repeats a run."""

    timeout = 3600

    def test_what_was_acknowledged_survives_100_kills(self) -> None:
        """Each acknowledged message is there exactly once, no deleted one is, the file is sound."""
        crash = Emptied(Path(self.mktemp()).absolute(), kills=100)
        crash.run()
        self.assertEqual(crash.problems, [])
        counts = crash.ledger.counts
        acknowledged = sum(counts[kind] for kind in ("posted", "deleted", "released"))
        self.assertGreater(acknowledged, 500_000)
