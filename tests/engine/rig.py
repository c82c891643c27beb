"""The real engine over a real database, a clock that is set by hand, a plug that can be pulled.

The next engine finds what a killed process leaves behind: of a file a copy as it was when the plug
was pulled, so that the dead one's locks cannot get in the way.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, LogLevel, eventAsText, globalLogPublisher
from zope.interface import implementer

from mqgate.engine.engine import Engine
from mqgate.engine.intake import Limits
from mqgate.engine.values import Policy
from mqgate.storage.interface import Batch, Census, Opened, Peers, Results, Store
from tests import stores

#: Some day in 2023, in seconds.
START = 1_700_000_000
#: All times of the tests are multiples of this, in milliseconds: an eighth of a second has no
#: rounding errors in a clock that counts in floating point seconds.
QUANTUM = 125
#: More rounds than this in one instant, and the engine is chasing its own tail.
MANY = 1000


class BrittleStore:
    """A store whose answers can be held back, and that can die before or after a commit."""

    def __init__(self, store: Store) -> None:
        self._store = store
        #: While true, what is committed is not answered yet.
        self.holding = False
        #: Once true, what is committed is never answered …
        self.mute = False
        #: … and nothing is committed any more.
        self.dead = False
        self.closed = False
        self._held: list[tuple[Deferred[Results], Deferred[Results]]] = []

    def run(self, batch: Batch) -> Deferred[Results]:
        """Carry out a batch, if the store lives; answer it, if nothing keeps it from that."""
        answer: Deferred[Results] = Deferred()
        if self.dead:
            return answer
        committed = self._store.run(batch)
        if self.mute:
            return answer
        if self.holding:
            self._held.append((answer, committed))
            return answer
        return committed

    def run_now(self, batch: Batch) -> Results:
        return self._store.run_now(batch)

    def let_go(self) -> None:
        """Answer what was held back."""
        self.holding = False
        held, self._held = self._held, []
        for answer, committed in held:
            committed.chainDeferred(answer)

    def open(self) -> Opened:
        return self._store.open()

    def worlds(self, names: Sequence[Sequence[str]]) -> list[int]:
        return self._store.worlds(names)

    def meter(self, wanted: bool) -> None:
        self._store.meter(wanted)

    @property
    def shared(self) -> bool:
        """Whether there may be other gateways."""
        return self._store.shared

    def attend(self, peers: Peers) -> None:
        self._store.attend(peers)

    def announce(self, queues: Collection[tuple[int, str]]) -> None:
        self._store.announce(queues)

    def has_room(self) -> bool:
        return self._store.has_room()

    def census(self, worlds: Sequence[int], now: int, limit: int) -> Deferred[Census]:
        return self._store.census(worlds, now, limit)

    def tidy(self) -> Deferred[bool]:
        return self._store.tidy()

    def close(self) -> Deferred[None]:
        self.closed = True
        return self._store.close()


@implementer(ILogObserver)
class Alarm:
    """Notes all errors that are logged: nothing that is done to the engine here is worth one."""

    def __init__(self) -> None:
        self.troubles: list[str] = []

    def __call__(self, event: LogEvent) -> None:
        if event["log_level"] >= LogLevel.error:
            self.troubles.append(eventAsText(event, includeTimestamp=False))


class Rig:
    """One engine after the other, over what the last one left, under one clock."""

    def __init__(
        self, folder: Path, policies: Mapping[str, Policy], limits: Limits | None = None
    ) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.database = stores.new(folder)
        self._policies = policies
        self._limits = limits
        self._alarm = Alarm()
        globalLogPublisher.addObserver(self._alarm)
        self.start()

    def now(self) -> int:
        """The time in milliseconds."""
        return round(self.clock.seconds() * 1000)

    def start(self, after: int = 0, limits: Limits | None = None) -> None:
        """Start an engine on the present database, after so many milliseconds."""
        self.clock.rightNow += after / 1000
        self.store = BrittleStore(self.database.store())
        opened = self.store.open()
        self.worlds = self.store.worlds([["first"], ["second"]])
        self.engine = Engine(
            self.store, self.clock, self.now, self._policies, limits or self._limits, opened=opened
        )
        self.engine.start()
        self.settle()

    def breathe(self) -> None:
        """Let the engine begin with what it was asked for, but not finish it."""
        self.store.holding = True
        self.clock.advance(0)

    def settle(self) -> None:
        """Let the engine do all that it can do at this instant."""
        for _ in range(MANY):
            self.store.let_go()
            self.clock.advance(0)
            calls = self.clock.getDelayedCalls()
            if not any(call.getTime() <= self.clock.seconds() for call in calls):
                assert not self._alarm.troubles, "\n".join(self._alarm.troubles)
                return
        raise AssertionError("the engine finds no rest")

    def timers(self) -> list[int]:
        """When the engine wants to be called."""
        return [round(call.getTime() * 1000) for call in self.clock.getDelayedCalls()]

    def advance_to(self, instant: int) -> None:
        """Let it be that time, to the millisecond."""
        self.clock.rightNow = instant / 1000
        self.settle()

    def crash(self, committed: bool) -> None:
        """Pull the plug: before what is under way is committed, or after that but unanswered."""
        self.store.mute = True
        self.store.dead = not committed
        self.clock.advance(0)
        self.database = self.database.left_behind()
        self.abandon()

    def abandon(self) -> None:
        """Make sure that an engine does nothing any more."""
        self.store.dead = True
        for call in list(self.clock.getDelayedCalls()):
            call.cancel()
        if not self.store.closed:
            self.store.close()

    def close(self) -> None:
        """This was all."""
        globalLogPublisher.removeObserver(self._alarm)
        self.abandon()
        self.database.close()

    def stop(self) -> None:
        """Stop the engine as one should. Nothing is left to be done, and nothing is wrong."""
        stopped: list[object] = []
        self.engine.stop().addBoth(stopped.append)
        self.settle()
        assert stopped == [None], stopped
        self.store.close()
        left = [str(call) for call in self.clock.getDelayedCalls()]
        assert not left, left
        problems = self.database.problems()
        assert not problems, problems
