"""The engine against the model, for as long as it takes to meet what is rare."""

from __future__ import annotations

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from tests.engine.exchange_machine import ExchangeMachine
from tests.engine.groups.machine import GroupsMachine
from tests.engine.machine import run
from tests.engine.test_model import LONG


class ModelTests(SynchronousTestCase):
    """The same as ``tests.engine.test_model``, with many more and longer runs."""

    timeout = 7200

    def test_the_engine_does_what_the_model_does(self) -> None:
        """Also what comes together once in thousands of runs."""
        run(LONG)

    def test_exchanges_do_what_their_model_does(self) -> None:
        run_state_machine_as_test(ExchangeMachine, settings=LONG)

    def test_groups_do_what_their_model_does(self) -> None:
        run_state_machine_as_test(GroupsMachine, settings=settings(LONG, max_examples=3000))
