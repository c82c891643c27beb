"""The queue engine's database on a PostgreSQL server, which many gateways share."""
