"""mqgate: one durable queue engine behind the HTTP dialects of four message-queue services."""

__version__ = "0.1.0"
