"""What an observer hears of batches, and what the engine tells of itself."""

from __future__ import annotations

from twisted.internet.defer import fail

from mqgate.engine.values import NewMessage
from mqgate.storage.interface import Unavailable
from tests.engine.case import EngineCase


class Notebook:
    """An observer that writes everything down."""

    def __init__(self) -> None:
        self.heard: list[int | bool] = []

    def batch_began(self, operations: int) -> None:
        self.heard.append(operations)

    def batch_ended(self, committed: bool) -> None:
        self.heard.append(committed)


class ObserverTests(EngineCase):
    def setUp(self) -> None:
        self.observer = self.notebook = Notebook()
        super().setUp()
        self.notebook.heard.clear()

    def ask(self) -> None:
        self.engine.post(self.world, "q", [NewMessage(b"1")], policy="back").addErrback(
            lambda failure: None
        )

    def test_a_batch_is_heard_of_at_both_ends(self) -> None:
        held = self.hold_next_batch()
        self.ask()
        self.ask()
        self.turn()
        self.assertEqual(self.notebook.heard, [2])
        held.callback(None)
        self.assertEqual(self.notebook.heard, [2, True])

    def test_a_batch_that_fails_ends_too(self) -> None:
        self.store.instead = lambda batch: fail(Unavailable("disk full"))
        self.ask()
        self.turn()
        self.assertEqual(self.notebook.heard, [1, False])

    def test_what_waits_to_enter_a_batch_can_be_asked_for(self) -> None:
        held = self.hold_next_batch()
        self.ask()
        self.assertEqual(self.engine.entering, 1)
        self.turn()
        self.assertEqual(self.engine.entering, 0)
        self.ask()
        self.assertEqual(self.engine.entering, 1)
        held.callback(None)
