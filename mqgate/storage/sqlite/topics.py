"""Topic values on one SQLite connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection

from mqgate.storage.interface import PublishValue, TopicRow
from mqgate.storage.statements import topics as sql
from mqgate.storage.topic_session import TopicFigures


class TopicStatements:
    """The part of a session that is `mqgate.storage.topic_session.TopicSession`."""

    _execute: Callable[..., sqlite3.Cursor]

    def hold_figures(self, worlds: Collection[int]) -> None:
        pass  # the transaction has the whole file to itself

    def topic_figures(self, world: int) -> TopicFigures:
        return TopicFigures._make(self._execute(sql.FIGURES.sqlite, (world,)).fetchone())

    def set_topic_figures(self, world: int, figures: TopicFigures) -> None:
        self._execute(sql.SET_FIGURES.sqlite, (*figures, world))

    def set_value(self, publish: PublishValue, seq: int) -> bool:
        world, topic, data, retained, *_ = publish
        if retained:
            values = (seq, data, seq, data or None, world, topic)
            return self._execute(sql.SET_BOTH.sqlite, values).rowcount == 1
        return self._execute(sql.SET_LATEST.sqlite, (seq, data, world, topic)).rowcount == 1

    def add_topic(self, publish: PublishValue, seq: int) -> None:
        world, topic, data, retained, *_ = publish
        kept = (seq, data or None) if retained else (0, None)
        self._execute(sql.ADD_TOPIC.sqlite, (seq, data, *kept, world, topic))

    def oldest_topic(self, world: int, floor: int) -> TopicRow | None:
        row = self._execute(sql.OLDEST_TOPIC.sqlite, (world, floor)).fetchone()
        return None if row is None else TopicRow(row[0], row[1], True)

    def drop_topic(self, world: int, topic: str) -> None:
        self._execute(sql.DROP_TOPIC.sqlite, (world, topic))

    def drop_topics(self, world: int, upto: int, limit: int) -> int:
        return self._execute(sql.DROP_TOPICS.sqlite, (world, world, upto, limit)).rowcount

    def value(self, world: int, topic: str, retained: bool) -> bytes | None:
        statement = sql.RETAINED.sqlite if retained else sql.LATEST.sqlite
        row = self._execute(statement, (world, topic)).fetchone()
        return None if row is None else row[0]

    def values_after(self, world: int, seq: int, limit: int, retained: bool) -> list[TopicRow]:
        statement = sql.RETAINED_AFTER.sqlite if retained else sql.LATEST_AFTER.sqlite
        rows = self._execute(statement, (world, seq, limit))
        return [TopicRow(topic, number, bool(there)) for topic, number, there in rows]
