"""The SQLite store keeps exchanges, bindings, and messages in several queues."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mqgate.storage.statements import publishing
from tests.storage import contract_publishing
from tests.storage.sqlite_file import SQLiteFile
from tests.storage.test_sqlite import PlanTests as Plans


class SQLitePublishingTests(
    SQLiteFile, contract_publishing.PublishingContract, SynchronousTestCase
):
    """Publish and take."""


class BodiesApartPublishingTests(SQLitePublishingTests):
    """The same where every body stands apart from its message, as large ones do."""

    small = -1


class SQLiteWiringTests(SQLiteFile, contract_publishing.WiringContract, SynchronousTestCase):
    """Exchanges and bindings."""


class SQLitePublishingLimitTests(
    SQLiteFile, contract_publishing.LimitContract, SynchronousTestCase
):
    """What worlds and queues may hold."""


class PlanTests(Plans):
    """Every statement here walks the index made for it."""

    def test_plans_on_exchanges_and_bindings(self) -> None:
        for statement, indexes in (
            (publishing.HELD.sqlite, ["msg_held (world=? AND queue=? AND due>?)"]),
            (publishing.EXCHANGES.sqlite, ["exchange_version (world=? AND version>?)"]),
            (publishing.BINDINGS.sqlite, ["binding_version (world=? AND version>?)"]),
            (publishing.FORGET_BINDINGS.sqlite, ["binding_removed (removed>? AND removed<?)"]),
            (
                publishing.FORGET_BINDINGS_OF_QUEUES.sqlite,
                ["queue_removed (removed>? AND removed<?)", "binding_queue (world=? AND queue=?)"],
            ),
        ):
            with self.subTest(statement=statement):
                self.assert_plan(statement, *indexes)


del Plans
