"""The mistakes of ``tests.engine.mutants`` can still be made: the long tier tries them all."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.engine.groups import mutants as groups
from tests.engine.mutants import MUTATIONS, source_of


class MutationTests(SynchronousTestCase):
    """A change of the engine that moves such a place away is to take its mutation along."""

    def test_every_mutation_has_its_place(self) -> None:
        """Exactly one, and a name of its own."""
        mutations = (*MUTATIONS, *groups.MUTATIONS)
        for mutation in mutations:
            mutation.applied(source_of(mutation))
        self.assertEqual(len({mutation.name for mutation in mutations}), len(mutations))
