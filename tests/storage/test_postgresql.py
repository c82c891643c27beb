"""The PostgreSQL store keeps the contract, and what is its own: the server."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.storage import contract, contract_limits, contract_publishing
from tests.storage.postgresql_database import PostgreSQLDatabase


class PostgreSQLContractTests(PostgreSQLDatabase, contract.Contract):
    """The store with its calls made on the spot."""


class BodiesApartContractTests(PostgreSQLContractTests):
    """The same where every body stands apart from its message, as large ones do."""

    small = -1


class PublishingTests(
    PostgreSQLDatabase, contract_publishing.PublishingContract, SynchronousTestCase
):
    """Messages in several queues."""


class WiringTests(PostgreSQLDatabase, contract_publishing.WiringContract, SynchronousTestCase):
    """Exchanges and bindings."""


class PublishLimitTests(PostgreSQLDatabase, contract_publishing.LimitContract, SynchronousTestCase):
    """Limits of what is published."""


class QuotaTests(PostgreSQLDatabase, contract_limits.QuotaContract, SynchronousTestCase):
    """What a world may hold."""


class BytesTests(PostgreSQLDatabase, contract_limits.BytesContract, SynchronousTestCase):
    """Bytes, which are counted only on demand."""


class BoundTests(PostgreSQLDatabase, contract_limits.BoundContract, SynchronousTestCase):
    """How long a queue may get."""


class BodiesApartBytesTests(BytesTests):
    """The same where every body stands apart from its message, as large ones do."""

    small = -1


class BodiesApartBoundTests(BoundTests):
    """The same."""

    small = -1


del contract.Contract  # else trial would run it without a store
