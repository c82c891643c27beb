"""The command, called in this process, beside an engine that stands for a running server's."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mqgate.engine.engine import Engine
from mqgate.engine.values import NewMessage, Policy
from mqgate.operator.command import Surroundings, main
from mqgate.operator.console import Console
from mqgate.operator.signals import Signals
from mqgate.operator.worker import Times
from tests import stores

T = TypeVar("T")

#: When these tests take place, in seconds since 1970.
START = 1_800_000_000.0
#: Two projects that are worlds apart, and one more that is no longer configured.
PROJECTS = ("4fd2729368a0197d1102056b", "5fd2729368a0197d1102056c")
DROPPED = "ironmq/old"
CONFIGURATION = f"""
data = "."
free_space_minimum = 0
[namespaces.demo.ironmq]
projects = {list(PROJECTS)}
tokens = [{{ env = "NOBODY_HAS_THIS" }}, {{ env = "NOR_THIS" }}]
"""


class Stream(io.TextIOWrapper):
    """A standard stream, perhaps a terminal's."""

    def __init__(self, data: bytes = b"", *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(data), encoding="utf-8", newline="")
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def text(self) -> str:
        self.flush()
        return bytes(self.buffer.getvalue()).decode("utf-8")  # type: ignore[attr-defined]


@attrs.frozen
class Outcome:
    """What a call of the command came to."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.removesuffix("\n").split("\n")]


class CommandCase(SynchronousTestCase):
    """A data folder with a configuration and a database, which an engine has open."""

    policies: Mapping[str, Policy] = {"ironmq": Policy(remembers_for=600_000)}

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        os.makedirs(self.folder)
        self.database = stores.new(self.folder, "mqgate")
        self.addCleanup(self.database.close)
        configuration = self.database.configuration + CONFIGURATION
        (self.folder / "mqgate.toml").write_text(configuration, encoding="utf-8")
        self.clock = Clock()
        self.clock.advance(START)
        store = self.database.store()
        opened = store.open()
        self.store, self.opened = store, opened
        self.world, self.other, self.dropped = store.worlds(
            [*([f"ironmq/{project}"] for project in PROJECTS), [DROPPED]]
        )
        self.engine = Engine(store, self.clock, self.now, self.policies, opened=opened)
        self.addCleanup(store.close)
        self.signals = Signals()

    @property
    def path(self) -> str:
        """Where the database is, if it is a file."""
        assert isinstance(self.database, stores.SQLiteFile)
        return self.database.path

    def now(self) -> int:
        return int(self.clock.seconds() * 1000)

    def sleep(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.database.tell_time(self.clock.seconds())

    def done(self, deferred: Deferred[T]) -> T:
        for _ in range(4):
            self.clock.advance(0)
        result: T = self.successResultOf(deferred)
        return result

    def post(
        self, *bodies: bytes, queue: str = "jobs", world: int | None = None, **how: Any
    ) -> list[int]:
        messages = [NewMessage(body, **how) for body in bodies]
        return self.done(self.engine.post(world or self.world, queue, messages, policy="ironmq"))

    def take(self, n: int = 1, queue: str = "jobs", **how: Any) -> list[bytes]:
        messages = self.done(self.engine.reserve(self.world, queue, n, **how))
        return [message.body for message in messages]

    def size(self, queue: str = "jobs", world: int | None = None) -> int:
        return self.done(self.engine.info(world or self.world, queue)).size

    def run_command(
        self, *words: str, given: bytes = b"", terminal: bool = False, data: bool = True
    ) -> Outcome:
        """Call it; time stands still but where it sleeps."""
        streams = [Stream(given, terminal=terminal), *(Stream(terminal=terminal) for _ in "oe")]
        around = Surroundings(
            Console(*streams),
            Times(self.clock.seconds, self.clock.seconds, self.sleep),
            {},
            self.signals,
        )
        self.database.tell_time(self.clock.seconds())
        places = ["--data", str(self.folder)] if data else []
        status = main([*places, *words], around)
        out, err = (each.text() for each in streams[1:])
        return Outcome(status, out, err)

    def did(self, *words: str, **how: Any) -> Outcome:
        """Call it; it can be done."""
        outcome = self.run_command(*words, **how)
        self.assertEqual(outcome.status, 0, outcome)
        return outcome

    def refused(self, *words: str, **how: Any) -> str:
        """Call it; it cannot be done, and one line says why."""
        outcome = self.run_command(*words, **how)
        self.assertEqual((outcome.status, outcome.err.count("\n")), (1, 1), outcome)
        self.assertTrue(outcome.err.startswith("mqgate: "), outcome)
        return outcome.err

    def check(self) -> None:
        """The database adds up."""
        self.assertEqual(self.database.problems(), [])
