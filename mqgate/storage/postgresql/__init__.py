"""The queue engine's database on a PostgreSQL server, which many gateways share."""

from mqgate.storage.postgresql.store import PostgreSQLStore

__all__ = ["PostgreSQLStore"]
