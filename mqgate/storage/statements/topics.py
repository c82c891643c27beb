"""The statements on topic values. A topic is one row, however often it is published to."""

from __future__ import annotations

from mqgate.storage.statements.texts import Statement, plain

FIGURES = plain("SELECT topic_seq, topics, topic_floor FROM world WHERE id = ?")
#: World by world, in their order: nobody waits for a lower one than he has.
LOCK_FIGURES = "SELECT id FROM world WHERE id = %s FOR NO KEY UPDATE"
SET_FIGURES = plain("UPDATE world SET topic_seq = ?, topics = ?, topic_floor = ? WHERE id = ?")

SET_LATEST = plain(
    "UPDATE topic_value SET latest_seq = ?, latest = ? WHERE world = ? AND topic = ?"
)
SET_BOTH = plain(
    "UPDATE topic_value SET latest_seq = ?, latest = ?, retained_seq = ?, retained = ?"
    " WHERE world = ? AND topic = ?"
)
ADD_TOPIC = plain(
    "INSERT INTO topic_value(latest_seq, latest, retained_seq, retained, world, topic, version)"
    " VALUES(?, ?, ?, ?, ?, ?, 0)"
)


def _by_number(text: str) -> Statement:
    """A statement that goes by the numbers of latest values.

    No number is lower than 1; saying so has PostgreSQL take the index of them.
    """
    return Statement(
        text.format(number="latest_seq"),
        plain(text.format(number="latest_seq > 0 AND latest_seq")).postgresql,
    )


OLDEST_TOPIC = _by_number(
    "SELECT topic, latest_seq FROM topic_value WHERE world = ? AND {number} >= ?"
    " AND retained IS NULL ORDER BY latest_seq LIMIT 1"
)
DROP_TOPIC = plain("DELETE FROM topic_value WHERE world = ? AND topic = ?")
_OLD_TOPICS = _by_number(
    "SELECT topic FROM topic_value WHERE world = ? AND {number} <= ? ORDER BY latest_seq LIMIT ?"
)
DROP_TOPICS = Statement(
    sqlite=f"DELETE FROM topic_value WHERE world = ? AND topic IN ({_OLD_TOPICS.sqlite})",
    postgresql=(
        f"DELETE FROM topic_value WHERE world = %s AND topic = ANY(ARRAY({_OLD_TOPICS.postgresql}))"
    ),
)

LATEST = plain("SELECT latest FROM topic_value WHERE world = ? AND topic = ?")
RETAINED = plain("SELECT retained FROM topic_value WHERE world = ? AND topic = ?")
LATEST_AFTER = _by_number(
    "SELECT topic, latest_seq, 1 FROM topic_value"
    " WHERE world = ? AND {number} > ? ORDER BY latest_seq LIMIT ?"
)
#: No number is lower than 0; saying so makes the partial index one that can be used.
RETAINED_AFTER = plain(
    "SELECT topic, retained_seq, retained IS NOT NULL FROM topic_value"
    " WHERE world = ? AND retained_seq > ? AND retained_seq > 0 ORDER BY retained_seq LIMIT ?"
)
