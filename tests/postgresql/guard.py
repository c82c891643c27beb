"""Runs PostgreSQL's servers for a process of tests, and outlives it by the time that takes to end.

A process of its own: whatever becomes of the tests (they may be killed with SIGKILL), the pipe from
them ends, and then every server is killed and their folder removed. It is told what to do, and
answers, by a line of JSON each.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

#: How long servers that are told to end at once may take, in seconds.
PATIENCE = 5.0
#: prctl(2) on Linux: the signal that a process gets when its parent dies.
PR_SET_PDEATHSIG = 1
#: shmctl(2): remove a segment.
IPC_RMID = 0

Server = subprocess.Popen[bytes]


def processes(postmaster: int) -> list[int]:
    """A server's processes: the first, and those that it started (each in a session of its own)."""
    found = [postmaster]
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            if parent == postmaster:
                found.append(int(stat.parent.name))
    return found


def signal_all(postmaster: int, which: signal.Signals) -> None:
    """Send a signal to all processes of a server."""
    for pid in processes(postmaster):
        with suppress(ProcessLookupError):
            os.kill(pid, which)


def _dies_with_us() -> Callable[[], None] | None:
    """What a server does before it begins, so that it ends even if this process is killed."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, int(signal.SIGQUIT), 0, 0, 0)


def _start(asked: dict[str, Any], prepare: Callable[[], None] | None) -> Server:
    with open(asked.pop("log"), "ab") as log:
        return subprocess.Popen(
            **asked,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=prepare,
            start_new_session=True,
        )


def _end(server: Server) -> None:
    """End a server, whatever state it is in; in good order if that is quickly done."""
    if server.poll() is None:
        signal_all(server.pid, signal.SIGCONT)
        server.send_signal(signal.SIGQUIT)
    try:
        server.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        signal_all(server.pid, signal.SIGKILL)
        server.wait()


def _remove(folder: Path) -> None:
    """Remove the folder, and what servers that were killed left in the system's memory."""
    for file in folder.glob("*/postmaster.pid"):
        with suppress(OSError, IndexError, ValueError):
            segment = int(file.read_text().splitlines()[6].split()[1])
            ctypes.CDLL(None).shmctl(segment, IPC_RMID, None)
    for _ in range(50):  # a server's children may be writing their last
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)


def main() -> None:
    """Do as the lines say; at the end of them kill the servers and remove the folder."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)  # what counts is whether the tests are there
    prepare = _dies_with_us()
    servers: dict[int, Server] = {}
    try:
        for line in sys.stdin:
            asked = json.loads(line)
            if isinstance(asked, int):
                answer: object = servers[asked].poll() is not None
            else:
                server = _start(asked, prepare)
                servers[server.pid] = server
                answer = server.pid
            print(json.dumps(answer), flush=True)
    finally:
        for server in servers.values():
            _end(server)
        _remove(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
