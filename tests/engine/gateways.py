"""Several gateways over one database, with a network between them that can be slow, or lose all."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mqgate.engine.deliveries import PushLimits
from mqgate.engine.engine import Engine
from mqgate.engine.groups import Delivery, TopicMessage
from mqgate.engine.ids import AHEAD
from mqgate.engine.time import SteadyTime
from mqgate.engine.values import NewMessage, Policy
from mqgate.storage.interface import SLOT_SHIFT, Batch, Opened, Peers, Results, Store
from tests.engine.case import POLICIES, START
from tests.engine.push_case import POLICIES as PUSHING
from tests.engine.push_case import Carrier
from tests.stores import new

T = TypeVar("T")

LineKey = tuple[int, str]

LEASE = 60_000


class Network:
    """Brings what one gateway announces to the others."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.peers: dict[int, Peers] = {}
        #: What was announced, in its order: by whom, and what.
        self.told: list[tuple[int, frozenset[LineKey]]] = []
        self.losing = False
        self.delay = 0.0

    def tell(self, slot: int, queues: Collection[LineKey]) -> None:
        """From the gateway of this slot to all others."""
        self.told.append((slot, frozenset(queues)))
        for other, peers in self.peers.items():
            if other != slot and not self.losing:
                self._clock.callLater(self.delay, peers.readied, list(queues))


class SharedStore:
    """One gateway's way to a store that all of them use."""

    shared = True

    def __init__(self, store: Store, network: Network, slot: int) -> None:
        self._store = store
        self._network = network
        self._slot = slot
        self.batches: list[Batch] = []
        #: Asked first; None from it means that the batch is carried out.
        self.instead: Callable[[Batch], Deferred[Any] | None] = lambda batch: None

    def run(self, batch: Batch) -> Deferred[Results]:
        self.batches.append(batch)
        return self.instead(batch) or self._store.run(batch)

    def attend(self, peers: Peers) -> None:
        self._network.peers[self._slot] = peers

    def announce(self, queues: Collection[LineKey]) -> None:
        self._network.tell(self._slot, queues)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class Gateway:
    """One of them."""

    def __init__(self, case: GatewaysCase, slot: int, opened: Opened) -> None:
        self._case = case
        self.slot = slot
        self.store = SharedStore(case.store, case.network, slot)
        #: By how many seconds its machine's clock is wrong.
        self.off = 0.0
        self._opened = opened
        #: Its own, so that it can stand still for ever.
        self.clock = Clock()
        self.clock.advance(case.clock.seconds())

    def start(self, policies: Mapping[str, Policy]) -> None:
        """Begin."""
        high = self._opened.high & ~(1023 << SLOT_SHIFT)
        self.time = SteadyTime(
            self.wall, self.clock.seconds, high, AHEAD, ahead=round(-self.off * 1000)
        )
        opened = self._opened._replace(slot=self.slot, high=high)
        self.engine = Engine(
            self.store, self.clock, self.time, policies, opened=opened, follow=self.time.follow
        )
        self.engine.start()
        self.carrier = Carrier()
        self.engine.pushes.start(self.carrier, PushLimits(), "push")

    def wall(self) -> float:
        """What its machine's clock says."""
        return self.clock.seconds() + self.off

    def slots(self, ids: Sequence[int]) -> set[int]:
        """Whose ids these are."""
        return {each >> SLOT_SHIFT & 1023 for each in ids}


class GatewaysCase(SynchronousTestCase):
    """Some gateways with one world."""

    how_many = 2
    #: By how many seconds their machines' clocks are wrong.
    off: Sequence[float] = ()
    policies: Mapping[str, Policy] = {
        **POLICIES,
        **PUSHING,
        "keeps": Policy(keeps_place=True, retention=259_200_000),
        "strict": Policy(keeps_place=True, retention=259_200_000, maximum=1, dead_letters="%DLQ%"),
    }

    def setUp(self) -> None:
        self.open()
        self.addCleanup(self.finish)

    def open(self) -> None:
        """Begin, on a fresh database."""
        folder = self.mktemp()
        os.makedirs(folder)
        self.database = new(folder)
        self.clock = Clock()
        self.clock.advance(START)
        self.network = Network(self.clock)
        self.store = self.database.store()
        opened = self.store.open()
        (self.world,) = self.store.worlds([["a:one"]])
        self.gateways = [Gateway(self, slot, opened) for slot in range(self.how_many)]
        for gateway, off in zip(self.gateways, self.off, strict=False):
            gateway.off = off
        for gateway in self.gateways:
            gateway.start(self.policies)
        self.one, self.two, *_ = self.gateways
        self.turns()
        for gateway in self.gateways:  # so that each knows its world
            self.done(gateway.engine.list_queues(self.world, offset=0, limit=1))
        self.network.told.clear()

    def finish(self) -> None:
        """Stop in good order; nothing is left in disorder."""
        stopped = [gateway.engine.pushes.stop() for gateway in self.gateways]
        self.pass_time(1)
        stopped += [gateway.engine.stop() for gateway in self.gateways]
        self.turns()
        for each in stopped:
            self.successResultOf(each)
        for gateway in self.gateways:
            self.assertEqual(gateway.clock.getDelayedCalls(), [])
        self.store.close()
        problems = self.database.problems()
        self.database.close()
        self.assertEqual(problems, [])

    def kill(self, gateway: Gateway) -> None:
        """It does nothing any more, and nobody hears of it."""
        self.gateways.remove(gateway)
        self.network.peers.pop(gateway.slot)

    # -- steps

    def pass_time(self, seconds: float) -> None:
        """Let time pass for all, and what it brings be done."""
        self.clock.advance(seconds)
        for gateway in self.gateways:
            gateway.clock.advance(seconds)
        self.turns()

    def turns(self) -> None:
        """Let everything be done that is to be done now."""
        for _ in range(20):
            self.clock.advance(0)
            for gateway in self.gateways:
                gateway.clock.advance(0)

    def done(self, deferred: Deferred[T]) -> T:
        self.turns()
        return self.successResultOf(deferred)

    def post(self, at: Gateway, *bodies: bytes, queue: str = "q", **how: Any) -> list[int]:
        messages = [NewMessage(body, **how) for body in bodies]
        return self.done(at.engine.post(self.world, queue, messages, policy="back"))

    def take(self, at: Gateway, n: int = 1, queue: str = "q", **how: Any) -> list[bytes]:
        found = self.done(at.engine.reserve(self.world, queue, n, **how))
        return [message.body for message in found]

    def poll(self, at: Gateway, n: int = 1, queue: str = "q", wait: int = 30_000) -> list[Any]:
        """A poll that waits; its answer's bodies are appended to the list when it comes."""
        return self.answers(at.engine.reserve(self.world, queue, n, wait=wait))

    def answers(self, asked: Deferred[Any]) -> list[Any]:
        answers: list[Any] = []
        asked.addCallbacks(lambda found: answers.append([m.body for m in found]), answers.append)
        self.turns()
        return answers

    # -- topics and groups

    def publish(self, at: Gateway, *bodies: bytes, policy: str = "keeps", **how: Any) -> None:
        messages = [TopicMessage(body, **how) for body in bodies]
        self.done(at.engine.groups.publish(self.world, "t", messages, policy=policy))

    def asked(self, at: Gateway, wait: int = 30_000, **how: Any) -> Deferred[list[Delivery]]:
        how = {"lease": LEASE, "policy": "keeps", **how}
        topic, group = how.pop("topic", "t"), how.pop("group", "g")
        return at.engine.groups.consume(self.world, topic, group, wait=wait, **how)

    def waiting(self, at: Gateway, **how: Any) -> list[Any]:
        """A consumer that waits; its answer's bodies are appended to the list when it comes."""
        return self.answers(self.asked(at, **how))

    def consume(self, at: Gateway, n: int = 1, **how: Any) -> list[Delivery]:
        return self.done(self.asked(at, wait=0, n=n, **how))
