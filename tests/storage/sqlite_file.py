"""A store in an SQLite file, for the contracts that every store keeps."""

from __future__ import annotations

import os
import sqlite3
from typing import Any

from mqgate.storage.interface import Opened, Store
from mqgate.storage.sqlite import Inline, SQLiteStore
from mqgate.storage.sqlite.session import SMALL
from mqgate.storage.verify import verify


class SQLiteFile:
    """Mix in before a contract: makes its store, with calls made on the spot."""

    path: str
    #: Bodies of so many bytes stand in their messages' rows.
    small = SMALL
    store: Store
    last_opened: Opened

    def make_store(self: Any) -> Store:
        folder: str = self.mktemp()
        os.makedirs(folder)
        self.path = os.path.join(folder, "queues.db")
        return SQLiteStore(self.path, Inline(), small=self.small)

    def reopen(self) -> Store:
        self.store.close()
        self.store = SQLiteStore(self.path, Inline(), small=self.small)
        self.last_opened = self.store.open()
        return self.store

    def tearDown(self) -> None:
        self.store.close()

    def assert_clean(self: Any) -> None:
        connection = sqlite3.connect(self.path)
        self.addCleanup(connection.close)
        self.assertEqual(verify(connection), [])
