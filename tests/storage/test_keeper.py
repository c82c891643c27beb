"""Gateways that hear of each other, over connections of their own beside the writing ones."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mqgate.engine.engine import Engine
from mqgate.engine.ids import AHEAD
from mqgate.engine.time import SteadyTime
from mqgate.engine.values import NewMessage
from mqgate.storage.interface import Opened
from mqgate.storage.postgresql import PostgreSQLStore, keeper
from mqgate.storage.postgresql.messages import ANY, read, written
from mqgate.storage.postgresql.slot import LEASE
from mqgate.storage.runners import CallThread
from tests.engine.case import POLICIES
from tests.postgresql.databases import give_back, lend

LEASES = "SELECT slot, lease - (extract(epoch FROM clock_timestamp()) * 1000)::bigint FROM gateway"
#: The server's processes that keepers speak with.
KEEPERS = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name = 'mqgate keeper'"
)

Heard = Sequence[tuple[int, str]] | None


class Peers:
    """Notes what is told, and says so."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.offsets: list[int] = []
        self._waiting: list[tuple[Callable[[], bool], Deferred[None]]] = []

    def readied(self, queues: Heard) -> None:
        self.heard.append(queues)
        self._look()

    def ahead(self, milliseconds: int) -> None:
        self.offsets.append(milliseconds)
        self._look()

    def until(self, condition: Callable[[], bool]) -> Deferred[None]:
        """Fires when what was told makes this true."""
        deferred: Deferred[None] = Deferred()
        self._waiting.append((condition, deferred))
        self._look()
        return deferred

    def beats(self, n: int) -> Deferred[None]:
        """Fires when the clock was read so often from now on."""
        wanted = len(self.offsets) + n
        return self.until(lambda: len(self.offsets) >= wanted)

    def names(self) -> set[str]:
        """The queues that were heard of."""
        return {name for queues in self.heard for _, name in queues or ()}

    def _look(self) -> None:
        for entry in list(self._waiting):
            if entry[0]():
                self._waiting.remove(entry)
                entry[1].callback(None)


class KeeperCase(TestCase):
    """Some gateways' stores on one database."""

    timeout = 60

    def setUp(self) -> None:
        self.database = lend()
        self.addCleanup(give_back, self.database)
        self.closed: list[PostgreSQLStore] = []

    def opened(self, off: float = 0.0) -> tuple[PostgreSQLStore, Opened]:
        """A store whose machine's clock is wrong by so many seconds."""
        store = PostgreSQLStore(
            self.database.dsn,
            CallThread(reactor),  # type: ignore[arg-type]
            now=lambda: time.time() + off,
        )
        opened = store.open()
        self.addCleanup(self.close, store)
        return store, opened

    async def close(self, store: PostgreSQLStore) -> None:
        """Close it, unless it is."""
        if store not in self.closed:
            self.closed.append(store)
            await store.close()

    def attended(self, off: float = 0.0) -> tuple[PostgreSQLStore, Peers]:
        store, _ = self.opened(off)
        peers = Peers()
        store.attend(peers)
        return store, peers

    async def two(self) -> tuple[PostgreSQLStore, Peers, PostgreSQLStore, Peers]:
        """Two that know of each other."""
        one, to_one = self.attended()
        two, to_two = self.attended()
        await to_one.beats(2)
        await to_two.beats(2)
        to_one.heard.clear()
        to_two.heard.clear()
        return one, to_one, two, to_two

    def leases(self) -> dict[int, int]:
        """How long each slot is still somebody's."""
        return dict(self.database.rows(LEASES))


class HearingTests(KeeperCase):
    """What one says the others hear."""

    async def test_what_one_announces_the_other_hears_and_it_does_not(self) -> None:
        one, to_one, _two, to_two = await self.two()
        one.announce([(1, "q"), (2, "ü\x1f")])
        await to_two.until(lambda: len(to_two.names()) == 2)
        heard = {each for queues in to_two.heard for each in queues or ()}
        self.assertEqual(heard, {(1, "q"), (2, "ü\x1f")})
        await to_one.beats(1)
        self.assertEqual(to_one.names(), set())

    async def test_much_at_once_comes_in_pieces_and_very_much_as_anything(self) -> None:
        one, _, _, to_two = await self.two()
        names = {f"queue {n}" for n in range(1000)}
        one.announce([(1, name) for name in names])
        await to_two.until(lambda: to_two.names() == names)
        self.assertNotIn(None, to_two.heard)
        one.announce([(1, f"{n} " * 20) for n in range(5000)])
        await to_two.until(lambda: None in to_two.heard)

    async def test_who_is_alone_says_nothing(self) -> None:
        one, to_one = self.attended()
        await to_one.beats(2)
        listening = self.database.connection
        listening.execute("LISTEN mqgate")
        one.announce([(1, "q")])
        await to_one.beats(2)
        self.assertEqual(list(listening.notifies(timeout=0)), [])
        listening.execute("UNLISTEN mqgate")

    async def test_a_newcomer_is_spoken_to_at_once(self) -> None:
        one, to_one = self.attended()
        await to_one.beats(2)
        self.patch(keeper, "BEAT_SECONDS", 1000.0)  # nobody finds out by himself
        await to_one.beats(1)
        _, to_two = self.attended()
        await to_two.until(lambda: None in to_two.heard)  # it listens from now on
        while not to_two.names():
            one.announce([(1, "q")])
            await deferLater(reactor, 0.01)

    async def test_somebody_elses_messages_are_not_understood_but_do_no_harm(self) -> None:
        _, _, two, to_two = await self.two()
        for message in ("", "what?", "[1]", '{"a": 1}', '["q"]', "[[1]]"):
            self.database.rows("SELECT pg_notify('mqgate', ?)", message)
        await to_two.until(lambda: len(to_two.heard) == 6)
        self.assertEqual(set(to_two.heard), {None})
        two.announce([(1, "q")])
        await to_two.beats(2)

    async def test_a_poll_hears_of_a_post_at_another_gateway(self) -> None:
        one, two = [self.engine() for _ in range(2)]
        for (engine, _), wait in ((one, 2.5), (two, 0)):
            await deferLater(reactor, wait, engine.list_queues, one[1], offset=0, limit=1)
        world = one[1]
        await one[0].update(world, "q", {}, policy="back")
        times = []
        for _ in range(20):
            polled = two[0].reserve(world, "q", wait=30_000, remove=True)
            await two[0].info(world, "q")  # it is in line by then
            began = time.monotonic()
            await one[0].post(world, "q", [NewMessage(b"m")], policy="back")
            self.assertEqual([each.body for each in await polled], [b"m"])
            times.append(time.monotonic() - began)
        self.assertLess(sorted(times)[10], 0.5)  # nobody looks by himself so often

    def engine(self) -> tuple[Engine, int]:
        store, opened = self.opened()
        (world,) = store.worlds([["a:one"]])
        clock = SteadyTime(time.time, time.monotonic, opened.high, AHEAD, ahead=opened.ahead)
        engine = Engine(
            store,
            reactor,
            clock,
            POLICIES,
            opened=opened,
            follow=clock.follow,
        )
        engine.start()
        self.addCleanup(engine.stop)
        return engine, world


class KeepingTests(KeeperCase):
    """The slot, and the time."""

    async def test_the_lease_is_renewed_as_long_as_it_lives_and_given_up_then(self) -> None:
        store, peers = self.attended()
        self.database.change("UPDATE gateway SET lease = lease - 20000")
        await peers.beats(2)
        (left,) = self.leases().values()
        self.assertGreater(left, LEASE - 5000)
        await self.close(store)
        (left,) = self.leases().values()
        self.assertLess(left, 0)

    async def test_a_slot_that_is_in_use_is_waited_for_by_nobody(self) -> None:
        """A transaction that hangs has its row: what is announced is heard all the same."""
        one, _, _, to_two = await self.two()
        connection = self.database.connection
        connection.execute("BEGIN")
        connection.execute("SELECT * FROM gateway FOR UPDATE")
        self.addCleanup(connection.execute, "ROLLBACK")
        one.announce([(1, "q")])
        await to_two.until(lambda: to_two.names() == {"q"})
        await to_two.beats(2)

    async def test_the_databases_clock_counts_and_is_read_again_and_again(self) -> None:
        for off in (0.0, 5.0, -5.0):
            store, opened = self.opened(off)
            peers = Peers()
            store.attend(peers)
            await peers.beats(2)
            for ahead in (opened.ahead, *peers.offsets):
                self.assertLess(abs(ahead + off * 1000), 250)


class LostTests(KeeperCase):
    """The connection, or the server, goes away."""

    async def test_a_connection_that_is_cut_is_made_again(self) -> None:
        one, _, _, to_two = await self.two()
        with capturedLogs() as events:
            self.assertEqual(len(self.cut_off()), 2)
            await to_two.until(lambda: None in to_two.heard)  # something may have been missed
        told = [formatEvent(each) for each in events]
        self.assertEqual(len([each for each in told if "not heard of just now" in each]), 2)
        await to_two.beats(2)
        one.announce([(1, "q")])
        await to_two.until(lambda: to_two.names() == {"q"})

    def cut_off(self) -> list[object]:
        """Have the server hang up on them."""
        return self.database.rows(f"SELECT pg_terminate_backend(pid) FROM ({KEEPERS}) AS these")

    async def test_a_server_that_hangs_keeps_nobody_from_stopping(self) -> None:
        store, peers = self.attended()
        await peers.beats(1)
        for (process,) in self.database.rows(KEEPERS):
            os.kill(process, signal.SIGSTOP)
            self.addCleanup(os.kill, process, signal.SIGCONT)
        began = time.monotonic()
        store.announce([(1, "q")])
        await self.close(store)
        self.assertLess(time.monotonic() - began, 5)

    async def test_who_has_stopped_is_told_nothing(self) -> None:
        one, _, two, to_two = await self.two()
        await self.close(two)
        told = len(to_two.offsets)
        one.announce([(1, "q")])
        two.announce([(1, "q")])
        await deferLater(reactor, 1.5)
        self.assertEqual((to_two.heard, len(to_two.offsets)), ([], told))


class MessagesTests(SynchronousTestCase):
    """What gateways write to each other."""

    @given(st.sets(st.tuples(st.integers(1, 1 << 40), st.text(max_size=300)), max_size=60))
    def test_what_is_written_is_read(self, queues: set[tuple[int, str]]) -> None:
        messages = written(queues)
        self.assertTrue(all(len(message.encode()) < 8000 for message in messages))
        found = [read(message) for message in messages]
        if messages != [ANY]:
            self.assertEqual({each for queues in found for each in queues or ()}, queues)
        else:
            self.assertEqual(found, [None])

    def test_a_name_that_is_too_long_is_any(self) -> None:
        self.assertEqual(written([(1, "q"), (1, "x" * 9000)]), [ANY])
        self.assertEqual(written([]), [])
