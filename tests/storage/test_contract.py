"""The store keeps the contract."""

from __future__ import annotations

from tests.storage import contract
from tests.storage.chosen import Chosen


class ContractTests(Chosen, contract.Contract):
    """The store with its calls made on the spot."""


class BodiesApartContractTests(ContractTests):
    """The same where every body stands apart from its message, as large ones do."""

    small = -1
