"""The statements on topic values. A topic is one row, however often it is published to."""

from __future__ import annotations

FIGURES = "SELECT topic_seq, topics, topic_floor FROM world WHERE id = ?"
SET_FIGURES = "UPDATE world SET topic_seq = ?, topics = ?, topic_floor = ? WHERE id = ?"

SET_LATEST = "UPDATE topic_value SET latest_seq = ?, latest = ? WHERE world = ? AND topic = ?"
SET_BOTH = (
    "UPDATE topic_value SET latest_seq = ?, latest = ?, retained_seq = ?, retained = ?"
    " WHERE world = ? AND topic = ?"
)
ADD_TOPIC = (
    "INSERT INTO topic_value(latest_seq, latest, retained_seq, retained, world, topic, version)"
    " VALUES(?, ?, ?, ?, ?, ?, 0)"
)
OLDEST_TOPIC = (
    "SELECT topic, latest_seq FROM topic_value WHERE world = ? AND latest_seq >= ?"
    " AND retained IS NULL ORDER BY latest_seq LIMIT 1"
)
DROP_TOPIC = "DELETE FROM topic_value WHERE world = ? AND topic = ?"
DROP_TOPICS = (
    "DELETE FROM topic_value WHERE world = ? AND topic IN (SELECT topic FROM topic_value"
    " WHERE world = ? AND latest_seq <= ? ORDER BY latest_seq LIMIT ?)"
)

LATEST = "SELECT latest FROM topic_value WHERE world = ? AND topic = ?"
RETAINED = "SELECT retained FROM topic_value WHERE world = ? AND topic = ?"
LATEST_AFTER = (
    "SELECT topic, latest_seq, 1 FROM topic_value"
    " WHERE world = ? AND latest_seq > ? ORDER BY latest_seq LIMIT ?"
)
#: No number is lower than 0; saying so makes the partial index one that can be used.
RETAINED_AFTER = (
    "SELECT topic, retained_seq, retained IS NOT NULL FROM topic_value"
    " WHERE world = ? AND retained_seq > ? AND retained_seq > 0 ORDER BY retained_seq LIMIT ?"
)
