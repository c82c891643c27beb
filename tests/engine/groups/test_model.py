"""Topics and groups against the model, over hours of virtual time, with crashes in between."""

from __future__ import annotations

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from tests import stores
from tests.engine.groups.machine import GroupsMachine
from tests.engine.test_model import QUICK


class ModelTests(SynchronousTestCase):
    """Every group gets every message, in the order that was asked for, whatever happens."""

    def test_groups_do_what_the_model_does(self) -> None:
        """See ``tests.engine.groups.model`` for what that is."""
        run_state_machine_as_test(
            GroupsMachine, settings=settings(QUICK, max_examples=stores.examples(60))
        )
