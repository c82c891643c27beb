"""Statements on worlds, queues and their counters, and on the gateways themselves."""

from __future__ import annotations

from mqgate.storage.statements.texts import Statement, plain

# -- worlds and queues

VERSIONS = Statement(
    sqlite="SELECT id, version FROM world WHERE id IN (SELECT value FROM json_each(?))",
    postgresql="SELECT id, version FROM world WHERE id = ANY($1)",
)
WORLD = plain("SELECT version, forgotten, next_number FROM world WHERE id = ?")
_QUEUES = (
    "SELECT world, number, name, shelf, policy, settings, created, removed, version"
    " FROM queue WHERE world = ? AND version > ?"
)
QUEUES = plain(_QUEUES)
LIVE_QUEUES = plain(_QUEUES + " AND removed = 0")
SET_WORLD = plain("UPDATE world SET version = ?, next_number = ? WHERE id = ?")
SET_QUEUE = plain(
    "INSERT INTO queue(world, number, name, shelf, policy, settings, created, removed, version)"
    " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(world, number) DO UPDATE SET"
    " shelf = excluded.shelf, policy = excluded.policy, settings = excluded.settings,"
    " removed = excluded.removed, version = excluded.version"
)
ADD_OLD_SHELF = plain("INSERT INTO old_shelf(world, shelf) VALUES(?, ?)")
OLD_SHELVES = Statement(
    sqlite="SELECT world, shelf FROM old_shelf LIMIT ?",
    postgresql="SELECT shelf, world FROM old_shelf LIMIT $1",
)
#: Of one world.
TAKE_OLD_SHELVES = (
    "SELECT shelf, world FROM old_shelf WHERE world = $1 AND shelf = ANY($2) FOR UPDATE SKIP LOCKED"
)
#: Where others write, they may be at some of what is left there: then it is looked at again.
FORGET_SHELF = Statement(
    sqlite="DELETE FROM old_shelf WHERE world = ? AND shelf = ?",
    postgresql=(
        "DELETE FROM old_shelf WHERE world = $1 AND shelf = $2"
        " AND NOT EXISTS (SELECT 1 FROM msg WHERE world = $1 AND queue = $2 AND state = 0)"
        " AND NOT EXISTS (SELECT 1 FROM msg WHERE world = $1 AND queue = $2 AND state IN (1, 2))"
        " AND NOT EXISTS (SELECT 1 FROM msg WHERE world = $1 AND queue = $2 AND state = 5)"
        " AND NOT EXISTS (SELECT 1 FROM push WHERE world = $1 AND queue = $2)"
    ),
)
#: On PostgreSQL once they are gone, with the highest version of them.
NOTE_FORGOTTEN = Statement(
    sqlite=(
        "UPDATE world SET forgotten = max(forgotten, (SELECT max(version) FROM queue"
        " WHERE world = world.id AND removed > 0 AND removed < ?))"
        " WHERE id IN (SELECT world FROM queue WHERE removed > 0 AND removed < ?)"
    ),
    postgresql="UPDATE world SET forgotten = greatest(forgotten, $2) WHERE id = $1",
)
#: On PostgreSQL they are found first; then the world is locked against gateways that read it, and
#: they are removed one by one.
QUEUES_TO_FORGET = "SELECT world, number FROM queue WHERE removed > 0 AND removed < $1 LIMIT $2"
FORGET_QUEUES = Statement(
    sqlite=(
        "DELETE FROM queue WHERE (world, number) IN"
        " (SELECT world, number FROM queue WHERE removed > 0 AND removed < ? LIMIT ?)"
    ),
    postgresql=(
        "DELETE FROM queue WHERE world = $1 AND number = $2"
        " AND removed <> 0 AND +removed < $3 RETURNING version"
    ),
)

# -- counters

COUNT = Statement(
    sqlite=(
        "SELECT coalesce(sum(n), 0), coalesce(sum(total), 0) FROM qstat"
        " WHERE world = ? AND queue = ?"
    ),
    postgresql=(
        "SELECT coalesce(sum(n), 0)::bigint, coalesce(sum(total), 0)::bigint FROM qstat"
        " WHERE world = $1 AND queue = $2"
    ),
)
USAGE = Statement(
    sqlite="SELECT coalesce(sum(n), 0), coalesce(sum(bytes), 0) FROM qstat WHERE world = ?",
    postgresql=(
        "SELECT coalesce(sum(n), 0)::bigint, coalesce(sum(bytes), 0)::bigint FROM qstat"
        " WHERE world = $1"
    ),
)
HAS_COUNTS = plain("SELECT 1 FROM qstat WHERE world = ? AND queue = ? LIMIT 1")
_ADDING = (
    " ON CONFLICT(world, queue, slot) DO UPDATE"
    " SET n = qstat.n + excluded.n, total = qstat.total + excluded.total"
)
#: On PostgreSQL, of many shelves at once: lists of all but the slot.
ADD_COUNT = Statement(
    sqlite=f"INSERT INTO qstat(world, queue, slot, n, total) VALUES(?, ?, ?, ?, ?){_ADDING}",
    postgresql=(
        "INSERT INTO qstat(world, queue, slot, n, total) SELECT world, queue, $3, n, total"
        " FROM unnest($1::bigint[], $2::bigint[], $4::bigint[], $5::bigint[])"
        f" AS more(world, queue, n, total){_ADDING}"
    ),
)
DROP_COUNTS = plain("DELETE FROM qstat WHERE world = ? AND queue = ?")

# -- gateways

RAISE_HIGH = "UPDATE gateway SET high = max(high, ?) WHERE slot = ? AND owner = ?"
TAKE_SLOT = (
    "INSERT INTO gateway(slot, owner, lease, batch, high) VALUES(?, ?, 0, 0, 0)"
    " ON CONFLICT(slot) DO UPDATE SET owner = excluded.owner"
)
HIGHEST = "SELECT max(high) FROM gateway"
#: The first one to open the database makes it, and nobody changes it.
MAKE_SECRET = plain(
    "INSERT INTO secret(name, value) VALUES('receipts', ?) ON CONFLICT(name) DO NOTHING"
)
SECRET = plain("SELECT value FROM secret WHERE name = 'receipts'")

# What follows is for databases that several gateways share, so for PostgreSQL alone.

#: The database's clock.
NOW = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
#: The lowest slot that nobody has, of 1023; it is the caller's for so long.
LEASE_SLOT = (
    f"INSERT INTO gateway(slot, owner, lease, batch, high) SELECT min(free.slot), $1, {NOW} + $2,"
    " 0, 0 FROM generate_series(0, 1022) AS free(slot) LEFT JOIN gateway g ON g.slot = free.slot"
    f" WHERE g.slot IS NULL OR g.lease <= {NOW} HAVING min(free.slot) IS NOT NULL"
    " ON CONFLICT(slot) DO UPDATE SET owner = excluded.owner, lease = excluded.lease"
    " RETURNING slot, batch, high"
)
GIVE_UP_SLOT = "UPDATE gateway SET lease = 0 WHERE slot = $1 AND owner = $2"
#: Begins every transaction that writes. Whoever takes the slot over waits for its end.
#: It renews the lease, too: else it would be in the way of whoever does that beside it.
FENCE = (
    f"UPDATE gateway SET batch = $1, high = greatest(high, $2), lease = {NOW} + $3"
    " WHERE slot = $4 AND owner = $5"
)
#: What became of a transaction whose end nobody heard of; waits until it has one.
LAST_BATCH = "SELECT owner, batch FROM gateway WHERE slot = $1 FOR UPDATE"

#: The numbers of our locks begin with it ("mqga"), as others may lock in the same database.
APPLICATION = 0x6D716761
#: Waits until no other gateway changes the catalogue of these worlds, in their order.
LOCK_WORLDS = (
    f"SELECT pg_advisory_xact_lock_shared({APPLICATION}, world::int)"
    " FROM unnest($1::bigint[]) AS these(world)"
)
#: The same where some are to be changed: until no other gateway uses their catalogue.
LOCK_WORLDS_TO_CHANGE = (
    f"SELECT CASE WHEN changing THEN pg_advisory_xact_lock({APPLICATION}, world::int)::text"
    f" ELSE pg_advisory_xact_lock_shared({APPLICATION}, world::int)::text END"
    " FROM unnest($1::bigint[], $2::boolean[]) AS these(world, changing)"
)
#: Those of these worlds whose catalogue nobody changes now, nor until this transaction ends.
TRY_WORLDS = (
    "SELECT world FROM unnest($1::bigint[]) AS these(world)"
    f" WHERE pg_try_advisory_xact_lock_shared({APPLICATION}, world::int)"
)
#: Those of these worlds whose catalogue nobody uses now, nor until this transaction ends.
TRY_WORLDS_ALONE = (
    "SELECT world FROM unnest($1::bigint[]) AS these(world)"
    f" WHERE pg_try_advisory_xact_lock({APPLICATION}, world::int)"
)
#: Waits until no other gateway posts under these limits. See `lock_of_quota` and `lock_of_bound`.
LOCK_LIMITS = (
    f"SELECT pg_advisory_xact_lock({APPLICATION + 1}, n) FROM unnest($1::int[]) AS these(n)"
)
#: A database has room for some thousands of locks, for all its sessions together: so some shelves
#: share one, and wait for each other for no reason.
_LOCKS = 1024


def lock_of_quota(world: int) -> int:
    """The number of the lock of a world's quota."""
    return _LOCKS + world % _LOCKS


def lock_of_bound(world: int, shelf: int) -> int:
    """The number of the lock of a shelf's bound."""
    return (world * 7919 + shelf) % _LOCKS
