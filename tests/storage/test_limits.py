"""The store keeps limits."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.storage import contract_limits
from tests.storage.chosen import Chosen


class QuotaTests(Chosen, contract_limits.QuotaContract, SynchronousTestCase):
    """What a world may hold."""


class BytesTests(Chosen, contract_limits.BytesContract, SynchronousTestCase):
    """Bytes, which are counted only on demand."""


class BoundTests(Chosen, contract_limits.BoundContract, SynchronousTestCase):
    """How long a queue may get."""


class BodiesApartBytesTests(BytesTests):
    """The same where every body stands apart from its message, as large ones do."""

    small = -1


class BodiesApartBoundTests(BoundTests):
    """The same."""

    small = -1
