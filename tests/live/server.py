"""A real server in a process of its own, for the tests that need one.

    server = Server(folder, listen=[f"tcp:{port}:interface=127.0.0.1"])
    server.start()              # returns when /readyz says so
    server.ask("POST", "/1/projects/…", {"messages": [...]})
    server.stop()               # SIGTERM; returns its exit status

It runs the twistd and the mqgate of the interpreter that runs the tests.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs

import mqgate

#: How long a server may take to start or to stop; a start takes half a second here.
PATIENCE_SECONDS = 30.0
#: Below those that Linux gives to connections.
PORTS = range(12_000, 32_000)

_TWISTD = "from twisted.scripts.twistd import run; run()"
_SOURCE = str(Path(mqgate.__file__).parent.parent)


def free_port() -> int:
    """A port of the loopback interface that nobody listens on.

    It is none that the system gives to whoever connects: until the server that it is for has it,
    one of the tests beside this one would get it.
    """
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def twistd(*arguments: str, python: str = sys.executable, module: str = "") -> list[str]:
    """The command line for ``twistd`` with these arguments, or for a module in its place."""
    program = ["-m", module] if module else ["-c", _TWISTD]
    return [python, *program, *arguments]


def environment(python: str = sys.executable) -> dict[str, str]:
    """The environment of a server: for the interpreter of the tests, with the code they test."""
    source = {"PYTHONPATH": _SOURCE} if python == sys.executable else {}
    return {**os.environ, **source, "PYTHONUNBUFFERED": "1"}


def heed_interrupts() -> None:
    """Between fork and exec: what a shell puts in the background is made to ignore them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@attrs.frozen
class Answer:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


class Server:
    """One server over one data folder; it can be started again after its end."""

    def __init__(
        self,
        folder: str | Path,
        *,
        arguments: Sequence[str] = (),
        listen: Sequence[str] | None = None,
        config: str | None = None,
        environment: Mapping[str, str] | None = None,
        python: str = sys.executable,
        twistd_options: Sequence[str] = (),
        module: str = "",
    ) -> None:
        """``folder`` is where it is started; its data goes to ``mqgate-data`` there.

        Without ``listen`` it listens on two free ports, plain and TLS. ``config`` is the text of a
        configuration; without it the server writes its own at its first start. ``python`` is an
        interpreter that has an mqgate of its own; ``twistd_options`` stand before ``mqgate``.
        ``module`` is run in twistd's place.
        """
        self.folder = Path(folder).absolute()
        self.data = self.folder / "mqgate-data"
        self.port, self.tls_port = free_port(), free_port()
        if listen is None:
            listen = [
                f"tcp:{self.port}:interface=127.0.0.1",
                f"ssl:{self.tls_port}:interface=127.0.0.1",
            ]
        self._arguments = [*arguments, *(f"--listen={endpoint}" for endpoint in listen)]
        if config is not None:
            (self.folder / "mqgate.toml").write_text(config, encoding="utf-8")
            self._arguments = ["--config=mqgate.toml", *self._arguments]
        self._environment = dict(environment or {})
        self._python = python
        self._twistd = ["-n", "--pidfile=", *twistd_options]
        self._module = module
        self.process: subprocess.Popen[bytes] | None = None

    def add_listener(self, endpoint: str) -> None:
        """Have it listen there too; before it is started."""
        self._arguments.append(f"--listen={endpoint}")

    # -- life

    def start(self) -> None:
        """Start it, and return when it is ready; raises `AssertionError` if it ends instead."""
        self.launch()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Return when it is ready; raises `AssertionError` if it ends instead."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._is_ready():
            assert self.process is not None
            assert self.process.poll() is None, f"the server ended: {self.output()}"
            assert time.monotonic() < deadline, f"the server is not ready: {self.output()}"
            time.sleep(0.02)

    def launch(self) -> None:
        """Start it, and do not wait."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._file("out").open("ab") as out, self._file("err").open("ab") as err:
            self.process = subprocess.Popen(
                twistd(
                    *self._twistd,
                    "mqgate",
                    *self._arguments,
                    python=self._python,
                    module=self._module,
                ),
                cwd=self.folder,
                env={**environment(self._python), **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                preexec_fn=heed_interrupts,
            )

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send it a signal, SIGTERM unless said; return its exit status when it is gone."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Return its exit status when it is gone."""
        assert self.process is not None
        return self.process.wait(PATIENCE_SECONDS)

    def is_running(self) -> bool:
        """Whether it was started, and has not ended since."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """End it at once, as a power cut would; harmless when it is not running."""
        if self.process is not None and self.is_running():
            self.process.kill()
            self.process.wait(PATIENCE_SECONDS)

    def _is_ready(self) -> bool:
        try:
            return self.ask("GET", "/readyz").status == 200
        except OSError:
            return False

    # -- what it says

    def output(self) -> str:
        """What it wrote to its standard output, in all its lives: its log, in the foreground."""
        return self._file("out").read_text(encoding="utf-8")

    def errors(self) -> str:
        """What it wrote to its standard error, in all its lives."""
        return self._file("err").read_text(encoding="utf-8")

    def _file(self, name: str) -> Path:
        return self.folder / f"server.{name}"

    # -- asking it

    @property
    def configuration(self) -> dict[str, Any]:
        """The tables of the configuration that it runs with."""
        own = self.folder / "mqgate.toml"
        path = own if own.exists() else self.data / "mqgate.toml"
        return tomllib.loads(path.read_text(encoding="utf-8"))

    @property
    def authority(self) -> str:
        """The file with the authority that signed its made certificate."""
        return str(self.data / "tls" / "ca.pem")

    def project(self) -> tuple[str, str]:
        """The first IronMQ project of its configuration, and a token for it."""
        section = self.configuration["namespaces"]["demo"]["ironmq"]
        return section["projects"][0], section["tokens"][0]

    def connect(self, *, tls: bool = False) -> http.client.HTTPConnection:
        """A new connection to it, that can be asked several times."""
        if not tls:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        return http.client.HTTPSConnection(
            "localhost",
            self.tls_port,
            timeout=PATIENCE_SECONDS,
            context=ssl.create_default_context(cafile=self.authority),
        )

    def ask(self, method: str, path: str, body: object = None, *, tls: bool = False) -> Answer:
        """Ask it something on a connection of its own."""
        connection = self.connect(tls=tls)
        try:
            self.send(connection, method, path, body)
            return self.receive(connection)
        finally:
            connection.close()

    def ask_queue(
        self, method: str, queue: str, rest: str = "", body: object = None, *, tls: bool = False
    ) -> Answer:
        """Ask a queue of the first IronMQ project something: ``rest`` follows its name."""
        project, _ = self.project()
        return self.ask(method, f"/1/projects/{project}/queues/{queue}{rest}", body, tls=tls)

    def send(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: object = None
    ) -> None:
        """Send a request, with the credentials if it is for IronMQ."""
        headers = {}
        if path.startswith("/1/"):
            headers["Authorization"] = f"OAuth {self.project()[1]}"
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        connection.request(method, path, data, headers)

    def receive(self, connection: http.client.HTTPConnection) -> Answer:
        """The answer to what was sent last."""
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, response.read())
