"""What `mqgate.storage.verify` looks for in topics and their groups."""

from __future__ import annotations

#: As in `mqgate.storage.verify`: each finds what must not be there. The name of a log begins with
#: the character 31 and has no other one; a group's has two.
CHECKS: tuple[tuple[str, str], ...] = (
    (
        "message {0} with key {1!r} should {2} its key's head",
        """
        WITH keyed AS (SELECT m.world, m.queue, m.grp, m.id, m.pos, m.state, m.head FROM msg m
                JOIN queue q ON q.world = m.world AND q.shelf = m.queue AND q.removed = 0
                WHERE m.grp IS NOT NULL AND m.state IN (0, 1)),
            reserved AS (SELECT DISTINCT world, queue, grp FROM keyed WHERE state = 1),
            ready AS (SELECT *, row_number() OVER (PARTITION BY world, queue, grp
                ORDER BY pos, id) AS place FROM keyed WHERE state = 0)
        SELECT r.id, r.grp, CASE r.head WHEN 1 THEN 'not be' ELSE 'be' END FROM ready r
            LEFT JOIN reserved b ON b.world = r.world AND b.queue = r.queue AND b.grp = r.grp
            WHERE (r.head = 1) <> (r.place = 1 AND b.grp IS NULL)
        """,
    ),
    (
        "message {0} is its key's head, but in state {1}",
        "SELECT id, state FROM msg WHERE head <> 0 AND state <> 0",
    ),
    (
        "message {0} stands in a log or a group, but has no key",
        """
        SELECT m.id FROM msg m JOIN queue q ON q.world = m.world AND q.shelf = m.queue
            WHERE q.removed = 0 AND substr(q.name, 1, 1) = $hidden AND m.grp IS NULL
        """,
    ),
    (
        "message {0} has state {1}, which does not go together with queue {2!r}",
        """
        SELECT m.id, m.state, q.name FROM msg m
            JOIN queue q ON q.world = m.world AND q.shelf = m.queue AND q.removed = 0
            WHERE (m.state = 5) <> (substr(q.name, 1, 1) = $hidden
                AND $instr(substr(q.name, 2), $hidden) = 0)
        """,
    ),
    (
        "group {1!r} of world {0} has no topic, or no queue",
        """
        SELECT world, name FROM consumer_group g WHERE 2 > (SELECT count(*) FROM queue q
            WHERE q.world = g.world AND q.number IN (g.topic, g.queue) AND q.removed = 0)
        """,
    ),
    (
        "group {1!r} of world {0} has come to {2} in its topic's log, which no message reached yet",
        """
        SELECT g.world, g.name, g.cursor_pos FROM consumer_group g
            JOIN queue q ON q.world = g.world AND q.number = g.topic
            WHERE g.cursor_pos > (SELECT max(high) FROM gateway) AND g.cursor_pos > coalesce(
                (SELECT max(pos) FROM msg WHERE world = q.world AND queue = q.shelf AND state = 5),
                0)
        """,
    ),
)
