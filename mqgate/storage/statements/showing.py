"""Statements of the operator's command, which looks at what is there and changes nothing."""

from __future__ import annotations

from mqgate.storage.statements.texts import Statement, named, plain

HIGH = plain("SELECT coalesce(max(high), 0) FROM gateway")
WORLD_NAMES = plain("SELECT name, world FROM world_name ORDER BY name")
QUEUES = plain(
    "SELECT world, number, name, shelf, policy, settings, created FROM queue"
    " WHERE world = ? AND removed = 0 ORDER BY name"
)
QUEUE = plain(
    "SELECT world, number, name, shelf, policy, settings, created FROM queue"
    " WHERE world = ? AND removed = 0 AND name = ?"
)
COUNT = plain(
    "SELECT CAST(coalesce(sum(n), 0) AS bigint), CAST(coalesce(sum(total), 0) AS bigint)"
    " FROM qstat WHERE world = ? AND queue = ?"
)
#: Of a topic's number: whether each of its groups is live, and when it was polled.
GROUPS = plain("SELECT name, live, polled_at FROM consumer_group WHERE world = ? AND topic = ?")
ALERTS = plain(
    "SELECT id, progressive, descending, threshold, target, snooze, fired_at FROM alert"
    " WHERE world = ? AND queue = ? ORDER BY id"
)
EXCHANGES = plain("SELECT name, type FROM exchange WHERE world = ? AND removed = 0")
BINDINGS = plain(
    "SELECT b.exchange, q.name, b.key FROM binding b"
    " JOIN queue q ON q.world = b.world AND q.number = b.queue AND q.removed = 0"
    " WHERE b.world = ? AND b.removed = 0 ORDER BY b.exchange, q.name, b.key"
)
_TOPICS = (
    "SELECT topic, latest_seq, length(latest), {latest}, retained_seq, length(retained),"
    " substr(retained, 1, {bytes}) FROM topic_value WHERE world = {world} ORDER BY topic"
)
#: Of a value without bytes, SQLite's ``substr`` makes none at all.
TOPICS = Statement(
    sqlite=_TOPICS.format(
        latest="coalesce(substr(latest, 1, :bytes), x'')", bytes=":bytes", world=":world"
    ),
    postgresql=_TOPICS.format(
        latest="substr(latest, 1, %(bytes)s)", bytes="%(bytes)s", world="%(world)s"
    ),
)

# -- messages; ``+expires`` keeps the databases from walking the expiry index

READY_FIGURES = named(
    "SELECT count(*), min(id), min(expires) FROM msg"
    " WHERE world = :world AND queue = :shelf AND state = 0 AND +expires > :now"
)
#: What has come due is ready, whether anybody has looked since or not.
HELD_FIGURES = named(
    "SELECT count(*) FILTER (WHERE due <= :now),"
    " count(*) FILTER (WHERE due > :now AND state = 1),"
    " count(*) FILTER (WHERE due > :now AND state = 2),"
    " min(id), min(expires), min(CASE WHEN due > :now THEN due END) FROM msg"
    " WHERE world = :world AND queue = :shelf AND state IN (1, 2) AND +expires > :now"
)
PUSHED_FIGURES = named(
    "SELECT count(*), min(id), min(expires) FROM msg"
    " WHERE world = :world AND state = 4 AND +expires > :now"
    " AND id IN (SELECT message FROM push WHERE world = :world AND queue = :shelf)"
)
PUSHED = named(
    "SELECT DISTINCT message FROM push WHERE world = :world AND queue = :shelf ORDER BY message"
)
#: A lapsed reservation stands where its queue's policy sends it, everything else at its place.
HELD_PLACES = named(
    "SELECT CASE WHEN state = 1 AND due <= :now AND NOT :keeps_place THEN (due - :epoch) << :shift"
    " ELSE pos END AS place, id FROM msg"
    " WHERE world = :world AND queue = :shelf AND state IN (1, 2) AND +expires > :now"
    " ORDER BY place, id"
)
#: The columns of a `mqgate.storage.interface.MessageRow`.
_MESSAGE = (
    "m.id, m.state, m.pos, m.due, m.expires, m.timeout, m.lease, m.rcount, m.first_at, m.body,"
    " m.origin,"
    " CASE m.body WHEN 0 THEN m.props ELSE (SELECT b.props FROM body b"
    " WHERE b.world = m.world AND b.id = m.body) END,"
    " CASE m.body WHEN 0 THEN m.data ELSE (SELECT b.data FROM body b"
    " WHERE b.world = m.world AND b.id = m.body) END"
)
READY = plain(
    f"SELECT {_MESSAGE} FROM msg m WHERE m.world = ? AND m.queue = ?"
    " AND m.state = 0 AND +m.expires > ? ORDER BY m.pos, m.id"
)
MESSAGE = plain(
    f"SELECT {_MESSAGE} FROM msg m WHERE m.id = ? AND m.world = ? AND m.queue = ? AND m.expires > ?"
)
