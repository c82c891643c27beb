"""A store on the database that tests were told to use, for the contracts that every store keeps."""

from __future__ import annotations

from typing import Any

from mqgate.storage.interface import Opened, Store
from mqgate.storage.sqlite.session import SMALL
from tests import stores


class Chosen:
    """Mix in before a contract: makes its store, with calls made on the spot."""

    database: stores.Database
    #: Bodies of so many bytes stand in their messages' rows.
    small = SMALL
    store: Store
    last_opened: Opened

    def make_store(self: Any) -> Store:
        self.database = stores.for_test(self)
        store: Store = self.database.store(small=self.small)
        return store

    def reopen(self) -> Store:
        self.store.close()
        self.store = self.database.store(small=self.small)
        self.last_opened = self.store.open()
        return self.store

    def tearDown(self) -> None:
        self.store.close()

    def assert_clean(self: Any) -> None:
        self.assertEqual(self.database.problems(), [])
