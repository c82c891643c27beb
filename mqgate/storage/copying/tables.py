"""What there is to copy: every table, with its rows as they are in neither database's words."""

from __future__ import annotations

from typing import NamedTuple


class Table(NamedTuple):
    """A table whose rows are the same in both databases, column by column."""

    name: str
    columns: tuple[str, ...]
    #: How many of the columns, from the first, the rows are in the order of.
    key: int = 1

    @property
    def listed(self) -> str:
        """The columns, as a statement names them."""
        return ", ".join(self.columns)

    @property
    def order(self) -> str:
        """The columns that the rows are in the order of."""
        return ", ".join(self.columns[: self.key])


def _table(name: str, columns: str, key: int = 1) -> Table:
    return Table(name, tuple(columns.split()), key)


#: Bodies come before the messages that use them.
TABLES = (
    _table("world", "id version forgotten next_number topic_seq topics topic_floor"),
    _table("world_name", "name world"),
    _table("queue", "world number name shelf policy settings created removed version", 2),
    _table("old_shelf", "world shelf", 2),
    _table("exchange", "world name type removed version", 2),
    _table("binding", "world exchange queue key removed version", 4),
    _table(
        "consumer_group",
        "world topic name queue live cursor_pos cursor_id polled_at removed version",
        3,
    ),
    _table(
        "alert",
        "world queue id progressive descending threshold target snooze policy fired_at",
        3,
    ),
    _table("topic_value", "world topic latest_seq latest retained_seq retained version", 2),
    _table("body", "world id refs props data", 2),
    _table(
        "msg",
        "world id queue state pos due expires timeout lease rcount first_at body origin head"
        " tag grp props data",
        2,
    ),
    _table("qstat", "world queue slot n total", 3),
    _table(
        "push",
        "world queue message subscriber number targets via error_queue retries delay step url lane"
        " tries next_at status code claim failures",
        4,
    ),
    # Of these each database has lists of its own kind: here ``ids`` is a Python list.
    _table("remembered", "world until ids", 2),
    _table("push_remembered", "world until queue ids", 3),
    _table("gateway", "slot owner lease batch high"),
    _table("secret", "name value"),
)

#: By name.
BY_NAME = {table.name: table for table in TABLES}
#: What is in these is somebody's; the others are filled by a server's first start as well.
SOMEBODYS = ("queue", "msg", "exchange", "topic_value", "push", "old_shelf")
