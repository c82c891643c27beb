"""The store keeps what is to be pushed."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mqgate.storage.statements import pushes
from tests.storage import contract_pushes
from tests.storage.chosen import Chosen
from tests.storage.test_sqlite import PlanTests as Plans


class PushTests(Chosen, contract_pushes.PushContract, SynchronousTestCase):
    """Claiming, settling, acknowledging."""


class BodiesApartPushTests(PushTests):
    """The same where every body stands apart from its message, as large ones do."""

    small = -1


class PlanTests(Plans):
    """Every statement here walks the index made for it."""

    def test_plans_on_pushes(self) -> None:
        one = "PRIMARY KEY (world=? AND queue=? AND message=? AND subscriber=?)"
        message = "PRIMARY KEY (world=? AND queue=? AND message=?)"
        for statement, indexes in (
            (pushes.DUE.sqlite, ["INDEX push_due (next_at<?)"]),
            (pushes.NEXT_DUE.sqlite, ["push_due (next_at>?)"]),
            (pushes.DUE_IN_LANE.sqlite, ["INDEX push_lane (lane=? AND next_at<?)"]),
            (pushes.LANES.sqlite, ["INDEX push_lane (lane>?)"]),
            (pushes.RESUME.sqlite, ["push_claimed (claim>?)"]),
            (pushes.CLAIM.sqlite, [one]),
            (pushes.SETTLE.sqlite, [one]),
            (pushes.ACKNOWLEDGE.sqlite, [one]),
            (
                pushes.FIND.sqlite,
                [one, "PRIMARY KEY (rowid=?)", "PRIMARY KEY (world=? AND number=?)"],
            ),
            (pushes.LEFT.sqlite, [message]),
            (pushes.FINISH_ENTRIES.sqlite, [message]),
            (pushes.FINISH_MESSAGES.sqlite, ["PRIMARY KEY (rowid=?)"]),
            (pushes.PUSHED.sqlite, ["PRIMARY KEY (rowid=?)"]),
            (pushes.OF_SHELF.sqlite, ["PRIMARY KEY (world=? AND queue=?)"]),
            (pushes.LAPSED.sqlite, ["push_remembered_until (until<?)"]),
            (pushes.NEXT_LAPSE.sqlite, ["push_remembered_until"]),
            (pushes.FORGET, [message]),
            (pushes.DROP.sqlite, [message]),
        ):
            with self.subTest(statement=statement):
                self.assert_plan(statement, *indexes)


del Plans
