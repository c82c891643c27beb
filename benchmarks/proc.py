"""What the kernel tells about processes and the machine: CPU time and memory."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import attrs

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")

#: Where ``/proc/stat`` has idle time and waiting for the disk, and how many columns are not
#: counted in others.
_IDLE_COLUMNS = (3, 4)
_COLUMNS = 8


@attrs.frozen
class Stat:
    """A line of ``/proc/PID/stat``, as far as it matters."""

    pid: int
    parent: int
    #: User and system time, of the process itself and of children that it has reaped.
    ticks: int


def parse_stat(text: str) -> Stat:
    """Read a ``/proc/PID/stat``; the name in it may hold blanks and parentheses."""
    pid, _, rest = text.partition(" (")
    fields = rest.rpartition(") ")[2].split()
    return Stat(int(pid), int(fields[1]), sum(map(int, fields[11:15])))


def parse_pss(text: str) -> int:
    """The proportional set size in a ``/proc/PID/smaps_rollup``, in KiB."""
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise ValueError("no Pss in smaps_rollup")


def parse_busy(text: str) -> int:
    """How long all cores were not idle, in ticks, by ``/proc/stat``."""
    columns = [int(word) for word in text.splitlines()[0].split()[1:]][:_COLUMNS]
    return sum(columns) - sum(columns[column] for column in _IDLE_COLUMNS)


def descendants(root: int, stats: Iterable[Stat]) -> list[Stat]:
    """A process and all that come from it, without those whose parents are gone."""
    children: defaultdict[int, list[Stat]] = defaultdict(list)
    found: list[Stat] = []
    for stat in stats:
        children[stat.parent].append(stat)
        if stat.pid == root:
            found.append(stat)
    for stat in found:
        found += children[stat.pid]
    return found


def cpu_seconds(root: int) -> float:
    """CPU time that a process and its descendants have used so far."""
    return sum(stat.ticks for stat in descendants(root, _all_stats())) / _TICKS_PER_SECOND


def memory_mb(root: int) -> float:
    """Memory of a process and its descendants in MB; what they share with others is divided."""
    kib = 0
    for stat in descendants(root, _all_stats()):
        kib += parse_pss((_PROC / str(stat.pid) / "smaps_rollup").read_text())
    return kib * 1024 / 1e6


def busy_seconds() -> float:
    """CPU time that the whole machine has used so far."""
    return parse_busy((_PROC / "stat").read_text()) / _TICKS_PER_SECOND


def split_cores(cores: Sequence[int]) -> tuple[set[int], set[int]]:
    """Cores for the server and cores for the generator; the same ones if there is only one."""
    half = len(cores) // 2
    return set(cores[: len(cores) - half]), set(cores[len(cores) - half :] or cores)


def pin(pid: int, cores: set[int]) -> None:
    """Keep a process to these cores; nothing is done where that is not allowed."""
    try:
        os.sched_setaffinity(pid, cores)
    except OSError:
        return


def _all_stats() -> list[Stat]:
    stats = []
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                stats.append(parse_stat((entry / "stat").read_text()))
            except OSError:  # it has ended meanwhile
                continue
    return stats
