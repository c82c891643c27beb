"""A copy of the file as it is, before an upgrade touches it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from itertools import chain, count
from typing import Literal

import attrs
from twisted.logger import Logger

from mqgate.storage.interface import StoreError

#: A larger file, in bytes, is not small.
SMALL = 10**9

_MB = 10**6


def free_space(folder: str) -> int:
    """How many bytes can still be written there."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


@attrs.frozen
class Backups:
    """Which files are copied before they are upgraded: all, those that are small, or none."""

    wanted: bool | Literal["small"] = True
    small: int = SMALL
    free_space: Callable[[str], int] = free_space

    _log = Logger()

    def make(self, connection: sqlite3.Connection, path: str, version: int) -> None:
        """Copy the file, if that is wanted. Raises `StoreError` where there is no room for it."""
        size = _used(connection)
        if not self.wanted or (self.wanted == "small" and size > self.small):
            self._log.warn("{path} is upgraded, and no copy is made of it before", path=path)
            return
        self._check_room(path, size)
        copy = _unused_name(f"{path}.schema-{version}")
        self._log.info(
            "{path} is to be upgraded; it is copied first, {size} MB, to {copy}",
            path=path,
            size=-(-size // _MB),
            copy=copy,
        )
        _copy(connection, copy)

    def _check_room(self, path: str, size: int) -> None:
        free = self.free_space(os.path.dirname(path) or ".")
        # An upgrade writes something, too: indexes, at most, not messages.
        needed = size + size // 4
        if free < needed:
            raise StoreError(
                f"{path} has to be upgraded, and there is no room for the copy that is made first"
                f" ({-(-needed // _MB)} MB are needed, {free // _MB} MB are free): make room, or"
                " have a copy elsewhere and set backup_before_upgrade = false"
            )


def _used(connection: sqlite3.Connection) -> int:
    """The bytes of a copy: unused pages stay behind."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (unused,) = connection.execute("PRAGMA freelist_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return int((pages - unused) * size)


def _copy(connection: sqlite3.Connection, copy: str) -> None:
    part = copy + ".part"
    with suppress(FileNotFoundError):
        os.unlink(part)  # of a start that was cut short
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        connection.execute("VACUUM INTO ?", (part,))
        sync(part)
    except BaseException:
        os.unlink(part)  # it takes room, and is of no use
        raise
    os.rename(part, copy)
    sync(os.path.dirname(copy) or ".")


def _unused_name(name: str) -> str:
    """The name, with a number if that is what it takes: each upgrade has a backup of its own."""
    names = chain([name], (f"{name}.{number}" for number in count(2)))
    return next(each for each in names if not os.path.exists(each))


def sync(path: str) -> None:
    """Have a file, or the names in a folder, on disk."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
