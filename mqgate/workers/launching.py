"""Starts a worker's process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence

import attrs

#: What tells a process about systemd, and is meant for the parent alone.
_PARENTS = frozenset(
    ("LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC")
)


@attrs.frozen
class Launched:
    """A process that was started, and the parent's ends of the two sockets between them."""

    process: subprocess.Popen[bytes]
    #: For frames (`mqgate.workers.task`).
    line: socket.socket
    #: Its standard output and error.
    log: socket.socket


@attrs.frozen
class Launcher:
    """How workers are started: by the interpreter of this process, with all that it can import."""

    environment: Mapping[str, str]

    def launch(self, descriptors: Sequence[int]) -> Launched:
        """Start one that inherits these descriptors; raises `OSError`."""
        line, its_line = socket.socketpair()
        log, its_log = socket.socketpair()
        with its_line, its_log:
            # -P: nothing is imported from the folder that it happens to be in.
            command = [sys.executable, "-P", "-m", "mqgate.workers", str(its_line.fileno())]
            try:
                process = subprocess.Popen(
                    command,
                    env=dict(self.environment),
                    stdin=subprocess.DEVNULL,
                    stdout=its_log.fileno(),
                    stderr=its_log.fileno(),
                    pass_fds=(its_line.fileno(), *descriptors),
                )
            except BaseException:
                line.close()
                log.close()
                raise
        return Launched(process, line, log)


def launcher(path: Sequence[str], environment: Mapping[str, str]) -> Launcher:
    """The launcher for a process with this ``sys.path``, relative to where it is now."""
    folders = [os.path.abspath(each) for each in path]
    inherited = {name: value for name, value in environment.items() if name not in _PARENTS}
    return Launcher({**inherited, "PYTHONPATH": os.pathsep.join(folders)})
