"""A store in a PostgreSQL database, which many gateways may share."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Sequence
from typing import NoReturn

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mqgate.storage.interface import (
    Batch,
    Census,
    Opened,
    Peers,
    Results,
    StoreError,
    Unavailable,
)
from mqgate.storage.postgresql import advice, metering, schema
from mqgate.storage.postgresql.address import Address, told_plainly
from mqgate.storage.postgresql.clock import Offset
from mqgate.storage.postgresql.connecting import check_library, connect
from mqgate.storage.postgresql.keeper import Keeper
from mqgate.storage.postgresql.line import Line
from mqgate.storage.postgresql.messages import written
from mqgate.storage.postgresql.reading import Observer
from mqgate.storage.postgresql.session import SMALL
from mqgate.storage.postgresql.transactions import Transactions
from mqgate.storage.runners import Runner
from mqgate.storage.statements.catalogue import MAKE_SECRET, NOW, SECRET
from mqgate.storage.worlds import worlds_of

#: Seconds that a batch may take, from its beginning in the runner to its end.
DEADLINE_SECONDS = 10.0
#: How much later than that callers are told, whatever the runner does.
GRACE_SECONDS = 1.0
#: The database's clock is read so often at first: the shortest round trip tells most.
READINGS = 3
#: How often it is looked whether somebody keeps the server from cleaning up.
LOOK_SECONDS = 60.0


class PostgreSQLStore:
    """The store of one gateway; implements `mqgate.storage.interface.Store`.

    ``observing`` makes the calls that only look, which may take long; without it ``runner`` does.
    Bodies of up to ``small`` bytes stand in their messages' rows. A batch that the database has not
    carried out within ``seconds`` fails. A session that sits in a transaction for ``idle`` seconds
    is told of.

    Where there is a reactor it hears of other gateways, and tells them, in one more thread.
    With ``beside`` it is the store of an operator's command: it makes and upgrades nothing.
    """

    _log = Logger()

    #: Other gateways may work on the database.
    shared = True

    def __init__(
        self,
        dsn: str,
        runner: Runner,
        *,
        observing: Runner | None = None,
        seconds: float = DEADLINE_SECONDS,
        beside: bool = False,
        small: int = SMALL,
        idle: int = advice.IDLE,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._address = Address.parse(dsn)
        self._runner = runner
        self._observing = observing or runner
        self._observer = Observer(self._address, seconds, monotonic)
        self._beside = beside
        self._seconds = seconds
        self._idle = idle
        self._now = now
        self._monotonic = monotonic
        self._transactions = Transactions(
            self._address, secrets.token_hex(8), small, seconds, monotonic, sleep
        )
        self._reactor = runner.reactor
        self._offset = Offset()
        self._keeper = None
        if self._reactor is not None:
            self._keeper = Keeper(
                self._address,
                lambda: self._transactions.slot,
                self._reactor,
                now,
                monotonic,
                self._offset,
            )
        self._is_open = False
        self._look_at = monotonic() + LOOK_SECONDS

    def open(self) -> Opened:
        check_library()
        name = self._address.name
        with told_plainly(name):
            connection = connect(self._address, self._seconds)
            try:
                (schema.check_known if self._beside else schema.prepare)(connection, name)
                line = Line(connection, self._monotonic)
                slot, high = self._transactions.adopt(line)
                line.ask(MAKE_SECRET.postgresql, (secrets.token_bytes(32),))
                secret: bytes = line.ask(SECRET.postgresql).one()[0]
                ahead = self._measure(line)
                advice.warn_of_settings(line, name)
                advice.warn_of_idle_sessions(line, name, self._idle)
            except BaseException:
                connection.close()
                raise
        self._is_open = True
        self._log.info("{name} is connected; this gateway's slot is {slot}", name=name, slot=slot)
        self._runner.start()
        if self._observing is not self._runner:
            self._observing.start()
        return Opened(slot, high, secret, ahead)

    def _measure(self, line: Line) -> int:
        """By how many milliseconds the database's clock is ahead."""
        ahead = 0
        for _ in range(READINGS):
            before = self._now()
            theirs: int = line.ask(f"SELECT {NOW}").one()[0]
            ahead = self._offset.measured(before, theirs, self._now())
        return ahead

    def worlds(self, names: Sequence[Sequence[str]]) -> list[int]:
        with told_plainly(self._address.name):
            return self._transactions.alone(lambda line: worlds_of(schema.WorldNames(line), names))

    def meter(self, wanted: bool) -> None:
        with told_plainly(self._address.name):
            self._transactions.alone(lambda line: metering.become(line, wanted))

    def run_now(self, batch: Batch) -> Results:
        try:
            return self._transact(batch)
        except Unavailable as error:
            raise StoreError(f"{self._address.name} cannot be used: {error}") from error

    def run(self, batch: Batch) -> Deferred[Results]:
        carried_out = self._runner.call(lambda: self._transact(batch))
        if self._reactor is not None:
            # The thread keeps to the deadline, unless it is the system that does not come back: a
            # name that is being looked up, say. What becomes of the batch then, nobody knows.
            carried_out.addTimeout(
                self._seconds + GRACE_SECONDS, IReactorTime(self._reactor), self._late
            )
        return carried_out

    def _late(self, result: object, seconds: float) -> NoReturn:
        raise Unavailable(f"{self._address.name} has not answered for {seconds:.0f} s")

    def attend(self, peers: Peers) -> None:
        if self._keeper is not None:
            self._keeper.start(peers)

    def announce(self, queues: Collection[tuple[int, str]]) -> None:
        if self._keeper is not None:
            self._keeper.announce(queues)
        elif self._beside:
            self._runner.call(lambda: self._transactions.tell(written(queues)))

    def has_room(self) -> bool:
        """How much room there is, the server does not tell."""
        return True

    def census(self, worlds: Sequence[int], now: int, limit: int) -> Deferred[Census]:
        return self._observing.call(lambda: self._observer.census(worlds, now, limit))

    def tidy(self) -> Deferred[bool]:
        """The server does it by itself; but for what keeps it from that, which is looked for."""
        if self._monotonic() < self._look_at:
            return succeed(False)
        self._look_at = self._monotonic() + LOOK_SECONDS
        looked = self._observing.call(lambda: self._observer.warn_of_idle_sessions(self._idle))
        return looked.addCallback(lambda _: False)

    def close(self) -> Deferred[None]:
        if self._keeper is not None:
            self._keeper.stop()
        closed = self._observing.call(self._observer.close)
        closed.addCallback(lambda _: self._runner.call(self._transactions.close))
        return closed.addBoth(self._closed)

    # -- in the runner's thread

    def _transact(self, batch: Batch) -> Results:
        if not self._is_open:
            raise StoreError(f"{self._address.name} is not open")
        return self._transactions.run(batch)

    # -- in the reactor's thread

    def _closed(self, result: None) -> None:
        self._is_open = False
        if self._observing is not self._runner:
            self._observing.stop()
        self._runner.stop()
        return result
