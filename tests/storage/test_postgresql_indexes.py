"""PostgreSQL looks up topics, alerts and pushes in the indexes made for it, whatever it believes.

Statements are planned once in a gateway's session. What PostgreSQL knows of its tables then may be
anything: nothing, what was true an hour ago, or that they are empty, which they are at times.
"""

from __future__ import annotations

import importlib
import re
from typing import LiteralString

from twisted.trial.unittest import SynchronousTestCase

from mqgate.storage.runners import Inline
from mqgate.storage.statements import alerts, groups, pushes, topics
from mqgate.storage.statements.texts import Statement
from tests.postgresql.databases import give_back, lend
from tests.storage.postgresql_plans import plan_of

ROWS = 100_000
MESSAGE = "msg_pkey"
ENTRY = "push_pkey"

#: The indexes that a statement uses, and no others.
EXPECTED: tuple[tuple[Statement | str, set[str]], ...] = (
    (groups.LIVE_GROUPS, {"consumer_group_pkey"}),
    (groups.GROUP, {"consumer_group_pkey"}),
    (groups.LAST_PLACE, {"msg_log"}),
    (groups.LOGGED, {"msg_log"}),
    (groups.SHARE_BODIES, {"body_pkey"}),
    (groups.HALVES, {MESSAGE}),
    (groups.LAPSED, {"msg_held"}),
    (groups.EXHAUSTED, {"msg_held"}),
    (groups.NEXT_AFTER, {"msg_held"}),
    (groups.MAKE_READY, {MESSAGE}),
    (groups.HOLD, {MESSAGE}),
    (groups.DELIVERED, {MESSAGE}),
    (groups.READY_WITH_TAG, {"msg_tag", "body_pkey"}),
    (groups.READY_OF_KEY, {"msg_key", "body_pkey"}),
    (groups.READY_OF_KEY_WITH_TAG, {"msg_key_tag", "body_pkey"}),
    (groups.HEADS, {"msg_head"}),
    (groups.KEYS_WITH_TAG, {"msg_tag"}),
    (groups.IS_RESERVED, {"msg_key_held"}),
    (groups.SET_HEADS, {"msg_key", "msg_key_held", MESSAGE}),
    (groups.CLEAR_HEADS, {"msg_head_of", "msg_key", "msg_key_held", MESSAGE}),
    (groups.UNMAKE_HEADS, {"msg_head_of", MESSAGE}),
    (topics.SET_LATEST, {"topic_value_pkey"}),
    (topics.SET_BOTH, {"topic_value_pkey"}),
    (topics.LATEST, {"topic_value_pkey"}),
    (topics.OLDEST_TOPIC, {"topic_seq"}),
    (topics.DROP_TOPICS, {"topic_seq", "topic_value_pkey"}),
    (topics.LATEST_AFTER, {"topic_seq"}),
    (topics.RETAINED_AFTER, {"topic_retained"}),
    (alerts.ALERTS, {"queue_version", "alert_pkey"}),
    (alerts.FIRED_AT, {"alert_pkey"}),
    (alerts.SET_OFF, {"alert_pkey"}),
    (alerts.ALERTED, {"queue_shelf", "alert_pkey"}),
    (pushes.SHOW, {MESSAGE, ENTRY}),
    (pushes.RESUME, {"push_claimed"}),
    (pushes.DUE, {"push_due"}),
    (pushes.NEXT_DUE, {"push_due"}),
    (pushes.LANES, {"push_lane"}),
    (pushes.DUE_IN_LANE, {"push_lane"}),
    (pushes.FIND, {ENTRY, "queue_pkey", MESSAGE, "body_pkey"}),
    (pushes.CLAIM, {ENTRY}),
    (pushes.LOCK_MESSAGES, {MESSAGE}),
    (pushes.SETTLE, {ENTRY}),
    (pushes.ACKNOWLEDGE, {ENTRY}),
    (pushes.IS_KNOWN, {MESSAGE, ENTRY}),
    (pushes.LEFT, {ENTRY}),
    (pushes.PUSHED, {MESSAGE}),
    (pushes.FINISH_MESSAGES, {MESSAGE}),
    (pushes.FINISH_ENTRIES, {ENTRY}),
    (pushes.OLDEST, {ENTRY, MESSAGE, "body_pkey"}),
    (pushes.OF_SHELF, {ENTRY}),
    (pushes.OF_MESSAGES, {ENTRY}),
    (pushes.ANY_LEFT, {ENTRY}),
    (pushes.DROP_THESE, {ENTRY}),
)

_TABLES = "msg, body, push, topic_value, queue, alert, consumer_group"
_EMPTY: LiteralString = f"TRUNCATE {_TABLES}"
_DELETE: LiteralString = "DELETE FROM msg; DELETE FROM push; DELETE FROM topic_value"
_FILL: LiteralString = f"""
    INSERT INTO msg(id, world, queue, state, pos, due, expires, timeout, rcount, first_at, body,
        origin, tag, grp, head)
    SELECT i, 1, 2, {{state}}, i, i, 1 << 40, 0, 0, 0, i, i, 't' || i % 10, 'k' || i % 1000,
        CASE WHEN {{state}} = 0 AND i <= 1000 THEN 1 ELSE 0 END
    FROM generate_series(1, {ROWS}) i;
    INSERT INTO body(id, world, refs, data)
    SELECT i, 1, 1, '' FROM generate_series(1, {ROWS // 10}) i;
    INSERT INTO push(world, queue, message, subscriber, number, targets, via, retries, delay, step,
        url, lane, tries, next_at, status, code, claim)
    SELECT 1, 2, i, i, 1, '', '', 0, 0, 0, '', 'l' || i % 100, 0, i, {{status}}, 0, 0
    FROM generate_series(1, {ROWS}) i;
    INSERT INTO topic_value(world, topic, latest_seq, retained_seq, version)
    SELECT 1, 't' || i, i, 0, 0 FROM generate_series(1, {ROWS // 10}) i;
    INSERT INTO queue(world, number, name, shelf, policy, settings, created, removed, version)
    SELECT 1, i, 'q' || i, i, '', '', 0, 0, i FROM generate_series(1, {ROWS // 10}) i
"""
READY = _FILL.replace("{state}", "0").replace("{status}", "0")
HELD = _FILL.replace("{state}", "1").replace("{status}", "3")


class PlansTests(SynchronousTestCase):
    """All of it in one database, from one state to the next: to fill it takes seconds."""

    def setUp(self) -> None:
        database = lend(new=True)
        self.addCleanup(give_back, database)
        module = importlib.import_module("mqgate.storage.postgresql")
        store = module.PostgreSQLStore(database.dsn, Inline())
        store.open()
        store.close()
        self.connection = database.connection
        self.conditions: dict[str, list[str]] = {}

    def test_each_statement_has_its_index_and_looks_up_the_same_in_it(self) -> None:
        self.assert_plans("nothing is known, and nothing there")
        self.do(READY)
        self.assert_plans("nothing is known")
        self.do("ANALYZE")
        self.assert_plans("it is known how it is")
        self.do(_EMPTY, HELD, "ANALYZE")
        self.assert_plans("it is known that all are held and all pushes done")
        self.do(_EMPTY, READY)
        self.assert_plans("that was so before, and all are ready now")
        self.do(_EMPTY, "VACUUM ANALYZE")
        self.assert_plans("it is known that all is empty")
        self.do(READY)
        self.assert_plans("it is full, and was known to be empty")
        self.do(_DELETE, "ANALYZE")
        self.assert_plans("all is deleted, and its place not free yet")

    def do(self, *scripts: LiteralString) -> None:
        for script in scripts:
            self.connection.execute(script)

    def assert_plans(self, state: str) -> None:
        for statement, indexes in EXPECTED:
            text = statement if isinstance(statement, str) else statement.postgresql
            plan = plan_of(self.connection, text)
            with self.subTest(state=state, statement=text):
                used = set(re.findall(r"using (\w+) on", plan))
                self.assertEqual(used, indexes, plan)
                self.assertNotIn("Seq Scan", plan)
                conditions = sorted(re.findall(r"Index Cond: (.*)", plan))
                self.assertEqual(self.conditions.setdefault(text, conditions), conditions, plan)
