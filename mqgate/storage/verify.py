"""Does the database add up? Run at the end of every crash test."""

from __future__ import annotations

import sqlite3
from string import Template

from mqgate.storage.group_checks import CHECKS
from mqgate.storage.interface import EPOCH, INSTANT_SHIFT
from mqgate.storage.sqlite.aging import LONG
from mqgate.storage.sqlite.viewing import SQLiteView
from mqgate.storage.statements.texts import Statement
from mqgate.storage.views import View

#: Each finds what must not be there; the sentence takes the row's values. ``$`` stands before what
#: each database has a word of its own for.
_CHECKS: tuple[tuple[str, str], ...] = (
    (
        "queue {1!r} of world {0} counts {2} messages but has {3}",
        """
        WITH there AS (SELECT world, queue, count(*) AS n FROM msg WHERE state <> 3
                GROUP BY world, queue),
            counted AS (SELECT world, queue, sum(n) AS n FROM qstat GROUP BY world, queue)
        SELECT q.world, q.name, coalesce(c.n, 0), coalesce(t.n, 0) FROM queue q
            LEFT JOIN there t ON t.world = q.world AND t.queue = q.shelf
            LEFT JOIN counted c ON c.world = q.world AND c.queue = q.shelf
            WHERE q.removed = 0 AND coalesce(c.n, 0) <> coalesce(t.n, 0)
        """,
    ),
    (
        "shelf {1} of world {0} counts {2} messages but only {3} were ever posted",
        """
        SELECT world, queue, sum(n), sum(total) FROM qstat GROUP BY world, queue
            HAVING sum(n) > sum(total)
        """,
    ),
    (
        "queue {1!r} of world {0} counts {2} bytes but has {3}",
        """
        WITH there AS (SELECT m.world, m.queue,
                sum(coalesce(length(m.data), length(b.data))
                    + coalesce(length(m.props), length(b.props), 0)) AS n
                FROM msg m LEFT JOIN body b ON b.world = m.world AND b.id = m.body
                WHERE m.state <> 3 GROUP BY m.world, m.queue),
            counted AS (SELECT world, queue, sum(bytes) AS n FROM qstat GROUP BY world, queue)
        SELECT q.world, q.name, coalesce(c.n, 0), coalesce(t.n, 0) FROM queue q
            LEFT JOIN there t ON t.world = q.world AND t.queue = q.shelf
            LEFT JOIN counted c ON c.world = q.world AND c.queue = q.shelf
            WHERE q.removed = 0 AND coalesce(c.n, 0) <> coalesce(t.n, 0)
                AND EXISTS ($metered)
        """,
    ),
    (
        "shelf {1} of world {0} has counters, but no queue",
        """
        SELECT DISTINCT world, queue FROM qstat s WHERE NOT EXISTS
            (SELECT 1 FROM queue q
                WHERE q.world = s.world AND q.shelf = s.queue AND q.removed = 0)
        """,
    ),
    (
        "body {0} is used {2} times but counts {1}",
        """
        SELECT b.id, b.refs, count(m.id) FROM body b
            LEFT JOIN msg m ON m.world = b.world AND m.body = b.id
            GROUP BY b.world, b.id, b.refs HAVING b.refs <> count(m.id)
        """,
    ),
    (
        "message {0} has no body",
        """
        SELECT id FROM msg m WHERE CASE body WHEN 0 THEN data IS NULL
            ELSE NOT EXISTS (SELECT 1 FROM body b WHERE b.world = m.world AND b.id = m.body) END
        """,
    ),
    (
        "message {0} uses body {1} and has one of its own",
        "SELECT id, body FROM msg WHERE body <> 0 AND (data IS NOT NULL OR props IS NOT NULL)",
    ),
    (
        "message {0} is deleted, and nobody is going to remove it",
        "SELECT id FROM msg WHERE state = 3 EXCEPT $remembered",
    ),
    ("message {0} has grown old, or soon expires, and nobody notices", "$young"),
    (
        "a note of {0} deleted messages lists {1}",
        "SELECT $noted, $listed FROM remembered WHERE $noted <> $listed",
    ),
    (
        "message {0} stands on shelf {2} of world {1}, which no queue uses and nobody empties",
        """
        SELECT id, world, queue FROM msg m WHERE state <> 3
            AND NOT EXISTS (SELECT 1 FROM queue q
                WHERE q.world = m.world AND q.shelf = m.queue AND q.removed = 0)
            AND NOT EXISTS (SELECT 1 FROM old_shelf o
                WHERE o.world = m.world AND o.shelf = m.queue)
        """,
    ),
    (
        "message {0} has state {1} and due time {2}, which do not go together",
        "SELECT id, state, due FROM msg WHERE (due = 0) <> (state IN (0, 3, 4)) AND state <> 5",
    ),
    (
        "exchange {1!r} of world {0} has a binding of queue {2}, but there is no such exchange",
        # Those whose names begin with this are there without a row.
        """
        SELECT DISTINCT world, exchange, queue FROM binding b
            WHERE removed = 0 AND substr(exchange, 1, 4) <> 'amq.' AND NOT EXISTS
                (SELECT 1 FROM exchange e
                    WHERE e.world = b.world AND e.name = b.exchange AND e.removed = 0)
        """,
    ),
    (
        "exchange {1!r} of world {0} has a binding of queue {2}, but there was no such queue",
        """
        SELECT DISTINCT world, exchange, queue FROM binding b WHERE NOT EXISTS
            (SELECT 1 FROM queue q WHERE q.world = b.world AND q.number = b.queue)
        """,
    ),
    (
        "{0} of world {1} is of version {2}, but the world of version {3}",
        """
        SELECT 'exchange ' || name, w.id, e.version, w.version FROM exchange e
            JOIN world w ON w.id = e.world AND e.version > w.version
        UNION ALL
        SELECT 'binding ' || key, w.id, b.version, w.version FROM binding b
            JOIN world w ON w.id = b.world AND b.version > w.version
        """,
    ),
    (
        "world {0} counts {1} topics but has {2}",
        """
        SELECT w.id, w.topics, count(t.topic) FROM world w
            LEFT JOIN topic_value t ON t.world = w.id
            GROUP BY w.id, w.topics HAVING w.topics <> count(t.topic)
        """,
    ),
    (
        "{2} topics of world {0} have one number, {1}",
        """
        SELECT world, latest_seq, count(*) FROM topic_value GROUP BY world, latest_seq
            HAVING count(*) > 1
        """,
    ),
    (
        "topic {1!r} of world {0} has the numbers {2} and {3}, but the world has come to {4}",
        """
        SELECT t.world, t.topic, t.latest_seq, t.retained_seq, coalesce(w.topic_seq, 0)
            FROM topic_value t LEFT JOIN world w ON w.id = t.world
            WHERE w.id IS NULL OR t.latest_seq NOT BETWEEN 1 AND w.topic_seq
                OR t.retained_seq NOT BETWEEN 0 AND t.latest_seq
        """,
    ),
    (
        "topic {1!r} of world {0} has values that do not go with their numbers",
        """
        SELECT world, topic FROM topic_value
            WHERE latest IS NULL OR (retained_seq = 0 AND retained IS NOT NULL)
        """,
    ),
    (
        "topic {1!r} of world {0} has the number {2}, but those below {3} were dropped",
        """
        SELECT t.world, t.topic, t.latest_seq, w.topic_floor
            FROM topic_value t JOIN world w ON w.id = t.world
            WHERE t.retained IS NULL AND t.latest_seq < w.topic_floor
        """,
    ),
    (
        "alert {2} belongs to queue {1} of world {0}, which is not there",
        """
        SELECT world, queue, id FROM alert a WHERE NOT EXISTS (SELECT 1 FROM queue q
            WHERE q.world = a.world AND q.number = a.queue AND q.removed = 0)
        """,
    ),
    (
        "alert {2} of queue {1} of world {0} has values that none can have",
        """
        SELECT world, queue, id FROM alert WHERE threshold < 1 OR snooze < 0 OR fired_at < 0
            OR progressive NOT IN (0, 1) OR descending NOT IN (0, 1)
        """,
    ),
    (
        "message {0} has an id above {1}, the highest given out",
        """
        SELECT id, (SELECT max(high) FROM gateway) FROM msg
            WHERE id > (SELECT max(high) FROM gateway)
        """,
    ),
    *CHECKS,
    (
        "entry {1} of message {0} is there, but neither the message nor anybody to remove it",
        """
        SELECT message, subscriber FROM push p
            WHERE NOT EXISTS (SELECT 1 FROM msg m
                WHERE m.id = p.message AND m.world = p.world AND m.queue = p.queue)
            AND NOT EXISTS (SELECT 1 FROM old_shelf o
                WHERE o.world = p.world AND o.shelf = p.queue)
            AND message IN (SELECT message FROM push EXCEPT $push_remembered)
        """,
    ),
    (
        "entry {1} of message {0} has ended, and nobody is going to remove it",
        """
        SELECT message, subscriber FROM push p WHERE EXISTS
            (SELECT 1 FROM msg m
                WHERE m.world = p.world AND m.id = p.message AND m.state = 3)
            AND message IN (SELECT message FROM push EXCEPT $push_remembered)
        """,
    ),
    (
        "entry {1} of message {0} is open, but the message is not being pushed: it has state {2}",
        """
        SELECT p.message, p.subscriber, m.state FROM push p
            JOIN msg m ON m.world = p.world AND m.id = p.message
            WHERE p.status < 3 AND m.state <> 4
        """,
    ),
    (
        "message {0} is being pushed, but has no open entry",
        """
        SELECT id FROM msg m WHERE state = 4 AND NOT EXISTS (SELECT 1 FROM push p
            WHERE p.world = m.world AND p.queue = m.queue AND p.message = m.id AND p.status < 3)
        """,
    ),
    (
        "entry {1} of message {0} is claimed, but has status {2}",
        "SELECT message, subscriber, status FROM push WHERE claim > 0 AND status <> 1",
    ),
)


#: What the databases have different words for.
_WORDS = {
    "metered": Statement(
        "SELECT 1 FROM sqlite_master WHERE name = 'meter_come'",
        "SELECT 1 FROM pg_trigger WHERE tgname = 'meter_come'",
    ),
    "remembered": Statement(
        "SELECT value FROM remembered, json_each(remembered.ids)",
        "SELECT unnest(ids) FROM remembered",
    ),
    "young": Statement(
        "SELECT id FROM msg, aging WHERE aged = 0 AND state <> 3 AND (id <= upto"
        f" OR expires - (id >> {INSTANT_SHIFT}) - {EPOCH} < {LONG})",
        "SELECT id FROM msg WHERE false",  # there the index has all of them
    ),
    "noted": Statement("n", "cardinality(ids)"),  # there it is not written down
    "listed": Statement("json_array_length(ids)", "cardinality(ids)"),
    "push_remembered": Statement(
        "SELECT value FROM push_remembered, json_each(push_remembered.ids)",
        "SELECT unnest(ids) FROM push_remembered",
    ),
    "hidden": Statement("char(31)", "chr(31)"),
    "instr": Statement("instr", "strpos"),
}


def _statement(text: str) -> Statement:
    """A check in the words of both."""
    template = Template(text)
    return Statement(
        *(
            template.substitute({word: getattr(each, name) for word, each in _WORDS.items()})
            for name in Statement._fields
        )
    )


_STATEMENTS = [(sentence, _statement(text)) for sentence, text in _CHECKS]


def verify(connection: sqlite3.Connection, *, at_most: int = 20) -> list[str]:
    """What is wrong with a file, a sentence each, at most so many of a kind.

    Reads one snapshot, so a server may be at work beside it.
    """
    view = SQLiteView(connection, "the database")
    try:
        return problems_in(view, at_most=at_most)
    finally:
        view.leave()


def problems_in(view: View, *, at_most: int = 20) -> list[str]:
    """The same of any database. Raises `StoreError` if it cannot be read to its end."""
    damage = view.damage()
    problems = [damage] if damage else []
    for sentence, statement in _STATEMENTS:
        problems += [sentence.format(*row) for row in view.rows(statement, most=at_most)]
    return problems
