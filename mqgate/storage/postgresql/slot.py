"""This gateway's row among the gateways: its slot, leased, and what its transactions begin with."""

from __future__ import annotations

import attrs

from mqgate.storage.interface import StoreError
from mqgate.storage.postgresql.line import Answer, Line
from mqgate.storage.statements import catalogue as sql

#: In milliseconds. A gateway that is gone for longer loses its slot.
LEASE = 30_000


@attrs.define
class Slot:
    """A slot that was taken; ``batch`` is the number of the last transaction in it."""

    number: int
    owner: str
    batch: int

    def fence(self, line: Line, high: int) -> Answer:
        """Say in a transaction which one it is. It changes no row if the slot is another's now.

        ``high`` is a new bound of the ids given out, or 0.
        """
        self.batch += 1
        return line.ask(sql.FENCE, (self.batch, high, LEASE, self.number, self.owner))

    def was_committed(self, line: Line) -> bool:
        """Whether the last transaction was; waits until it has come to its end."""
        row = line.ask(sql.LAST_BATCH, (self.number,)).one()
        return bool(row == (self.owner, self.batch))

    def give_up(self, line: Line) -> None:
        """Let others have it at once."""
        line.ask(sql.GIVE_UP_SLOT, (self.number, self.owner))
        line.wait()


def take(line: Line, owner: str) -> tuple[Slot, int]:
    """The lowest slot that is free, and the bound of the ids that were given out in it.

    In a transaction that has the schema's lock, so that no two gateways find the same. Raises
    `StoreError` if there is none.
    """
    taken = line.ask(sql.LEASE_SLOT, (owner, LEASE)).one()
    if taken is None:
        raise StoreError("the database has 1,023 gateways already: stop some of them first")
    number, batch, high = taken
    return Slot(number, owner, batch), high
