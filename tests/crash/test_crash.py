"""A server that is killed loses nothing of what it has acknowledged."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.crash.harness import Crash


class CrashTests(SynchronousTestCase):
    """A short one; the long tier kills more often, and looks more closely."""

    def test_what_was_acknowledged_survives_three_kills(self) -> None:
        """And what was deleted does not come back, and the file is sound."""
        crash = Crash(Path(self.mktemp()).absolute(), kills=3)
        crash.run()
        self.assertEqual(crash.problems, [])
