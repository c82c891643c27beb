"""The plans of the statements that batches use, whatever the statistics say of the tables."""

from __future__ import annotations

import re
from typing import NamedTuple

from twisted.trial.unittest import SynchronousTestCase

from mqgate.storage import statements as sql
from mqgate.storage.postgresql import PostgreSQLStore
from mqgate.storage.postgresql.session import READY_TAKEN
from mqgate.storage.runners import Inline
from mqgate.storage.statements import catalogue, publishing, pushes
from mqgate.storage.statements.texts import Statement
from tests.postgresql.databases import give_back, lend
from tests.storage.postgresql_plans import plan_of

#: Messages in a queue that has many.
MANY = 5_000

#: What the statistics may say: for each shelf, the state of its messages and how many there are.
STATES: dict[str, tuple[tuple[int, int, int], ...]] = {
    "empty": (),
    "all are reserved": ((100, 1, MANY),),
    "all are ready": ((100, 0, MANY),),
    "all are deleted but readable": ((101, 3, MANY),),
    "many queues": tuple((200 + n, 0, 20) for n in range(250)),
    "reserved here, ready elsewhere": ((100, 1, MANY), (200, 0, MANY)),
}
FILL = """
INSERT INTO msg(id, world, queue, state, pos, due, expires, timeout, rcount, first_at, body, origin,
    data)
SELECT n, 1, %s::bigint, %s::bigint, n, n, n + 1000, 1, 0, 0, 0, n, 'x'
FROM generate_series(%s::bigint, %s::bigint) n
"""


class Plan(NamedTuple):
    """A statement, and where it begins to look: an index, and the columns that narrow it."""

    statement: Statement | str
    walks: str
    columns: tuple[str, ...]


SHELF = ("queue", "world")
ID = ("id", "world")
PLANS = (
    Plan(sql.READY, "msg_ready", SHELF),
    Plan(READY_TAKEN, "msg_ready", SHELF),
    Plan(sql.PROMOTE_TO_BACK, "msg_held", ("due", *SHELF)),
    Plan(sql.PROMOTE_IN_PLACE, "msg_held", ("due", *SHELF)),
    Plan(sql.RESERVE, "msg_pkey", ID),
    Plan(sql.HAND_OUT_DELETED, "msg_pkey", ID),
    Plan(sql.NEXT_DUE, "msg_held", SHELF),
    Plan(publishing.HELD, "msg_held", ("due", *SHELF)),
    Plan(sql.GET, "msg_pkey", ID),
    Plan(sql.TOUCH, "msg_pkey", ID),
    Plan(sql.THESE, "msg_pkey", ID),
    Plan(sql.RELEASE_TO, "msg_pkey", ID),
    Plan(sql.RELEASE_IN_PLACE, "msg_pkey", ID),
    Plan(sql.GIVE_BACK, "msg_pkey", ID),
    Plan(sql.DELETE, "msg_pkey", ID),
    Plan(sql.MARK_DELETED_RETURNING, "msg_pkey", ID),
    Plan(sql.UNDELETE, "msg_pkey", ID),
    Plan(sql.FORGET, "msg_pkey", ID),
    Plan(sql.REMOVE, "msg_pkey", ID),
    Plan(sql.EXPIRED, "msg_exp", ("expires",)),
    Plan(sql.TAKE_EXPIRED, "msg_pkey", ID),
    Plan(sql.NEXT_EXPIRY, "msg_exp", ()),
    Plan(sql.LAPSED, "remembered_until", ("until",)),
    Plan(sql.NEXT_LAPSE, "remembered_until", ()),
    Plan(sql.TAKE_NOTES, "remembered_pkey", ("note", "world")),
    Plan(sql.SHELF_READY, "msg_ready", SHELF),
    Plan(sql.SHELF_HELD, "msg_held", SHELF),
    Plan(sql.SHELF_LOGGED, "msg_log", SHELF),
    Plan(sql.OLDEST_READY, "msg_ready", SHELF),
    Plan(sql.OLDEST_HELD, "msg_held", SHELF),
    Plan(sql.LARGE_BODIES, "body_pkey", ID),
    Plan(sql.LOCK_BODIES, "body_pkey", ID),
    Plan(sql.DROP_BODIES, "body_pkey", ID),
    Plan(sql.LEAVE_BODY, "body_pkey", ID),
    Plan(sql.DROP_UNUSED_BODIES, "body_pkey", ID),
    Plan(catalogue.COUNT, "qstat_pkey", SHELF),
    Plan(catalogue.USAGE, "qstat_pkey", ("world",)),
    Plan(catalogue.VERSIONS, "world_pkey", ("id",)),
    Plan(catalogue.FENCE, "gateway_pkey", ("slot",)),
    Plan(catalogue.QUEUES, "queue_version", ("version", "world")),
    Plan(catalogue.QUEUES_TO_FORGET, "queue_removed", ("removed",)),
    Plan(catalogue.FORGET_QUEUES, "queue_pkey", ("number", "world")),
    Plan(catalogue.TAKE_OLD_SHELVES, "old_shelf_pkey", ("shelf", "world")),
    Plan(publishing.BINDINGS_TO_FORGET, "binding_removed", ("removed",)),
    Plan(pushes.TAKE_NOTES, "push_remembered_pkey", ("note", "world")),
)

#: The first index that is walked, and what narrows it.
_TABLES = "msg|body|qstat|world|gateway|queue|old_shelf|binding|(?:push_)?remembered"
_WALK = re.compile(rf"Scan using (\w+) on (?:{_TABLES})\b.*")
_CONDITION = re.compile(r"\(\(*(\w+) (?:=|<=|<|>)")


class PlanTests(SynchronousTestCase):
    """Plans are made once for each connection, so of whatever is known by then."""

    def test_every_statement_walks_its_own_index_in_its_order(self) -> None:
        database = lend(new=True)
        self.addCleanup(give_back, database)
        store = PostgreSQLStore(database.dsn, Inline())
        store.open()
        self.addCleanup(store.close)
        for state, shelves in STATES.items():
            database.change("DELETE FROM msg")
            first = 1
            for shelf, value, many in shelves:
                database.connection.execute(FILL, (shelf, value, first, first + many - 1))
                first += many
            database.connection.execute("VACUUM ANALYZE msg")
            for plan in PLANS:
                text = (
                    plan.statement if isinstance(plan.statement, str) else plan.statement.postgresql
                )
                with self.subTest(state=state, statement=text):
                    self.assert_walks(plan_of(database.connection, text), plan)

    def assert_walks(self, shown: str, plan: Plan) -> None:
        lines = shown.splitlines()
        walks = [n for n, line in enumerate(lines) if _WALK.search(line)]
        first = walks[0]
        name = _WALK.search(lines[first])
        assert name is not None
        self.assertEqual(name[1], plan.walks, shown)
        condition = lines[first + 1] if first + 1 < len(lines) else ""
        columns = _CONDITION.findall(condition) if "Index Cond" in condition else []
        self.assertEqual(tuple(sorted(columns)), plan.columns, shown)
        for bad in ("Seq Scan", "Bitmap", "Hash", "Merge"):
            self.assertNotIn(bad, shown)
        if not plan.columns:  # no more than the first entry
            self.assertTrue(shown.startswith("Limit"), shown)
        if plan.statement is not sql.LOCK_BODIES:
            self.assertNotIn("Sort", shown)
