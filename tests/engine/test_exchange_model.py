"""Exchanges against their model, with restarts and crashes in between."""

from __future__ import annotations

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from tests import stores
from tests.engine.exchange_machine import ExchangeMachine
from tests.engine.test_model import QUICK


class ExchangeModelTests(SynchronousTestCase):
    """Whatever is done to exchanges, in whatever order, the model does too."""

    def test_the_engine_does_what_the_model_does(self) -> None:
        """See ``tests.engine.exchange_machine``."""
        quick = settings(QUICK, max_examples=stores.examples(120))
        run_state_machine_as_test(ExchangeMachine, settings=quick)
