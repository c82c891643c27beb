"""The SQLite store keeps limits."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.storage import contract_limits
from tests.storage.sqlite_file import SQLiteFile


class SQLiteQuotaTests(SQLiteFile, contract_limits.QuotaContract, SynchronousTestCase):
    """What a world may hold."""


class SQLiteBytesTests(SQLiteFile, contract_limits.BytesContract, SynchronousTestCase):
    """Bytes, which are counted only on demand."""


class SQLiteBoundTests(SQLiteFile, contract_limits.BoundContract, SynchronousTestCase):
    """How long a queue may get."""


class BodiesApartBytesTests(SQLiteBytesTests):
    """The same where every body stands apart from its message, as large ones do."""

    small = -1


class BodiesApartBoundTests(SQLiteBoundTests):
    """The same."""

    small = -1
