"""The servers that are measured, each in a process of its own, started as a user would."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

import mqgate
from benchmarks.figures import BenchmarkFailed
from benchmarks.proc import pin
from benchmarks.signed import Topic
from benchmarks.wire import Answer, Target

#: How long a server may take to start or to stop.
PATIENCE = 60.0
#: How often it is asked whether it is there.
ASK_SECONDS = 0.005

_SOURCE = Path(mqgate.__file__).parent.parent
_TWISTD = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "-n"]
_STOCK = Path(__file__).with_name("stock.py")


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@attrs.define(eq=False)
class Server:
    """A twistd process in a folder of its own, on some cores, with a plain and a TLS port."""

    folder: Path
    cores: set[int]
    port: int = attrs.field(factory=free_port)
    tls_port: int = attrs.field(factory=free_port)
    _process: subprocess.Popen[bytes] | None = attrs.field(default=None, init=False)

    @property
    def pid(self) -> int:
        """Of the process that twistd runs in."""
        assert self._process is not None
        return self._process.pid

    def launch(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start it, and do not wait."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*_TWISTD, "--pidfile=", *arguments],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(_SOURCE), **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        pin(self._process.pid, self.cores)

    def wait_for(self, request: bytes) -> Answer:
        """The first answer to a request, asked over and over until the server is there."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return ask(self.port, request)
            except OSError:
                assert self._process is not None
                if self._process.poll() is not None or time.monotonic() > deadline:
                    log = (self.folder / "log").read_text()[-2000:]
                    raise BenchmarkFailed(f"the server did not start: {log}") from None
                time.sleep(ASK_SECONDS)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Send it a signal, and return when it is gone; harmless when it is not running."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(PATIENCE)


@attrs.define(eq=False)
class Gate(Server):
    """mqgate, with the configuration that its first start writes."""

    #: Of the database, if that is not a file.
    address: str | None = attrs.field(default=None, kw_only=True)
    workers: int = attrs.field(default=1, kw_only=True)
    #: Whether its configuration is no longer the one that it wrote.
    _configured: bool = attrs.field(default=False, init=False)
    #: Whether where it listens is in its configuration, and not on the command line.
    _listens_as_configured: bool = attrs.field(default=False, init=False)

    @property
    def data(self) -> Path:
        """Its data folder."""
        return self.folder / "mqgate-data"

    @property
    def database(self) -> Path:
        """Its database."""
        return self.data / "mqgate.db"

    def launch_gate(self) -> None:
        """Start it as its documentation says, and do not wait."""
        endpoints = [self._plain(), f"ssl:{self.tls_port}:interface=127.0.0.1"]
        if self._listens_as_configured:
            endpoints = []
        self.launch(["mqgate", *(f"--listen={each}" for each in endpoints)], {})

    def _plain(self) -> str:
        return f"tcp:{self.port}:interface=127.0.0.1"

    def start(self) -> None:
        """Start it, and return when it is ready."""
        self.launch_gate()
        ready = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        while self.wait_for(ready).status != 200 or not self._all_serve():
            time.sleep(ASK_SECONDS)

    def _all_serve(self) -> bool:
        """Whether all of its processes do, once it is to have several: any one may say so."""
        if self.workers == 1 or not self._configured:
            return True
        return "Crew#info] Ready" in (self.folder / "log").read_text()

    def configure(self, lines: str) -> None:
        """Start and stop it for the first time, and add to the configuration that it wrote."""
        self.start()
        self.stop()
        file = self.data / "mqgate.toml"
        text = file.read_text()
        if self.address is not None:
            text = text.replace('"sqlite"', json.dumps(self.address), 1)
        head = f"workers = {self.workers}\n" if self.workers > 1 else ""
        file.write_text(head + text + lines)
        self._configured = True

    def open_plain(self) -> None:
        """Start and stop it for the first time, and let it speak HTTP where it would not."""
        self.start()
        self.stop()
        file = self.data / "mqgate.toml"
        listener = f'{{ endpoint = "{self._plain()}", dialects = ["ironmq", "robomq"] }}'
        file.write_text(file.read_text().replace(f'"{self._plain()}"', listener, 1))
        self._listens_as_configured = True

    def target(self, queue: str = "bench", *, tls: bool = False) -> Target:
        """A queue of its first project."""
        section = self._section("ironmq")
        path = f"/1/projects/{section['projects'][0]}/queues/{queue}"
        return self._target(path, f"Authorization: OAuth {section['tokens'][0]}", tls)

    def exchange(self, *, tls: bool = False) -> Target:
        """An exchange of its first vhost, with the same queue behind it."""
        section = self._section("robomq")
        token = section["token_headers"][0]
        path = f"/rest/{section['vhosts'][0]}/bench/bench/key"
        return self._target(path, f"{token['header']}: {token['value']}", tls)

    def _section(self, dialect: str) -> Any:
        tables = tomllib.loads((self.data / "mqgate.toml").read_text())
        return tables["namespaces"]["demo"][dialect]

    def _target(self, path: str, credentials: str, tls: bool) -> Target:
        authority = str(self.data / "tls" / "ca.pem") if tls else None
        return Target(self.tls_port if tls else self.port, authority, path, credentials)

    def topic(self, *, tls: bool = False) -> Topic:
        """A topic of the default instance."""
        (key,) = self._section("rocketmq")["keys"]
        return Topic(
            self.tls_port if tls else self.port,
            str(self.data / "tls" / "ca.pem") if tls else None,
            "/topics/bench/messages",
            key["id"],
            key["secret"],
        )

    def ask(self, method: str, rest: str = "") -> dict[str, object]:
        """Ask for something about the queue; raises `BenchmarkFailed` unless it is a 200."""
        return ask(self.port, self.target().request(method, rest)).content(200)

    def check(self, posted: int, deleted: int) -> None:
        """Raise `BenchmarkFailed` unless the queue has exactly what was acknowledged."""
        queue = self.ask("GET")
        found = (queue["total_messages"], queue["size"])
        if found != (posted, posted - deleted):
            raise BenchmarkFailed(
                f"{posted} messages were posted and {deleted} deleted, but the server has counted"
                f" {found[0]} and has {found[1]}"
            )

    def rows(self) -> int:
        """How many messages are in the database, deleted ones included, once it is stopped."""
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        try:
            rows: int = connection.execute("SELECT count(*) FROM msg").fetchone()[0]
            return rows
        finally:
            connection.close()


@attrs.define(eq=False)
class Stock(Server):
    """A stock `twisted.web.server.Site` with one resource that always says the same."""

    #: Another server's folder of TLS files, so that both have the same certificate.
    tls: Path = attrs.field(kw_only=True)

    def start(self) -> None:
        """Start it, and return when it is ready."""
        key, certificate = self.tls / "server.key", self.tls / "server.pem"
        secure = f"ssl:{self.tls_port}:interface=127.0.0.1:privateKey={key}:certKey={certificate}"
        environment = {
            "BENCHMARK_LISTEN": f"tcp:{self.port}:interface=127.0.0.1 {secure}",
        }
        self.launch([f"--python={_STOCK}"], environment)
        self.wait_for(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")

    def target(self, *, tls: bool = False) -> Target:
        """Where it is; any path will do, so it has one as long as a queue's."""
        authority = str(self.tls / "ca.pem") if tls else None
        path = f"/1/projects/{'0' * 24}/queues/bench"
        return Target(
            self.tls_port if tls else self.port, authority, path, f"Authorization: {'0' * 32}"
        )


def ask(port: int, request: bytes) -> Answer:
    """Ask a server on a connection of its own; raises `OSError` while it is not there."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(request)
        response = http.client.HTTPResponse(connection)
        try:
            response.begin()
            return Answer(response.status, response.read())
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
