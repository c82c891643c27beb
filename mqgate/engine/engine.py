"""The queue engine: the verbs that every dialect is built from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from mqgate.engine import verbs
from mqgate.engine.administering import (
    Clear,
    DeleteQueue,
    Info,
    ListQueues,
    Revision,
    Settings,
    Update,
)
from mqgate.engine.alert_verbs import AlertVerbs
from mqgate.engine.allowance import Allowance
from mqgate.engine.catalogue import Catalogue
from mqgate.engine.commits import GroupCommit, Observer
from mqgate.engine.deliveries import PushObserver
from mqgate.engine.dispatch import Dispatch, Means
from mqgate.engine.errors import (
    InvalidRequest,
    MessageNotFound,
    StoreUnavailable,
)
from mqgate.engine.exchange_verbs import ExchangeVerbs
from mqgate.engine.groups import Groups
from mqgate.engine.ids import LARGEST, Ids
from mqgate.engine.intake import Limits
from mqgate.engine.names import check_names
from mqgate.engine.neighbours import Neighbours
from mqgate.engine.planning import Verb, pushing_of
from mqgate.engine.pushing import WithId
from mqgate.engine.reserving import Reserve
from mqgate.engine.tidings import Tidings
from mqgate.engine.topic_values import TopicValues
from mqgate.engine.upkeep import Upkeep
from mqgate.engine.values import (
    Census,
    Message,
    NewMessage,
    Policy,
    QueueInfo,
    QueueName,
)
from mqgate.engine.waiting import Lines
from mqgate.storage.interface import Fired, Opened, Store, Unavailable

T = TypeVar("T")


class Engine(AlertVerbs, ExchangeVerbs):
    """Queues of messages in worlds that know nothing of each other.

    All verbs return Deferreds, which fire after what was asked is on disk; they fail with an
    `EngineError`, and then nothing was changed. Durations and instants are whole milliseconds;
    ``now`` tells the engine's time and must never run backwards. Correctness does not hang on
    ``clock``, whose timers only wake waiters and start chores. ``allowances`` say what worlds may
    hold; one that is not named there has no limits. ``follow`` is told from time to time by how
    many milliseconds the database's clock is ahead of this machine's.
    """

    def __init__(
        self,
        store: Store,
        clock: IReactorTime,
        now: Callable[[], int],
        policies: Mapping[str, Policy],
        limits: Limits | None = None,
        *,
        opened: Opened,
        allowances: Mapping[int, Allowance] | None = None,
        observer: Observer | None = None,
        push_observer: PushObserver | None = None,
        follow: Callable[[int], None] = lambda ahead: None,
    ) -> None:
        self._store = store
        #: What its timers hang on.
        self.clock = clock
        #: Its time.
        self.now = now
        limits = limits or Limits()
        self._policies = policies
        self._catalogue = Catalogue()
        self._lines: Lines[Reserve] = Lines(clock, now, self._wake)
        tidings = Tidings(store, self._lines)
        self._commits = GroupCommit(
            store,
            clock,
            now,
            Ids(opened.slot, opened.high),
            self._catalogue,
            policies,
            allowances or {},
            tidings,
            limits,
            observer,
            self._alerted,
        )
        self._upkeep = Upkeep(store, clock, now, self._commits)
        #: The verbs on topics: each has a latest and a retained value.
        self.topics = TopicValues(
            self._publish, self._enter, self._commits.enter_again, limits.topics
        )
        #: The verbs on topics that keep what is published, and on their groups.
        self.groups = Groups(
            *(clock, now, self._commits, self._lines, tidings, policies, limits),
            *(self._upkeep, opened.secret, self._enter),
        )
        notes = (tidings.note_due, self._upkeep.expects)
        #: Pushing, to be started by the dialect whose queues push.
        self.pushes = Dispatch(
            Means(self._commits, clock, now, *notes, self._enter_with_id, push_observer)
        )
        #: Told when something comes due, expires, and is to be pushed.
        self._notes = (*notes, self.pushes.expects)
        self._tidings = tidings
        self._neighbours = Neighbours(
            *(store, clock, self._commits, self._lines),
            *(self._upkeep.expects, self.pushes.expects, follow),
        )

    # -- life

    def start(self) -> None:
        """Begin the chores: expiry, old shelves, unused space; hear of other gateways."""
        self._upkeep.start()
        self.groups.start()
        self._neighbours.start()

    def drain(self) -> None:
        """Answer all who wait, with nothing; from now on nobody waits."""
        self._lines.drain()

    def stop(self) -> Deferred[None]:
        """Finish what is in hand; fires when the store is done with it."""
        self._upkeep.stop()
        self.groups.stop()
        self._neighbours.stop()
        self.drain()
        return self._commits.when_idle()

    def trouble(self) -> str | None:
        """Why the database cannot be relied on just now; None when it can."""
        return self._commits.damage or self._commits.trouble

    @property
    def waiting(self) -> int:
        """How many reserves are waiting for a message."""
        return len(self._lines)

    @property
    def entering(self) -> int:
        """How many operations are waiting to enter a batch."""
        return self._commits.waiting

    # -- messages

    def post(
        self,
        world: int,
        queue: str,
        messages: Sequence[NewMessage],
        *,
        policy: str,
        via: Callable[[], str] = str,
    ) -> Deferred[list[int]]:
        """Put messages on a queue, all or none; their ids, in order.

        A missing queue is made, and keeps the named policy. ``via`` is asked how they came if they
        are pushed, for their carrier. Fails with `LimitReached`.
        """
        if not messages:
            return fail(InvalidRequest("there is no message to post"))
        verb = verbs.Post(world, queue, messages, policy, *self._notes, via)
        row = self._catalogue.world(world).queues.get(queue)
        if row is not None and (pushing := pushing_of(row, self._policies)):
            verb.rows *= 1 + len(pushing.deliveries)
        return self._enter_named(verb)

    def reserve(
        self,
        world: int,
        queue: str,
        n: int = 1,
        *,
        lease: int | None = None,
        wait: int = 0,
        remove: bool = False,
    ) -> Deferred[list[Message]]:
        """Hand out up to ``n`` messages, at once if there are any, else within ``wait``.

        Fewer than are there if they are large: see `Limits.answer_bytes`.
        They are reserved for ``lease``, or each for its own timeout; or, with ``remove``, gone.
        A missing queue is an empty one. Cancel the Deferred when the client has gone: it then
        takes nothing. What it took already is for `give_back`.
        """
        if n < 1:
            return fail(InvalidRequest("at least one message has to be asked for"))
        verb = Reserve(
            world, queue, n, lease, remove, self._lines, self._returned, self._upkeep.expects
        )
        if wait > 0:
            verb.wait_for(wait, self.clock)
        return self._enter_named(verb)

    def peek(self, world: int, queue: str, n: int = 1) -> Deferred[list[Message]]:
        """The next ``n`` messages that a reserve would hand out. A missing queue is empty."""
        if n < 1:
            return fail(InvalidRequest("at least one message has to be asked for"))
        return self._enter_named(verbs.Peek(world, queue, n))

    def get(self, world: int, queue: str, message_id: int) -> Deferred[Message]:
        """One message, whatever its state; deleted ones as long as the queue remembers them.

        Fails with `MessageNotFound` or `QueueNotFound`.
        """
        return self._enter_with_id(verbs.Get(world, queue, message_id))

    def touch(self, world: int, queue: str, message_id: int) -> Deferred[None]:
        """Restart a reservation with the message's own timeout.

        A message that nobody holds stays as it is. Fails with `MessageNotFound` or
        `QueueNotFound`.
        """
        return self._enter_with_id(verbs.Touch(world, queue, message_id, self._tidings.note_due))

    def release(self, world: int, queue: str, message_id: int, *, delay: int = 0) -> Deferred[None]:
        """Make a message available again, now or after ``delay``, held by somebody or not.

        Fails with `MessageNotFound` or `QueueNotFound`.
        """
        verb = verbs.Release(world, queue, message_id, delay, self._tidings.note_due)
        return self._enter_with_id(verb)

    def delete(self, world: int, queue: str, ids: Sequence[int]) -> Deferred[frozenset[int]]:
        """Delete messages, held by somebody or not; the ids of those that were there.

        Fails with `QueueNotFound`.
        """
        known = [each for each in ids if 0 < each <= LARGEST]
        return self._enter_named(verbs.Delete(world, queue, known, self._upkeep.expects))

    # -- queues

    def clear(self, world: int, queue: str) -> Deferred[None]:
        """Take all messages off a queue. Fails with `QueueNotFound`."""
        return self._enter_named(Clear(world, queue)).addCallback(self._left_a_shelf)

    def delete_queue(self, world: int, queue: str) -> Deferred[None]:
        """Remove a queue and all that is on it. Fails with `QueueNotFound`."""
        return self._enter_named(DeleteQueue(world, queue)).addCallback(self._left_a_shelf)

    def info(self, world: int, queue: str) -> Deferred[QueueInfo]:
        """A queue with its settings and counters. Fails with `QueueNotFound`.

        The counters are exact, unless more than a thousand messages have expired within the last
        second: these are counted off as they are swept up.
        """
        return self._enter_named(Info(world, queue))

    def update(
        self, world: int, queue: str, settings: Settings | Revision, *, policy: str
    ) -> Deferred[QueueInfo]:
        """Lay settings over those of a queue, which is made where it is missing.

        A function is asked for them, perhaps more than once, and told those the queue has; it may
        raise an `EngineError`. Fails with `LimitReached` where the queue cannot be made.
        """
        return self._enter_named(Update(world, queue, settings, policy))

    def settings(self, world: int, queue: str) -> Mapping[str, object]:
        """A queue's settings as this gateway knows them; none of a queue that it does not know."""
        row = self._catalogue.world(world).queues.get(queue)
        return row.settings if row is not None else {}

    def list_queues(self, world: int, *, offset: int, limit: int) -> Deferred[list[QueueName]]:
        """Queues by name, in code point order."""
        return self._enter(ListQueues(world, offset, limit, self._catalogue))

    def census(self, worlds: Sequence[int], limit: int) -> Deferred[Census]:
        """The fullest queues of these worlds, by state, so many at most, as they were on disk.

        It is taken beside the batches, which do not wait for it.
        """
        return self._store.census(worlds, self.now(), limit).addErrback(_unavailable)

    # -- inside

    def _enter(self, verb: Verb[T]) -> Deferred[T]:
        try:
            self._commits.enter(verb)
        except StoreUnavailable as error:
            verb.fail(error)
        return verb.deferred

    def _enter_named(self, verb: verbs.OnQueue[T]) -> Deferred[T]:
        return self._enter_checked(verb, verb.queue)

    def _enter_checked(self, verb: Verb[T], *names: str) -> Deferred[T]:
        try:
            check_names(*names)
        except InvalidRequest as error:
            verb.fail(error)
            return verb.deferred
        return self._enter(verb)

    def _alerted(self, fired: Sequence[Fired]) -> None:
        """Alerts have posted messages: serve who waits for them."""
        for world, target, expires in fired:
            self._upkeep.expects(expires)
            self._lines.wake((world, target))
            self._tidings.note([(world, target)])
        if fired:  # to where they are pushed on, perhaps
            self.pushes.expects(self.now())

    def _enter_with_id(self, verb: WithId) -> Deferred[Any]:
        if not 0 < verb.id <= LARGEST:  # more than 63 bits would fail a whole batch
            verb.fail(MessageNotFound(f"there is no message {verb.id}"))
            return verb.deferred
        return self._enter_named(verb)

    def _wake(self, waiters: Sequence[Reserve]) -> None:
        for waiter in waiters:
            waiter.woken = True
            self._commits.enter_again(waiter)

    def _left_a_shelf(self, result: None) -> None:
        self._upkeep.look_for_shelves()


def _unavailable(failure: Failure) -> NoReturn:
    failure.trap(Unavailable)
    raise StoreUnavailable("the database cannot be read just now")
