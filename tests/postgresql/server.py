"""A PostgreSQL server of the tests' own: started, stopped, killed, frozen, copied as they like."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, LiteralString
from urllib.parse import urlencode

import attrs
import psycopg

from tests.live.server import free_port
from tests.postgresql import guard
from tests.postgresql.programs import Missing, Programs, prepare

#: How long a server may take to start or to stop, in seconds.
PATIENCE = 60.0
#: How often it is asked whether it has.
MOMENT = 0.01

SUPERUSER = "postgres"

#: Every server's; a test may say otherwise. Small, so that several run beside each other.
SETTINGS: Mapping[str, object] = {
    "listen_addresses": "127.0.0.1",
    "max_connections": 100,
    "shared_buffers": "32MB",
    "dynamic_shared_memory_type": "mmap",  # nothing is left in /dev/shm when it is killed
    "wal_level": "replica",
    "max_wal_senders": 4,
    "max_wal_size": "256MB",
    "hot_standby": "on",
    "wal_retrieve_retry_interval": "100ms",  # a standby that is promoted may be in such a pause
    "autovacuum_naptime": "2s",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
}
#: For tests in which no power fails: what a killed server leaves is in the system's memory.
UNSYNCED: Mapping[str, object] = {"fsync": "off", "full_page_writes": "off"}


def _until(done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > deadline:
            raise Missing(f"PostgreSQL did not {what} within {PATIENCE:.0f} s")
        time.sleep(MOMENT)


class Guard:
    """Runs servers that end when this process does (guard.py), and removes their folder then."""

    def __init__(self, programs: Programs) -> None:
        self.programs = programs
        self._process = subprocess.Popen(
            [sys.executable, guard.__file__, str(programs.scratch)],
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def _ask(self, what: object) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(what), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

    def start(self, command: list[str], log: Path) -> int:
        """Start a server; the number of its process."""
        pid: int = self._ask({"args": command, "log": str(log), **self.programs.as_user()})
        return pid

    def has_ended(self, pid: int) -> bool:
        """Whether a process that was started has ended."""
        ended: bool = self._ask(pid)
        return ended

    def close(self) -> None:
        """End all servers and remove the folder; returns when that is done."""
        self._process.communicate()


@attrs.define
class Server:
    """One server: a folder, a port and a socket. Everything blocks until it is done."""

    guard: Guard
    name: str
    port: int
    password: str
    settings: dict[str, object] = attrs.Factory(dict)
    _pid: int = 0

    @classmethod
    def made(cls, guard: Guard, name: str, settings: Mapping[str, object] = UNSYNCED) -> Server:
        """A new, empty one, which is not started yet.

        Raises `Missing`.
        """
        made = cls(guard, name, free_port(), secrets.token_hex(8), {**SETTINGS, **settings})
        password = guard.programs.scratch / f"{name}.password"
        password.write_text(made.password)
        password.chmod(0o644)  # within a folder that is closed to all others
        guard.programs.run(
            "initdb",
            *("--pgdata", made.folder, "--username", SUPERUSER, "--pwfile", password, "--no-sync"),
            *("--encoding", "UTF8", "--locale", "C", "--auth-local", "trust"),
            *("--auth-host", "scram-sha-256"),
        )
        return made

    @property
    def folder(self) -> Path:
        """Where its data are."""
        return self.guard.programs.scratch / self.name

    def dsn(self, database: str = "postgres", *, tcp: bool = False, **more: Any) -> str:
        """How to connect to one of its databases: through its socket, or over the loopback."""
        host = {"host": "127.0.0.1", "password": self.password} if tcp else {}
        values = {"host": str(self.folder.parent), "port": self.port, "user": SUPERUSER}
        return f"postgresql:///{database}?{urlencode({**values, **host, **more})}"

    def execute(self, statement: LiteralString, database: str = "postgres") -> list[Any]:
        """What a statement of its superuser answers, committed."""
        with psycopg.connect(self.dsn(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    # -- its life

    def start(self) -> None:
        """Start it; it takes connections, as a primary or as a standby that has caught up."""
        options = [f"--{name}={value}" for name, value in self.settings.items()]
        options += [f"--port={self.port}", f"--unix_socket_directories={self.folder.parent}"]
        command = self.guard.programs.command("postgres", "-D", self.folder, *options)
        self._pid = self.guard.start(command, self.folder.with_suffix(".log"))
        _until(self._is_ready, "start")

    def _is_ready(self) -> bool:
        if self.guard.has_ended(self._pid):
            raise Missing(f"PostgreSQL's server ended at once: {self.log()[-2000:]}")
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def log(self) -> str:
        """All that it said."""
        return self.folder.with_suffix(".log").read_text(errors="replace")

    def stop(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> None:
        """Stop it in one of its ways: "fast" ends sessions, "immediate" leaves all as it is."""
        signals = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
        os.kill(self._pid, signals[mode])
        self._has_stopped()

    def kill(self) -> None:
        """Kill all of its processes with SIGKILL."""
        guard.signal_all(self._pid, signal.SIGKILL)
        self._has_stopped()

    def _has_stopped(self) -> None:
        _until(lambda: self.guard.has_ended(self._pid), "stop")

    def freeze(self) -> None:
        """Have it answer nothing any more, though its connections stay."""
        guard.signal_all(self._pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Have a frozen one go on."""
        guard.signal_all(self._pid, signal.SIGCONT)

    # -- replication

    def standby(self, name: str, *, synchronous: bool = True) -> Server:
        """A started copy that follows this one.

        If ``synchronous``, this one's commits wait from now on until the copy has them on disk.
        """
        copy = Server(self.guard, name, free_port(), self.password, dict(self.settings))
        source = self.dsn("postgres", application_name=name)
        self.guard.programs.run(
            *(
                "pg_basebackup",
                "--pgdata",
                copy.folder,
                "--dbname",
                source,
                "--write-recovery-conf",
            ),
            *("--checkpoint", "fast", "--no-sync"),
        )
        copy.start()
        if synchronous:
            self.configure("synchronous_standby_names", name)
            _until(lambda: bool(self.execute(IN_STEP)), "follow")
        return copy

    def configure(self, name: str, value: str) -> None:
        """Change a setting of a running server, for now and for good; not of its copies."""
        options = [f"{name} = '{value}'\n"]
        with open(self.folder / "postgresql.auto.conf", "a", encoding="utf-8") as file:
            file.writelines(options)
        self.execute("SELECT pg_reload_conf()")

    def promote(self) -> None:
        """Have a standby take over; returns when it takes writes."""
        self.execute("SELECT pg_promote(true)")
        _until(lambda: self.execute("SELECT pg_is_in_recovery()") == [(False,)], "take over")

    def remove(self) -> None:
        """Remove its folder; it has been stopped or killed."""
        shutil.rmtree(self.folder)


IN_STEP = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync' AND state = 'streaming'"


def new_guard() -> Guard:
    """Programs and a folder to run servers in, which end with this process at the latest.

    Raises `Missing`.
    """
    return Guard(prepare())
