"""The queue engine's database in one SQLite file."""

from mqgate.storage.sqlite.runners import Inline, WriterThread
from mqgate.storage.sqlite.store import SQLiteStore

__all__ = ["Inline", "SQLiteStore", "WriterThread"]
