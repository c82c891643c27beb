"""Several gateways of one configuration on one database.

fleet = Fleet(folder, count=4, database=dsn)
fleet.start()
fleet[0].ask_queue("POST", "q", "/messages", …)     # each is a `tests.live.server.Server`
fleet.stop()
fleet.problems()                                    # what `mqgate verify` says
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs

from benchmarks.proc import cpu_seconds
from tests.crash.client import Address
from tests.live.server import Server, environment, free_port

PROJECT, TOKEN = "4fd2729368a0197d1102056b", "abc4c7c627376858"
_CONFIGURATION = f"""
free_space_minimum = 0
[[listen]]
endpoint = "tcp:PORT:interface=127.0.0.1"
dialects = ["ironmq", "robomq", "rocketmq", "shiftr"]
[namespaces.demo.ironmq]
projects = ["{PROJECT}"]
tokens = ["{TOKEN}"]
[namespaces.demo.robomq]
vhosts = ["demo"]
users = [{{ name = "demo", password = "secret", rights = ["configure", "write", "read"] }}]
token_headers = [{{ header = "X-Demo", value = "{TOKEN}", user = "demo" }}]
[namespaces.demo.shiftr]
instances = ["demo"]
tokens = [{{ secret = "{TOKEN}" }}]
[namespaces.demo.rocketmq]
instances = [""]
keys = [{{ id = "id", secret = "secret" }}]
"""


@attrs.frozen
class Fleet:
    """Gateways, each in a process and a folder of its own."""

    servers: tuple[Server, ...]

    @classmethod
    def over(
        cls,
        folder: Path,
        count: int,
        *,
        database: str = "sqlite",
        keys: str = "",
        sections: str = "",
        module: str = "",
    ) -> Fleet:
        """So many on a database, with more keys and sections in their configuration.

        ``database`` is what the configuration says there: with ``"sqlite"`` there can be one only.
        ``module`` is run in twistd's place.
        """
        head = f"database = {json.dumps(database)}\n{keys}\n"
        servers = []
        for number in range(count):
            place, port = folder / f"gateway-{number}", free_port()
            place.mkdir(parents=True)
            config = head + _CONFIGURATION.replace("PORT", str(port)) + sections
            servers.append(Server(place, listen=[], config=config, module=module))
            servers[-1].port = port
        return cls(tuple(servers))

    def __getitem__(self, number: int) -> Server:
        return self.servers[number]

    def __iter__(self) -> Iterator[Server]:
        return iter(self.servers)

    def __len__(self) -> int:
        return len(self.servers)

    def start(self) -> None:
        """Start all of them at once, and return when all are ready."""
        for server in self:
            server.launch()
        for server in self:
            server.wait_until_ready()

    def stop(self) -> list[int]:
        """Stop those that run; their exit statuses."""
        return [server.stop() for server in self if server.is_running()]

    def kill(self) -> None:
        """End all at once; harmless where one is not running."""
        for server in self:
            server.kill()

    def addresses(self) -> list[Address]:
        """Where each is, for callers."""
        return [Address(server.port, None, PROJECT, TOKEN) for server in self]

    def cpu_seconds(self) -> float:
        """CPU time that all of them have used so far."""
        return sum(cpu_seconds(server.process.pid) for server in self if server.process is not None)

    def complaints(self) -> list[str]:
        """What any of them logged as critical, with the line after it that says why."""
        found = []
        for number, server in enumerate(self):
            lines = server.output().splitlines()
            found += [f"gateway {number}: {line}" for line in lines if "#critical" in line]
        return found

    def problems(self) -> list[str]:
        """What ``mqgate verify`` finds wrong with the database."""
        done = subprocess.run(
            [sys.executable, "-m", "mqgate.operator", "verify", "--json", "--config=mqgate.toml"],
            cwd=self[0].folder,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if not done.stdout:
            return [done.stderr]
        problems: list[str] = json.loads(done.stdout)["problems"]
        return problems
