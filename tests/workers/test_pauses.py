"""When a worker that has ended is replaced."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mqgate.workers.pauses import LIVED_SECONDS, PAUSES, Pauses


class PausesTests(SynchronousTestCase):
    def test_one_that_ends_for_once_is_replaced_at_once(self) -> None:
        pauses = Pauses()
        for _ in range(3):
            self.assertEqual(pauses.after(LIVED_SECONDS), 0)

    def test_those_that_end_again_and_again_are_waited_for_longer_and_longer(self) -> None:
        pauses = Pauses()
        found = [pauses.after(0.5) for _ in range(len(PAUSES) + 2)]
        self.assertEqual(found, [*PAUSES, PAUSES[-1], PAUSES[-1]])

    def test_one_that_lived_long_ends_that(self) -> None:
        pauses = Pauses()
        for _ in PAUSES:
            pauses.after(0.5)
        self.assertEqual(pauses.after(LIVED_SECONDS), PAUSES[0])
        self.assertEqual(pauses.after(1), PAUSES[1])
