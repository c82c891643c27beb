"""The SQLite store keeps what is to be pushed."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mqgate.storage.statements import pushes
from tests.storage import contract_pushes
from tests.storage.sqlite_file import SQLiteFile
from tests.storage.test_sqlite import PlanTests as Plans


class SQLitePushTests(SQLiteFile, contract_pushes.PushContract, SynchronousTestCase):
    """Claiming, settling, acknowledging."""


class BodiesApartPushTests(SQLitePushTests):
    """The same where every body stands apart from its message, as large ones do."""

    small = -1


class PlanTests(Plans):
    """Every statement here walks the index made for it."""

    def test_plans_on_pushes(self) -> None:
        one = "PRIMARY KEY (world=? AND queue=? AND message=? AND subscriber=?)"
        message = "PRIMARY KEY (world=? AND queue=? AND message=?)"
        for statement, indexes in (
            (pushes.DUE, ["INDEX push_due (next_at<?)"]),
            (pushes.NEXT_DUE, ["push_due (next_at>?)"]),
            (pushes.DUE_IN_LANE, ["INDEX push_lane (lane=? AND next_at<?)"]),
            (pushes.LANES, ["INDEX push_lane (lane>?)"]),
            (pushes.RESUME, ["push_claimed (claim>?)"]),
            (pushes.CLAIM, [one]),
            (pushes.SETTLE, [one]),
            (pushes.ACKNOWLEDGE, [one]),
            (pushes.FIND, [one, "PRIMARY KEY (rowid=?)", "PRIMARY KEY (world=? AND number=?)"]),
            (pushes.LEFT, [message]),
            (pushes.FINISH_ENTRIES, [message]),
            (pushes.FINISH_MESSAGES, ["PRIMARY KEY (rowid=?)"]),
            (pushes.PUSHED, ["PRIMARY KEY (rowid=?)"]),
            (pushes.OF_SHELF, ["PRIMARY KEY (world=? AND queue=?)"]),
            (pushes.LAPSED, ["push_remembered_until (until<?)"]),
            (pushes.NEXT_LAPSE, ["push_remembered_until"]),
            (pushes.FORGET, [message]),
            (pushes.DROP, [message]),
        ):
            with self.subTest(statement=statement):
                self.assert_plan(statement, *indexes)


del Plans
