"""Topics and groups in SQLite."""

from __future__ import annotations

import os
import sqlite3

from twisted.trial.unittest import SynchronousTestCase

from mqgate.storage import statements as plain
from mqgate.storage.sqlite import Inline, SQLiteStore
from mqgate.storage.statements import groups as sql
from mqgate.storage.verify import verify
from tests.storage.contract_groups import GroupsContract
from tests.storage.sqlite_file import SQLiteFile


class SQLiteGroupsTests(SQLiteFile, GroupsContract, SynchronousTestCase):
    """The store with its calls made on the spot."""

    def test_what_does_not_add_up_is_found(self) -> None:
        for id_, key in ((10, "k"), (20, "k"), (30, "l")):
            self.append(self.entry(id_, key=key))
        self.consume(1)
        self.assert_clean()
        for damage, told in (
            ("UPDATE msg SET head = 1 WHERE id = 21", "message 21 with key 'k' should not be"),
            ("UPDATE msg SET head = 0", "message 31 with key 'l' should be its key's head"),
            ("UPDATE msg SET head = 1 WHERE id = 11", "is its key's head, but in state 1"),
            ("UPDATE msg SET grp = NULL WHERE id = 10", "message 10 stands in a log or a group"),
            ("UPDATE msg SET state = 0, due = 0 WHERE id = 10", "message 10 has state 0, which"),
            ("UPDATE msg SET state = 5 WHERE id = 31", "message 31 has state 5, which does not"),
            ("UPDATE consumer_group SET queue = 7", "group 'g' of world 1 has no topic"),
            ("UPDATE consumer_group SET cursor_pos = 1 << 60", "has come to 1152921504606846976"),
            ("UPDATE body SET refs = 1", "is used 2 times but counts 1"),
            ("DELETE FROM msg WHERE id = 10", "counts 3 messages but has 2"),
        ):
            with self.subTest(damage=damage):
                self.assertIn(told, "\n".join(self.damaged(damage)))

    def damaged(self, damage: str) -> list[str]:
        """What is found after somebody did this to a copy of the file."""
        self.store.close()
        copy = sqlite3.connect(":memory:", isolation_level=None)
        with sqlite3.connect(self.path) as original:
            original.backup(copy)
        original.close()
        self.reopen()
        copy.execute(damage)
        problems = verify(copy)
        copy.close()
        return problems


class PlanTests(SynchronousTestCase):
    """Every statement walks the index made for it."""

    PLANS = (
        (sql.LOGGED.sqlite, "msg_log (world=? AND queue=? AND pos>?)"),
        (sql.LAST_PLACE.sqlite, "msg_log (world=? AND queue=?)"),
        (sql.HALVES.sqlite, "PRIMARY KEY (rowid=?)"),
        (sql.LAPSED.sqlite, "msg_held (world=? AND queue=? AND due<?)"),
        (sql.EXHAUSTED.sqlite, "msg_held (world=? AND queue=? AND due<?)"),
        (sql.NEXT_AFTER.sqlite, "msg_held (world=? AND queue=? AND due>?)"),
        (sql.MAKE_READY.sqlite, "PRIMARY KEY (rowid=?)"),
        (sql.HOLD.sqlite, "PRIMARY KEY (rowid=?)"),
        (sql.DELIVERED.sqlite, "PRIMARY KEY (rowid=?)"),
        (sql.READY_WITH_TAG.sqlite, "msg_tag (world=? AND queue=? AND tag=?)"),
        (sql.HEADS.sqlite, "msg_head (world=? AND queue=?)"),
        (sql.KEYS_WITH_TAG.sqlite, "msg_tag (world=? AND queue=? AND tag=?)"),
        (sql.IS_RESERVED.sqlite, "msg_group (world=? AND queue=? AND grp=? AND state=?)"),
        (sql.READY_OF_KEY.sqlite, "msg_group (world=? AND queue=? AND grp=? AND state=?)"),
        (
            sql.READY_OF_KEY_WITH_TAG.sqlite,
            "msg_group_tag (world=? AND queue=? AND grp=? AND tag=?)",
        ),
        (sql.SET_HEADS.sqlite, "msg_group (world=? AND queue=? AND grp=? AND state=?)"),
        (sql.CLEAR_HEADS.sqlite, "msg_head_of (world=? AND queue=? AND grp=?)"),
        (sql.UNMAKE_HEADS.sqlite, "msg_head_of (world=? AND queue=? AND grp=?)"),
        (sql.LIVE_GROUPS.sqlite, "PRIMARY KEY (world=? AND topic=?)"),
        (plain.SHELF_LOGGED.sqlite, "msg_log (world=? AND queue=?)"),
    )

    def test_plans(self) -> None:
        folder = self.mktemp()
        os.makedirs(folder)
        path = os.path.join(folder, "queues.db")
        store = SQLiteStore(path, Inline())
        store.open()
        store.close()
        connection = sqlite3.connect(path)
        self.addCleanup(connection.close)
        for statement, index in self.PLANS:
            with self.subTest(statement=statement):
                values = [1] * statement.count("?")
                rows = connection.execute("EXPLAIN QUERY PLAN " + statement, values)
                plan = " | ".join(text for *_, text in rows)
                self.assertIn(index, plan)
                self.assertNotIn("TEMP B-TREE", plan)
                self.assertNotIn("SCAN m", plan)
