"""Batches as transactions: each once, or not at all, whatever becomes of the connection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from psycopg import Error
from twisted.logger import Logger

from mqgate.storage.executor import SlotLost, execute
from mqgate.storage.interface import Batch, Moved, Results, Stale, Unavailable
from mqgate.storage.postgresql import schema
from mqgate.storage.postgresql.address import Address
from mqgate.storage.postgresql.connecting import connect
from mqgate.storage.postgresql.errors import AGAIN, breaks, raise_as_told
from mqgate.storage.postgresql.line import Line
from mqgate.storage.postgresql.session import PostgreSQLSession
from mqgate.storage.postgresql.slot import Slot, take
from mqgate.storage.reads import only_reads
from mqgate.storage.statements.keeping import TELL

T = TypeVar("T")

#: A deadlock with another gateway has one of the two begin anew, so often in all.
ATTEMPTS = 4
#: Seconds that the end may take: a slot that is not given up is free when its lease is over.
END_SECONDS = 2.0
#: Seconds between two attempts at looking up what became of a transaction.
PAUSE = 0.1


class Transactions:
    """One gateway's transactions, one at a time, over a connection that is made anew if it breaks.

    All is blocking, for up to ``seconds`` of ``monotonic`` a batch.
    """

    _log = Logger()

    def __init__(
        self,
        address: Address,
        owner: str,
        small: int,
        seconds: float,
        monotonic: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._address = address
        self._owner = owner
        self._small = small
        self._seconds = seconds
        self._monotonic = monotonic
        self._sleep = sleep
        self._line: Line | None = None
        self._session: PostgreSQLSession | None = None
        self._slot = Slot(-1, owner, 0)
        #: The worlds that no other gateway uses as long as the transaction lasts, if there is one.
        self._alone_with: set[int] = set()

    # -- the connection

    @property
    def slot(self) -> tuple[int, str]:
        """The slot that is ours, and as whose. May be asked in any thread."""
        slot = self._slot
        return slot.number, slot.owner

    def adopt(self, line: Line) -> tuple[int, int]:
        """Begin with this connection; the slot that was leased, and the bound of its ids."""
        self._line = line
        moved = self._take_slot(line)
        return moved.slot, moved.high

    def line(self) -> Line:
        """A connection, for a batch's time. Raises psycopg's errors."""
        line = self._line
        if line is None:
            line = Line(connect(self._address, self._seconds), self._monotonic)
            self._log.info("{name} is connected again", name=self._address.name)
            self._line = line
            self._use(line)
        line.deadline = self._monotonic() + self._seconds
        return line

    def close(self) -> None:
        """Let others have the slot, and hang up."""
        line = self._line
        if line is None:
            return
        line.deadline = self._monotonic() + min(self._seconds, END_SECONDS)
        try:
            self._end_turn(line)
            self._slot.give_up(line)
        except Error as error:
            self._log.debug("The slot was not given up: {why}", why=str(error))
        self._hang_up()

    def tell(self, messages: Sequence[str]) -> None:
        """Write to other gateways, for who has no `Keeper`; it may get lost."""
        try:
            line = self.line()
            line.ask(TELL, (messages,))
            line.wait()
        except Error as error:
            self._log.debug("Other gateways were not told: {why}", why=str(error))
            self._hang_up()

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
        self._line = self._session = None

    def _use(self, line: Line) -> None:
        """Have the connection speak for this gateway's slot."""
        line.ask("SELECT set_config('mqgate.slot', $1, false)", (str(self._slot.number),))
        self._session = PostgreSQLSession(line, self._slot.number, self._small)

    def _take_slot(self, line: Line) -> Moved:
        line.ask("BEGIN")
        line.ask(schema.LOCK)
        self._slot, high = take(line, self._owner)
        line.ask("COMMIT")
        self._use(line)
        line.wait()
        return Moved(self._slot.number, high)

    def alone(self, function: Callable[[Line], T]) -> T:
        """Make a call in a transaction with the schema's lock, however long it takes.

        Raises psycopg's errors.
        """
        line = self.line()
        line.deadline = float("inf")
        self._end_turn(line)
        try:
            line.ask("BEGIN")
            line.ask("SET LOCAL statement_timeout = 0")
            line.ask("SET LOCAL lock_timeout = 0")
            line.ask(schema.LOCK)
            result = function(line)
            line.ask("COMMIT")
            line.wait()
        except BaseException:
            self._roll_back(line)
            raise
        return result

    # -- batches

    def run(self, batch: Batch) -> Results:
        """Carry a batch out. Raises what `mqgate.storage.interface.Store.run` does."""
        deadline = self._monotonic() + self._seconds
        attempts = 0
        while True:
            attempts += 1
            was_connected = self._line is not None
            try:
                return self._run(batch, deadline)
            except Error as error:
                # A connection that turns out to be dead is made anew, once.
                again = error.sqlstate in AGAIN or (was_connected and self._line is None)
                if not again or attempts == ATTEMPTS or self._monotonic() >= deadline:
                    raise_as_told(error)

    def _run(self, batch: Batch, deadline: float) -> Results:
        line = self.line()
        line.deadline = deadline
        session = self._session
        assert session is not None
        try:
            return self._carry_out(line, session, batch)
        except Error as error:
            if breaks(error):
                self._hang_up()
            else:
                self._roll_back(line)
            raise
        except BaseException:
            self._roll_back(line)
            raise

    def _carry_out(self, line: Line, session: PostgreSQLSession, batch: Batch) -> Results:
        if only_reads(batch):
            self._end_turn(line)
            session.begin(None)
            return execute(session, batch)
        try:
            return self._write(line, session, batch)
        except SlotLost:
            self._roll_back(line)
            self._log.warn("Another gateway has taken this one's slot; it takes another one")
            return self._take_slot(line)

    def _write(self, line: Line, session: PostgreSQLSession, batch: Batch) -> Results:
        changing = {change.world for change in batch.changes}
        if not changing <= self._alone_with:
            self._end_turn(line)  # two who share a turn would each wait to have it alone
        if not line.in_transaction():
            line.ask("BEGIN")
            self._alone_with = changing
        session.begin(self._slot.fence(line, batch.high))
        session.hold_limits(batch.limits)
        result = execute(session, batch)
        if not isinstance(result, Stale):
            self._commit(line)
        elif result.worlds:
            # Nothing was done yet, and this gateway's turn has come to use these worlds, or to
            # change them: it is kept for the next plan. Else others, who need not plan again, would
            # be before it time and again. Should there be none, a look ends it, which comes once a
            # second.
            line.wait()
        else:
            self._roll_back(line)
        return result

    def _commit(self, line: Line) -> None:
        try:
            line.ask("COMMIT")
            line.wait()
        except Error as error:
            if not line.is_lost:
                raise  # it was not committed, but was rolled back
            self._hang_up()
            if not self._was_committed(line.deadline):
                raise Unavailable("the connection was lost before the transaction's end") from error

    def _was_committed(self, deadline: float) -> bool:
        """What became of a transaction whose end nobody heard of; False, too, if nobody says."""
        self._log.warn("The connection was lost while committing: looking up what became of it")
        while True:
            try:
                line = self.line()
                line.deadline = deadline
                return self._slot.was_committed(line)
            except Error:
                self._hang_up()
            if self._monotonic() >= deadline:
                return False
            self._sleep(PAUSE)

    def _end_turn(self, line: Line) -> None:
        """Keep nobody waiting for a plan that does not come."""
        if line.in_transaction():
            self._roll_back(line)

    def _roll_back(self, line: Line) -> None:
        if line is not self._line:  # lost, and another one has taken its place
            return
        try:
            line.abandon()
            if line.in_transaction():
                line.ask("ROLLBACK")
                line.wait()
        except Error as error:
            self._log.debug("Rolling back failed: {why}", why=str(error))
            self._hang_up()
