"""A store in a PostgreSQL database, for the contracts that every store keeps."""

from __future__ import annotations

from typing import Any

from mqgate.storage.interface import Opened, Store
from mqgate.storage.postgresql import PostgreSQLStore
from mqgate.storage.postgresql.address import Address
from mqgate.storage.postgresql.session import SMALL
from mqgate.storage.postgresql.viewing import PostgreSQLView
from mqgate.storage.runners import Inline
from mqgate.storage.verify import problems_in
from tests.postgresql.databases import Database, give_back, lend


class PostgreSQLDatabase:
    """Mix in before a contract: makes its store, with calls made on the spot."""

    database: Database
    #: Bodies of so many bytes stand in their messages' rows.
    small = SMALL
    store: Store
    last_opened: Opened

    def make_store(self: Any) -> Store:
        self.database = lend()
        self.addCleanup(give_back, self.database)
        return PostgreSQLStore(self.database.dsn, Inline(), small=self.small)

    def reopen(self) -> Store:
        self.store.close()
        self.store = PostgreSQLStore(self.database.dsn, Inline(), small=self.small)
        self.last_opened = self.store.open()
        return self.store

    def tearDown(self) -> None:
        self.store.close()

    def assert_clean(self: Any) -> None:
        view = PostgreSQLView(Address.parse(self.database.dsn))
        self.assertEqual(problems_in(view), [])
        view.close()
