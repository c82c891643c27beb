"""Topic values, on one connection to PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Collection

from mqgate.storage.interface import PublishValue, TopicRow
from mqgate.storage.postgresql.line import Answer
from mqgate.storage.statements import topics as sql
from mqgate.storage.topic_session import TopicFigures


class TopicStatements:
    """The part of a session that is `mqgate.storage.topic_session.TopicSession`.

    A world's row is locked by who gives out its numbers, up to the end of his transaction: they are
    seen in their order. Who only reads takes no lock.
    """

    _ask: Callable[..., Answer]

    def hold_figures(self, worlds: Collection[int]) -> None:
        for world in sorted(set(worlds)):
            self._ask(sql.LOCK_FIGURES, (world,))

    def topic_figures(self, world: int) -> TopicFigures:
        row = self._ask(sql.FIGURES.postgresql, (world,)).one()
        assert row is not None
        return TopicFigures._make(row)

    def set_topic_figures(self, world: int, figures: TopicFigures) -> None:
        self._ask(sql.SET_FIGURES.postgresql, (*figures, world))

    def set_value(self, publish: PublishValue, seq: int) -> bool:
        world, topic, data, retained, *_ = publish
        if retained:
            values = (seq, data, seq, data or None, world, topic)
            return self._ask(sql.SET_BOTH.postgresql, values).count() == 1
        return self._ask(sql.SET_LATEST.postgresql, (seq, data, world, topic)).count() == 1

    def add_topic(self, publish: PublishValue, seq: int) -> None:
        world, topic, data, retained, *_ = publish
        kept = (seq, data or None) if retained else (0, None)
        self._ask(sql.ADD_TOPIC.postgresql, (seq, data, *kept, world, topic))

    def oldest_topic(self, world: int, floor: int) -> TopicRow | None:
        row = self._ask(sql.OLDEST_TOPIC.postgresql, (world, floor)).one()
        return None if row is None else TopicRow(row[0], row[1], True)

    def drop_topic(self, world: int, topic: str) -> None:
        self._ask(sql.DROP_TOPIC.postgresql, (world, topic))

    def drop_topics(self, world: int, upto: int, limit: int) -> int:
        return self._ask(sql.DROP_TOPICS.postgresql, (world, world, upto, limit)).count()

    def value(self, world: int, topic: str, retained: bool) -> bytes | None:
        statement = sql.RETAINED if retained else sql.LATEST
        row = self._ask(statement.postgresql, (world, topic)).one()
        return None if row is None else row[0]

    def values_after(self, world: int, seq: int, limit: int, retained: bool) -> list[TopicRow]:
        statement = sql.RETAINED_AFTER if retained else sql.LATEST_AFTER
        rows = self._ask(statement.postgresql, (world, seq, limit)).all()
        return [TopicRow(topic, number, bool(there)) for topic, number, there in rows]
