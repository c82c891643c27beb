"""The queue engine's database in one SQLite file."""

from mqgate.storage.runners import CallThread, Inline
from mqgate.storage.sqlite.store import SQLiteStore

__all__ = ["CallThread", "Inline", "SQLiteStore"]
