"""Several gateways at once on one PostgreSQL database: nothing twice, nothing lost, all counted."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from mqgate.storage import interface as ops
from mqgate.storage.interface import Batch, Change, Memory, Operation, QueueRow, Reshelf, Stale
from mqgate.storage.postgresql import PostgreSQLStore
from mqgate.storage.postgresql.address import Address
from mqgate.storage.postgresql.viewing import PostgreSQLView
from mqgate.storage.runners import Inline
from mqgate.storage.verify import problems_in
from tests.postgresql.databases import Database, give_back, lend
from tests.storage.contract import LARGE, NOW, row

#: Seconds that gateways are kept busy.
BUSY = 3.0
QUEUES = 3
#: Longer than what stands in a message's row.
LONG = b"long" * 300


def done(store: PostgreSQLStore, *operations: Operation, **other: Any) -> Any:
    """What comes of a batch."""
    results: list[Any] = []
    store.run(Batch(NOW, (), (), operations, 0)._replace(**other)).addBoth(results.append)
    (result,) = results
    if hasattr(result, "raiseException"):
        result.raiseException()
    return result


@attrs.define
class Account:
    """What one gateway was told that it did."""

    posted: list[int] = attrs.field(factory=list)
    handed_out: list[tuple[int, int]] = attrs.field(factory=list)
    deleted: list[int] = attrs.field(factory=list)
    cleared: int = 0


class GatewaysCase(SynchronousTestCase):
    """A database with some queues, and stores on it."""

    def setUp(self) -> None:
        self.database: Database = lend()
        self.addCleanup(give_back, self.database)
        self.stores = [self.opened()]
        (self.world,) = self.stores[0].worlds([["a:one"]])
        queues = tuple(self.queue(number, 100 + number) for number in range(QUEUES))
        done(self.stores[0], changes=(Change(self.world, 1, 50, queues, ()),), high=1 << 40)

    def opened(self) -> PostgreSQLStore:
        store = PostgreSQLStore(self.database.dsn, Inline())
        store.open()
        self.addCleanup(store.close)
        return store

    def queue(self, number: int, shelf: int, version: int = 1) -> QueueRow:
        return QueueRow(self.world, number, f"q{number}", shelf, "plain", {}, NOW, 0, version)

    def assert_adds_up(self) -> None:
        view = PostgreSQLView(Address.parse(self.database.dsn))
        self.assertEqual(problems_in(view), [])
        view.close()

    def together(self, *works: Callable[[], None]) -> None:
        """Do all of this at the same time; raise what one of them does."""
        errors: list[BaseException] = []

        def do(work: Callable[[], None]) -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - raised below
                errors.append(error)

        threads = [threading.Thread(target=do, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]


class BusyTests(GatewaysCase):
    """Everything at random, in one queue as in others."""

    def work(self, store: PostgreSQLStore, slot: int, account: Account) -> None:
        """Post, publish, reserve, delete, give back and sweep until the time is over."""
        chance = random.Random(slot)
        ids = (n * 8 + slot for n in count(1))
        held: list[tuple[int, int, int]] = []
        end = time.monotonic() + BUSY
        while time.monotonic() < end:
            operations = [
                make
                for _ in range(chance.randrange(1, 6))
                if (make := self.operation(chance, ids, held)) is not None
            ]
            versions = ((self.world, 1),)
            results = done(store, *operations, versions=versions)
            for operation, result in zip(operations, results, strict=True):
                self.book(operation, result, account, held)

    def operation(
        self, chance: random.Random, ids: Any, held: list[tuple[int, int, int]]
    ) -> Operation | None:
        shelf = 100 + chance.randrange(QUEUES)
        kind = chance.randrange(8)
        if kind < 2:
            n = chance.choice([1, 3, 20])
            data = chance.choice([b"short", LONG])
            rows = tuple(row(next(ids), data=data) for _ in range(n))
            return ops.Post(self.world, shelf, rows)
        if kind == 2:
            copies = (ops.Copy(100 + number, row(next(ids), data=LONG)) for number in range(QUEUES))
            return ops.Publish(self.world, tuple(copies))
        if kind == 3:
            return ops.Sweep(100)
        if kind == 4:
            return ops.Take(self.world, shelf, chance.choice([None, Memory(7, 1)]), True)
        if kind < 7 or not held:
            n = chance.choice([1, 10])
            return ops.Reserve(self.world, shelf, n, LARGE, 60_000, False, None, True)
        chance.shuffle(held)
        mine = [each for each in held if each[0] == held[-1][0]][: chance.randrange(1, 9)]
        held[:] = [each for each in held if each not in mine]
        if chance.randrange(4):
            memory = chance.choice([None, Memory(7, 1)])
            gone = tuple(id_ for _, id_, _ in mine)
            return ops.Delete(self.world, mine[0][0], gone, memory)
        back = tuple((id_, times) for _, id_, times in mine)
        return ops.GiveBack(self.world, mine[0][0], back)

    def book(
        self, operation: Any, result: Any, account: Account, held: list[tuple[int, int, int]]
    ) -> None:
        if isinstance(operation, ops.Post):
            account.posted += (each.id for each in operation.rows)
        elif isinstance(operation, ops.Publish):
            account.posted += (copy.row.id for copy in operation.copies)
        elif isinstance(operation, ops.Reserve):
            for found in result.rows:
                account.handed_out.append((found.id, found.times))
                held.append((operation.shelf, found.id, found.times))
        elif isinstance(operation, ops.Take) and result.row is not None:
            account.deleted.append(result.row.id)
        elif isinstance(operation, ops.Delete):
            self.assertEqual(sorted(result), sorted(operation.ids))
            account.deleted += result
        elif isinstance(operation, ops.GiveBack):
            self.assertEqual(result, len(operation.deliveries))

    def test_nothing_is_handed_out_twice_nothing_is_lost_and_all_is_counted(self) -> None:
        self.stores += [self.opened(), self.opened()]
        accounts = [Account() for _ in self.stores]
        self.together(
            *(
                lambda store=store, slot=slot, account=account: self.work(store, slot, account)
                for slot, (store, account) in enumerate(zip(self.stores, accounts, strict=True))
            )
        )
        posted = Counter(id_ for each in accounts for id_ in each.posted)
        handed_out = Counter(pair for each in accounts for pair in each.handed_out)
        deleted = Counter(id_ for each in accounts for id_ in each.deleted)
        self.assertGreater(len(handed_out), 100)
        self.assertEqual([pair for pair, n in handed_out.items() if n > 1], [])
        self.assertEqual([id_ for id_, n in deleted.items() if n > 1], [])
        there = {id_ for (id_,) in self.database.rows("SELECT id FROM msg WHERE state <> 3")}
        self.assertEqual(there, posted.keys() - deleted.keys())
        sizes = [done(self.stores[0], ops.Count(self.world, 100 + n))[0] for n in range(QUEUES)]
        self.assertEqual(sum(size for size, _ in sizes), len(there))
        self.assertEqual(sum(total for _, total in sizes), len(posted))
        self.assert_adds_up()


class CatalogueTests(GatewaysCase):
    """The catalogue changes under gateways that are at work."""

    def test_a_queue_is_cleared_while_others_post_and_its_counters_stay_right(self) -> None:
        self.stores += [self.opened(), self.opened()]
        posted = [0, 0]
        over = threading.Event()

        def post(place: int, store: PostgreSQLStore) -> None:
            version, shelf = 1, 100
            for n in count(1):
                if over.is_set():
                    return
                batch = ops.Post(self.world, shelf, (row(n * 2 + place),))
                result = done(store, batch, versions=((self.world, version),))
                if isinstance(result, Stale):
                    (newer,) = result.worlds
                    version = newer.version
                    shelf = next(each.shelf for each in newer.queues if each.number == 0)
                else:
                    posted[place] += 1

        def clear(store: PostgreSQLStore) -> None:
            end = time.monotonic() + BUSY / 2
            for version in count(1):
                if time.monotonic() > end:
                    break
                old, new = (100, 1001) if version == 1 else (1000 + version - 1, 1000 + version)
                queue = self.queue(0, new, version + 1)
                move = Reshelf(self.world, old, new)
                change = Change(self.world, version + 1, 50, (queue,), (move,))
                versions = ((self.world, version),)
                self.assertEqual(done(store, changes=(change,), versions=versions), [])
                done(store, ops.EmptyShelves(1000))
            over.set()

        self.together(
            lambda: post(0, self.stores[0]),
            lambda: post(1, self.stores[1]),
            lambda: clear(self.stores[2]),
        )
        self.assertGreater(min(posted), 5)
        while any(done(self.stores[0], ops.EmptyShelves(1000))):
            pass
        ((shelf,),) = self.database.rows("SELECT shelf FROM queue WHERE number = 0")
        size, total = done(self.stores[0], ops.Count(self.world, shelf))[0]
        self.assertEqual(total, sum(posted))
        ((left,),) = self.database.rows("SELECT count(*) FROM msg")
        self.assertEqual(size, left)
        self.assert_adds_up()

    def test_of_two_that_change_one_version_the_second_is_told_what_is_newer(self) -> None:
        self.stores.append(self.opened())
        results: list[Any] = []

        def change(store: PostgreSQLStore, number: int) -> None:
            made = Change(self.world, 2, 50, (self.queue(number, 900 + number, 2),), ())
            results.append(done(store, changes=(made,), versions=((self.world, 1),)))

        self.together(lambda: change(self.stores[0], 10), lambda: change(self.stores[1], 11))
        stale = [result for result in results if isinstance(result, Stale)]
        self.assertEqual(len(stale), 1)
        self.assertEqual(stale[0].worlds[0].version, 2)


class ForgettingTests(GatewaysCase):
    """Tombstones go while others read the catalogue."""

    def test_who_looks_while_tombstones_go_learns_of_the_removal_or_that_all_is_new(self) -> None:
        """Without a lock, as a look takes none: he may see half of what was, and must not."""
        self.stores.append(self.opened())
        version = 1
        for turn in range(100):
            queue = self.queue(30, 500 + turn, version + 1)._replace(removed=NOW)
            change = Change(self.world, version + 1, 50, (queue,), ())
            done(self.stores[0], changes=(change,), versions=((self.world, version),))
            found: list[Any] = []

            def look(found: list[Any] = found, known: int = version) -> None:
                found.append(done(self.stores[1], ops.Check(), versions=((self.world, known),)))

            self.together(look, lambda: done(self.stores[0], ops.Forget(NOW + 1, 10)))
            version += 1
            (newer,) = found[0].worlds
            told = {(each.number, each.removed) for each in newer.queues}
            self.assertTrue(newer.complete or (30, NOW) in told, (turn, newer))


class SweepTests(GatewaysCase):
    """Expiry, which no gateway leads."""

    def test_all_gateways_sweep_at_once_and_each_message_is_counted_off_once(self) -> None:
        for start in range(0, 2000, 500):
            rows = tuple(row(start + n + 1, expires=NOW - 1) for n in range(500))
            done(self.stores[0], ops.Post(self.world, 100, rows))
        self.stores += [self.opened(), self.opened()]
        swept: Counter[int] = Counter()

        def sweep(place: int) -> None:
            idle = 0
            while idle < 5:
                (found,) = done(self.stores[place], ops.Sweep(100))
                swept[place] += found.removed
                idle = 0 if found.removed else idle + 1

        self.together(*(lambda place=place: sweep(place) for place in range(3)))
        self.assertEqual(sum(swept.values()), 2000)
        self.assertEqual(done(self.stores[0], ops.Count(self.world, 100)), [(0, 2000)])
        self.assert_adds_up()


class BoundTests(GatewaysCase):
    """Limits, which all gateways keep together."""

    def test_a_queue_is_never_longer_than_it_may_be(self) -> None:
        self.stores.append(self.opened())
        bound = ops.Bound(self.world, 100, 10, True, True)

        def post(place: int) -> None:
            for n in range(100):
                post = ops.Post(self.world, 100, (row(n * 2 + place + 1),))
                done(self.stores[place], post, limits=(bound,))
                ((size, _),) = done(self.stores[place], ops.Count(self.world, 100))
                self.assertLessEqual(size, 10)

        self.together(lambda: post(0), lambda: post(1))
        self.assertEqual(done(self.stores[0], ops.Count(self.world, 100)), [(10, 200)])
        self.assert_adds_up()


class OpeningTests(SynchronousTestCase):
    """Many at once on an empty database."""

    def test_gateways_that_start_at_once_make_one_schema_and_have_slots_of_their_own(self) -> None:
        database = lend()
        database.alter("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        self.addCleanup(give_back, database)
        opened: list[Any] = []
        worlds: list[list[int]] = []
        stores = [PostgreSQLStore(database.dsn, Inline()) for _ in range(6)]

        def start(store: PostgreSQLStore) -> None:
            opened.append(store.open())
            worlds.append(store.worlds([["a:one"], ["b:one"]]))

        threads = [threading.Thread(target=start, args=(store,)) for store in stores]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for store in stores:
            store.close()
        self.assertEqual(sorted(each.slot for each in opened), list(range(6)))
        self.assertEqual(len({each.secret for each in opened}), 1)
        self.assertEqual(worlds, [[1, 2]] * 6)
        self.assertEqual(database.rows("SELECT version FROM schema_version"), [(1,)])
