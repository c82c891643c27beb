"""One server at a time on one database file."""

from __future__ import annotations

import fcntl
import os

from mqgate.storage.interface import StoreError


class FileLock:
    """A lock that the system takes back when the process ends, however it ends."""

    def __init__(self, path: str, holder: str = "server") -> None:
        self._path = path
        self._holder = holder
        self._file: int | None = None

    def take(self) -> None:
        """Take it, or raise `StoreError` naming the process that has it."""
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(
                f"{self._path} cannot be written ({error.strerror}):"
                " check its owner and mode, and its folder's"
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.read(file, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(file)
            raise StoreError(
                f"{self._path} is held by another {self._holder} (process {owner}):"
                " stop that one first, or give this one another data folder"
            ) from error
        os.truncate(file, 0)
        os.pwrite(file, b"%d\n" % os.getpid(), 0)
        self._file = file

    @property
    def descriptor(self) -> int:
        """Whoever inherits it holds the lock as well, until all have ended or released it."""
        assert self._file is not None
        return self._file

    def release(self) -> None:
        """Let others take it. Harmless when it is not held."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
