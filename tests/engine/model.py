"""A model of queues, as simple as it can be: what the engine promises, in lists and dicts.

It is written from the specification alone and shares no idea with the engine: no tables, no
batches, no timers, everything looked up by walking through it. One operation at a time is done to
it, in some order; which orders are legal is not its business but that of ``tests.engine.turns``.

Where the specification leaves an order open the model leaves it open too, and only there: see
``tests.engine.letters.before``. So a reserve does not say what it hands out; it is told what was
handed out, and judges.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

import attrs

from mqgate.engine.errors import MessageNotFound, QueueNotFound
from mqgate.engine.values import (
    DELAYED,
    DELETED,
    NEVER,
    READY,
    RESERVED,
    Message,
    NewMessage,
    Policy,
    QueueInfo,
    QueueName,
)
from tests.engine.letters import Letter, Place, demand, first, in_order

#: A queue: the number of its world, and its name.
Key: TypeAlias = tuple[int, str]


@attrs.define
class Queue:
    """A queue of the model: a list of letters, in no particular order."""

    policy: Policy
    created_at: int
    letters: list[Letter] = attrs.Factory(list)
    settings: Mapping[str, object] = attrs.Factory(dict)
    total: int = 0
    #: None until the engine has told it.
    number: int | None = None

    def copy(self) -> Queue:
        """Another one that is the same."""
        return attrs.evolve(
            self,
            letters=[attrs.evolve(letter) for letter in self.letters],
        )


@attrs.frozen
class Waiter:
    """A reserve that waits in line."""

    call: int
    key: Key
    n: int
    lease: int | None
    remove: bool
    until: int


@attrs.define
class Model:
    """All queues of all worlds, and the one line in which all waiting reserves stand."""

    policies: Mapping[str, Policy]
    now: int = 0
    #: Counts the turns; operations of one turn are concurrent.
    turn: int = 0
    queues: dict[Key, Queue] = attrs.Factory(dict)
    line: list[Waiter] = attrs.Factory(list)
    draining: bool = False
    #: Waiting reserves of this turn whose client has gone, and what was taken for such ones.
    gone: frozenset[int] = frozenset()
    unseen: Mapping[int, Mapping[bytes, int]] = attrs.Factory(dict)
    #: The highest id told before this turn, and so far.
    floor: int = 0
    highest: int = 0
    #: All numbers that queues ever had.
    numbers: frozenset[tuple[int, int]] = frozenset()

    def copy(self) -> Model:
        """Another one that is the same, to try something on."""
        queues = {key: queue.copy() for key, queue in self.queues.items()}
        return attrs.evolve(self, queues=queues, line=list(self.line))

    def signature(self) -> str:
        """Equal for models that cannot be told apart."""
        queues = [
            (key, attrs.evolve(queue, letters=sorted(queue.letters, key=lambda it: it.body)))
            for key, queue in sorted(self.queues.items())
        ]
        line = sorted(self.line, key=lambda waiter: waiter.key)
        return repr((queues, line, self.draining, self.highest, sorted(self.numbers)))

    # ---------------------------------------------------------------- time

    def begin(self, turn: int, now: int) -> None:
        """A new turn begins at this instant: end what is due, drop what has expired."""
        self.turn, self.now, self.floor = turn, now, self.highest
        self.gone, self.unseen = frozenset(), {}
        for queue in self.queues.values():
            queue.letters = [letter for letter in queue.letters if letter.expires_at > now]
            for letter in queue.letters:
                if letter.state in (RESERVED, DELAYED) and letter.due <= now:
                    if letter.state == RESERVED and not queue.policy.keeps_place:
                        letter.stand(Place(letter.due))
                    letter.state, letter.due = READY, 0

    def instants(self) -> list[int]:
        """When something will happen by itself."""
        letters = [letter for queue in self.queues.values() for letter in queue.letters]
        dues = [letter.due for letter in letters if letter.state in (RESERVED, DELAYED)]
        ends = [letter.expires_at for letter in letters if letter.expires_at != NEVER]
        return dues + ends + [waiter.until for waiter in self.line]

    # ---------------------------------------------------------------- looking things up

    def queue(self, key: Key) -> Queue:
        """The queue of this name. Raises QueueNotFound."""
        if key not in self.queues:
            raise QueueNotFound(key[1])
        return self.queues[key]

    def letter(self, key: Key, message_id: int) -> Letter:
        """The letter with this id that is neither deleted nor expired. Raises MessageNotFound."""
        for letter in self.queue(key).letters:
            if letter.id == message_id and letter.state != DELETED:
                return letter
        raise MessageNotFound(str(message_id))

    def ready(self, key: Key) -> list[Letter]:
        """What could be handed out now, in no particular order."""
        queue = self.queues.get(key)
        return [it for it in queue.letters if it.state == READY] if queue else []

    def make(self, key: Key, policy: str) -> Queue:
        """The queue of this name, made when missing."""
        if key not in self.queues:
            self.queues[key] = Queue(self.policies[policy], self.now)
        return self.queues[key]

    # ---------------------------------------------------------------- the verbs

    def post(self, key: Key, messages: Sequence[NewMessage], policy: str, call: int) -> None:
        """Messages are put on the queue, which is made when missing."""
        queue = self.make(key, policy)
        queue.total += len(messages)
        for rank, new in enumerate(messages):
            due = self.now + new.delay if new.delay else 0
            expires_at = NEVER if new.expires_in is None else self.now + new.expires_in
            place = Place(due) if due else Place(self.now, self.turn, call, rank)
            letter = Letter(new.body, new.props, new.timeout, expires_at, place)
            letter.state, letter.due = (DELAYED, due) if due else (READY, 0)
            queue.letters.append(letter)

    def learn(self, key: Key, messages: Sequence[NewMessage], ids: Sequence[int]) -> None:
        """Judge the ids that a post answered with: ascending, above all told before."""
        demand(len(ids) == len(messages), "a post answered with too few ids or too many")
        demand(list(ids) == sorted(set(ids)), f"the ids of a post are not ascending: {ids}")
        demand(ids[0] > self.floor, f"id {ids[0]} is not above {self.floor}, told before")
        self.highest = max(self.highest, ids[-1])
        by_body = {letter.body: letter for letter in self.queues[key].letters}
        for new, message_id in zip(messages, ids, strict=True):
            by_body[new.body].id = message_id

    def choices(self, key: Key, n: int) -> set[frozenset[bytes]]:
        """All that a reserve of n could take, when nobody has seen what it did take."""
        ready = self.ready(key)
        choices = {frozenset[bytes]()}
        for _ in range(min(n, len(ready))):
            choices = {taken | {it.body} for taken in choices for it in first(ready, taken)}
        return choices

    def show(self, key: Key, n: int, messages: Sequence[Message]) -> list[Letter]:
        """Judge which messages a reserve or a peek shows, and learn their places."""
        ready = {letter.body: letter for letter in self.ready(key)}
        demand(len(messages) == min(n, len(ready)), f"{messages} from {ready}, asked for {n}")
        demand(all(it.body in ready for it in messages), f"{messages} from {ready}")
        shown = [ready.pop(message.body) for message in messages]
        demand(in_order(shown, list(ready.values())), f"{messages} out of order, left: {ready}")
        places = [(message.position, message.id) for message in messages]
        demand(places == sorted(places), f"positions {places} not ascending")
        for letter, message in zip(shown, messages, strict=True):
            demand(letter.position in (None, message.position), f"{message} has moved")
            letter.position = message.position
        return shown

    def take(
        self, key: Key, bodies: Collection[bytes], lease: int | None, remove: bool
    ) -> dict[bytes, int]:
        """Hand these out. Returns the deliveries: the count of each."""
        taken = [letter for letter in self.ready(key) if letter.body in bodies]
        for letter in taken:
            letter.count += 1
            letter.first_at = letter.first_at or self.now
            if remove:
                self._bury(self.queues[key], letter)
            else:
                letter.state = RESERVED
                letter.lease = letter.timeout if lease is None else lease
                letter.due = self.now + letter.lease
        return {letter.body: letter.count for letter in taken}

    def hand_out(
        self, key: Key, n: int, lease: int | None, remove: bool, messages: Sequence[Message]
    ) -> None:
        """Judge what a reserve handed out, and hand it out."""
        shown = self.show(key, n, messages)
        self.take(key, [message.body for message in messages], lease, remove)
        for letter, message in zip(shown, messages, strict=True):
            letter.recognise(message, None if remove else RESERVED)

    def peek(self, key: Key, n: int, messages: Sequence[Message]) -> None:
        """Judge what a peek showed."""
        for letter, message in zip(self.show(key, n, messages), messages, strict=True):
            letter.recognise(message, READY)

    def get(self, key: Key, message_id: int, message: Message | None) -> None:
        """Judge what a get by id showed. Deleted ones can be read while they are remembered."""
        for letter in self.queue(key).letters:
            if letter.id == message_id and (
                letter.state != DELETED or letter.readable_until > self.now
            ):
                if message is not None:
                    letter.recognise(message, letter.state)
                return
        raise MessageNotFound(str(message_id))

    def touch(self, key: Key, message_id: int) -> None:
        """A reservation begins anew, as long as the message asks for; else nothing changes."""
        letter = self.letter(key, message_id)
        if letter.state == RESERVED:
            letter.lease = letter.timeout
            letter.due = self.now + letter.lease

    def release(self, key: Key, message_id: int, delay: int) -> None:
        """A message, held or not, is available again: now, or after a delay.

        Where the policy keeps places, it keeps the one it has, unless that lies in the future: one
        that was posted with a delay and has not been available yet.
        """
        letter = self.letter(key, message_id)
        place = Place(self.now + delay) if delay else Place(self.now, self.turn)
        if not self.queues[key].policy.keeps_place or place.instant < letter.place.instant:
            letter.stand(place)
        elif letter.place == Place(place.instant):
            letter.position = None  # two names for one instant: either is right
        letter.state, letter.due = (DELAYED, self.now + delay) if delay else (READY, 0)

    def delete(self, key: Key, ids: Sequence[int]) -> frozenset[int]:
        """Those that were there are so no more."""
        queue, gone = self.queue(key), set()
        for letter in queue.letters:
            if letter.id in ids and letter.state != DELETED:
                self._bury(queue, letter)
                gone.add(letter.id)
        return frozenset(it for it in gone if it is not None)

    def _bury(self, queue: Queue, letter: Letter) -> None:
        letter.state, letter.due = DELETED, 0
        letter.readable_until = min(letter.expires_at, self.now + queue.policy.remembers_for)

    def give_back(self, key: Key, bodies: Mapping[bytes, int], removed: bool) -> None:
        """What that delivery (message and count) took goes back: place kept, count kept.

        Nothing happens if it is not held by that delivery any more.
        """
        queue = self.queues.get(key)
        for letter in queue.letters if queue else ():
            held = letter.state == (DELETED if removed else RESERVED)
            if held and bodies.get(letter.body) == letter.count:
                letter.state, letter.due, letter.readable_until = READY, 0, 0

    def clear(self, key: Key) -> None:
        """No message is left. The total stays.

        What was deleted or taken before is on the queue no more: it stays readable, if it was,
        and can still be given back.
        """
        queue = self.queue(key)
        queue.letters = [letter for letter in queue.letters if letter.state == DELETED]

    def delete_queue(self, key: Key) -> None:
        """No queue is left. One made again under this name is another one."""
        self.queue(key)
        del self.queues[key]

    def info(self, key: Key, info: QueueInfo | None) -> None:
        """Judge how a queue is described, and learn its number."""
        queue = self.queue(key)
        if info is None:
            return
        size = sum(letter.state != DELETED for letter in queue.letters)
        demand((info.size, info.total) == (size, queue.total), f"{info}: {size}, {queue.total}")
        demand(info.settings == queue.settings, f"{info} should have {queue.settings}")
        self.recognise(key, QueueName(info.number, info.name, info.created_at))

    def update(self, key: Key, settings: Mapping[str, object], policy: str) -> None:
        """Settings are laid over those stored; the queue is made when missing."""
        queue = self.make(key, policy)
        queue.settings = {**queue.settings, **settings}

    def list_queues(self, world: int, offset: int, limit: int, names: Sequence[QueueName]) -> None:
        """Judge a list of queues."""
        wanted = sorted(key for key in self.queues if key[0] == world)[offset : offset + limit]
        demand([it.name for it in names] == [name for _, name in wanted], f"{names}: {wanted}")
        for key, name in zip(wanted, names, strict=True):
            self.recognise(key, name)

    def recognise(self, key: Key, name: QueueName) -> None:
        """Judge what a queue says of itself: its number is its own, and it keeps it."""
        queue, number = self.queues[key], (key[0], name.number)
        if queue.number is None:
            demand(number not in self.numbers, f"{name} has the number of another queue")
            queue.number, self.numbers = name.number, self.numbers | {number}
        said = (name.number, name.name, name.created_at)
        demand(said == (queue.number, key[1], queue.created_at), f"{name} was {queue.created_at}")
