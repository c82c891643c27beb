"""The configuration once it has been read: typed, checked, complete.

The structs are also the reference for the file's keys: what stands here may stand there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import attrs
import msgspec

from mqgate.config.database import Database
from mqgate.tls.listeners import Listener

Seconds = Annotated[float, msgspec.Meta(ge=1, le=86_400)]

#: Where a server listens unless it is told otherwise.
LISTEN = ("ssl:8443", "tcp:8080:interface=127.0.0.1")

_SIZE = re.compile(r"(\d+) ?(B|kB|KB|MB|GB|KiB|MiB|GiB)")
_UNITS = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}


class Size(int):
    """A number of bytes, which the file may also spell ``"256 MB"``."""

    #: What the file may hold, for the line that says so.
    takes = 'a number of bytes or text such as "256 MB"'

    @classmethod
    def parse(cls, value: object) -> Size:
        """The size that ``value`` spells; raises `TypeError` if it spells none."""
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return cls(value)
        if isinstance(value, str) and (found := _SIZE.fullmatch(value)):
            return cls(int(found[1]) * _UNITS[found[2]])
        raise TypeError


class HTTPTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[http]``: the limits of the HTTP room, under their names there (`mqgate.web.limits`)."""

    head_seconds: Seconds = 10
    request_seconds: Seconds = 60
    idle_seconds: Seconds = 75
    answer_seconds: Seconds = 60
    linger_seconds: Annotated[float, msgspec.Meta(ge=1, le=60)] = 5
    answer_rate: Annotated[int, msgspec.Meta(ge=0, le=2**20)] = 1024
    connections: Annotated[int, msgspec.Meta(ge=1, le=10**6)] = 10_000
    header_count: Annotated[int, msgspec.Meta(ge=20, le=10_000)] = 500
    head_bytes: Size = Size(64 * 2**10)
    ahead_bytes: Size = Size(384 * 2**10)
    unsent_bytes: Size = Size(256 * 2**20)
    discard_bytes: Size = Size(4 * 2**20)
    linger_bytes: Size = Size(4 * 2**20)

    def __post_init__(self) -> None:
        """Refuse sizes with which no client could be served, or one could take all memory."""
        for key, (least, most) in _HTTP_SIZES.items():
            size = getattr(self, key)
            if not least <= size <= most:
                raise ValueError(f"{key} is {size}: use {least} to {most} bytes")


#: What the sizes of `HTTPTable` may be.
_HTTP_SIZES = {
    "head_bytes": (8 * 2**10, 2**20),
    "ahead_bytes": (64 * 2**10, 64 * 2**20),
    "unsent_bytes": (2**20, 2**40),
    "discard_bytes": (0, 2**30),
    "linger_bytes": (0, 2**30),
}


class LimitsTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[limits]``: how much work may wait before more is turned away, and how many topics are."""

    waiting_bytes: Size = Size(64 * 2**20)
    waiting_operations: Annotated[int, msgspec.Meta(ge=1)] = 10_000
    #: Of one world.
    topics: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 100_000


class MetricsTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[metrics]``: a listener for Prometheus, if there is such a table."""

    listen: str = "tcp:9309:interface=127.0.0.1"
    #: How many queues are shown with their sizes.
    queues: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 100


class AccessLogTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[access_log]``: where answers are written down, if there is such a table."""

    file: str = "access.log"
    format: Literal["json", "common"] = "json"


AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]


class WorldLimitsTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[namespaces.X.limits]``: what each world of a namespace may hold; None = anything."""

    queues: AtLeastOne | None = None
    messages: AtLeastOne | None = None
    bytes: Size | None = None


class QueuesTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[namespaces.X.queues]]``: what queues may hold whose names match."""

    match: str
    max_length: AtLeastOne | None = None
    #: Which messages go, or do not come, when there are too many: RabbitMQ's words.
    overflow: Literal["reject-publish", "drop-head"] | None = None
    max_age_seconds: AtLeastOne | None = None

    def __post_init__(self) -> None:
        """Refuse what would limit nothing."""
        if self.max_length is None and self.max_age_seconds is None:
            raise ValueError("has no limit: use max_length, max_age_seconds or both")
        if self.overflow is not None and self.max_length is None:
            raise ValueError("overflow is for a max_length: use both or neither")


class ServerKeys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file's keys outside of the dialects' sections and the namespaces."""

    data: str = "mqgate-data"
    #: How long a batch may take in a database over the network.
    database_deadline_seconds: Annotated[float, msgspec.Meta(ge=1, le=60)] = 10
    #: Endpoint strings, or tables with one (`mqgate.tls.listeners`).
    listen: tuple[str | dict[str, Any], ...] = LISTEN
    tls_minimum: Literal["1.0", "1.1", "1.2", "1.3"] = "1.2"
    tls_names: tuple[str, ...] = ()
    #: The certificates that ``/ca.crt`` shows, in place of the authority made here.
    tls_authority: str | None = None
    #: What the server is called by those it sends something to.
    public_url: str | None = None
    free_space_minimum: Size = Size(256 * 10**6)
    #: Whether an older database is copied before it is upgraded.
    backup_before_upgrade: bool | Literal["small"] = True
    shutdown_seconds: Annotated[float, msgspec.Meta(ge=2, le=60)] = 4
    #: Processes that share the listeners.
    workers: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    http: HTTPTable = HTTPTable()
    limits: LimitsTable = LimitsTable()
    metrics: MetricsTable | None = None
    access_log: AccessLogTable | None = None


@attrs.frozen
class Listening:
    """One listener that was asked for."""

    listener: Listener
    #: What to change to have it elsewhere, as the end of a sentence.
    setting: str
    #: The dialect that has it for itself. Its port need not be the one that was asked for.
    annex_of: str | None = None
    #: What is said about it where the listeners are shown.
    note: str = ""


@attrs.frozen
class Namespace:
    """A group of worlds with their credentials, which are why it has a short repr."""

    name: str
    #: By dialect, an instance of its declaration's ``namespace``.
    sections: Mapping[str, msgspec.Struct] = attrs.field(repr=False)
    #: What each of its worlds may hold.
    limits: WorldLimitsTable
    #: The first one that matches a queue's name says what that may hold.
    queues: tuple[QueuesTable, ...]


@attrs.frozen
class Configuration:
    """All that the operator decided."""

    #: The file's folder, which relative paths in it are relative to.
    folder: str
    #: The data folder, absolute.
    data: str
    listeners: tuple[Listening, ...]
    server: ServerKeys
    database: Database
    #: By dialect, an instance of its declaration's ``settings``.
    settings: Mapping[str, msgspec.Struct]
    namespaces: tuple[Namespace, ...]
    #: The names of each world, as ``dialect/name``; a namespace's main world has one of each.
    worlds: tuple[tuple[str, ...], ...]
    #: The listener for metrics; it is none of `listeners`, and serves no dialect.
    scraping: Listening | None = None
    #: The listeners that dialects have for themselves.
    annexes: tuple[Listening, ...] = ()

    @property
    def sockets(self) -> tuple[Listening, ...]:
        """All that is to be opened: those for clients first."""
        for_clients = (*self.listeners, *self.annexes)
        return (*for_clients, self.scraping) if self.scraping else for_clients
