"""How the database's clock is compared with this machine's, over a network."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mqgate.storage.postgresql.clock import Offset

#: How long a question is on its way, and an answer, in milliseconds.
trips = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 5000)), min_size=1, max_size=8)


class Machine:
    """One whose clock is wrong by so many milliseconds."""

    def __init__(self, ahead: int) -> None:
        self.offset = Offset()
        self.ahead = ahead
        self.now = 1_700_000_000_000

    def ask(self, there: int, back: int) -> int:
        """What is known after a round trip."""
        before, self.now = self.now, self.now + there
        theirs, self.now = self.now + self.ahead, self.now + back
        return self.offset.measured(before / 1000, theirs, self.now / 1000)


class OffsetTests(SynchronousTestCase):
    def test_a_question_that_was_held_up_moves_nothing(self) -> None:
        machine = Machine(700)
        machine.ask(1, 1)
        for there, back in ((4000, 1), (1, 4000), (900, 0)):
            self.assertLessEqual(abs(machine.ask(there, back) - 700), 2)

    def test_a_clock_that_was_set_is_followed(self) -> None:
        machine = Machine(0)
        for ahead in (0, 5000, -5000, 40):
            machine.ahead = ahead
            self.assertLessEqual(abs(machine.ask(1, 1) - ahead), 2)

    @given(st.integers(-10_000, 10_000), trips)
    def test_the_shortest_round_trip_tells_most(
        self, ahead: int, trips: list[tuple[int, int]]
    ) -> None:
        machine = Machine(ahead)
        known = [machine.ask(*trip) for trip in trips][-1]
        self.assertLessEqual(abs(known - ahead), min(map(sum, trips)) + 2)
