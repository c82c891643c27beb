"""The model notices mistakes: whatever is broken on purpose is found."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.engine.groups import mutants as groups
from tests.engine.mutants import MUTATIONS, survivors


class MutantTests(SynchronousTestCase):
    """A test that never fails tells nothing: this one tests the model test."""

    timeout = 3600

    def test_every_mistake_is_noticed_and_nothing_else(self) -> None:
        """Only the package as it is passes."""
        folder = Path(self.mktemp()).absolute()
        self.assertEqual(survivors([None, *MUTATIONS], folder), ["no mistake"])

    def test_nor_do_mistakes_with_groups_survive(self) -> None:
        folder = Path(self.mktemp()).absolute()
        self.assertEqual(survivors(groups.MUTATIONS, folder), [])
