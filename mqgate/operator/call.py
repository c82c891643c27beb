"""One call of the command: what was asked, and all there is to do it with."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping

import attrs

from mqgate.config.first_run import DATABASE
from mqgate.config.values import Configuration
from mqgate.config.worlds import world_name
from mqgate.dialects import ALL
from mqgate.engine.values import Policy, Topology
from mqgate.operator.configuration import known
from mqgate.operator.console import Console, Progress
from mqgate.operator.errors import CommandError
from mqgate.operator.signals import Signals
from mqgate.operator.snapshot import Queue, Snapshot
from mqgate.operator.worker import Times, Worker
from mqgate.operator.worlds import World, Worlds, find_worlds
from mqgate.storage.databases import Database, choose
from mqgate.storage.views import View


@attrs.frozen
class Call:
    """What a command works with."""

    arguments: argparse.Namespace
    configuration: Configuration
    console: Console
    times: Times
    signals: Signals

    def database(self) -> Database:
        """The database that the configuration names; raises `CommandError` and `StoreError`."""
        return self.database_at(known(self.configuration.database))

    def database_at(self, address: str | None, path: str | None = None) -> Database:
        """Another one: at an address, or in a file; without either, that in the data folder."""
        server = self.configuration.server
        return choose(
            address,
            path or os.path.join(self.configuration.data, DATABASE),
            free_space_minimum=server.free_space_minimum,
            deadline_seconds=server.database_deadline_seconds,
        )

    def view(self) -> View:
        """The database as it is now, for those who only look."""
        return self.database().view(lambda: self.signals.pending is not None, self.times.wall)

    def snapshot(self) -> Snapshot:
        """The same, for those who ask for queues and messages."""
        return Snapshot(self.view(), self.times.wall, self.times.monotonic)

    def worker(self) -> Worker:
        """Somebody to change it."""
        store = self.database().beside(self.times.wall)
        return Worker(store, self.policies(), self.times, self.signals)

    def policies(self) -> Mapping[str, Policy]:
        """Every dialect's policies by name."""
        found: dict[str, Policy] = {}
        for declaration in ALL:
            found |= declaration.policies(self.configuration.settings[declaration.name])
        return found

    def policy(self, queue: Queue) -> Policy:
        """What a queue does with its messages."""
        return self.policies().get(queue.policy, Policy())

    def worlds(self, snapshot: Snapshot) -> Worlds:
        """The worlds of the database."""
        return find_worlds(snapshot.world_names(), self.configuration.namespaces, ALL)

    def world(self, snapshot: Snapshot) -> World:
        """The world that was named."""
        return self.worlds(snapshot).one(self.arguments.world)

    def queue(self, snapshot: Snapshot, name: str) -> Queue:
        """A queue of the world that was named; raises `CommandError` if there is none."""
        world = self.world(snapshot)
        queue = snapshot.queue(world.number, name)
        if queue is None:
            raise CommandError(f"{world} has no queue {name!r}")
        return queue

    def declared(self, world: World) -> list[Topology]:
        """What the configuration says has to be in a world."""
        return [
            topology
            for declaration in ALL
            for namespace in self.configuration.namespaces
            if declaration.name in namespace.sections
            for name, topology in declaration.topologies(
                namespace.sections[declaration.name]
            ).items()
            if world_name(declaration.name, name) in world.stored
        ]

    def progress(self, what: str, total: int | None) -> Progress:
        """How far something comes, for whoever watches."""
        return Progress(self.console, self.times.monotonic, what, total)
