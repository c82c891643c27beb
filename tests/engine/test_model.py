"""The engine against the model, over hours of virtual time, with crashes in between."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings
from twisted.trial.unittest import SynchronousTestCase

from tests import stores
from tests.engine.machine import run

_COMMON = settings(
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
#: What a developer waits for: with the coverage of branches it takes four times as long.
QUICK = settings(_COMMON, max_examples=stores.examples(80), stateful_step_count=40)
#: The long tier.
LONG = settings(_COMMON, max_examples=10_000, stateful_step_count=60)
#: For looking only whether there is a failure, as the mutants do: no time is spent on the smallest.
HASTY = settings(_COMMON, max_examples=3000, stateful_step_count=40, phases=[Phase.generate])


class ModelTests(SynchronousTestCase):
    """Whatever is done to the engine, in whatever order, the specification explains."""

    def test_the_engine_does_what_the_model_does(self) -> None:
        """See ``tests.engine.model`` for what that is, and ``tests.engine.turns`` for how."""
        run(QUICK)
