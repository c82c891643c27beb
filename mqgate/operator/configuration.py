"""The server's configuration, read by somebody who need not have its secrets."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from mqgate.config.database import Database
from mqgate.config.first_run import FILE, FOLDER
from mqgate.config.reader import Overrides, read
from mqgate.config.values import Configuration
from mqgate.dialects import ALL
from mqgate.operator.errors import CommandError

#: What a secret begins with that stands in a variable that is not set here.
UNSET = "unset-"


class Unsecret(Mapping[str, str]):
    """An environment that has every variable: the server's own are not the operator's.

    What stands in for one that is not there is no secret, and different for each.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def __getitem__(self, name: str) -> str:
        return self._environment.get(name) or f"{UNSET}{name}"

    def __iter__(self) -> Iterator[str]:
        return iter(self._environment)

    def __len__(self) -> int:
        return len(self._environment)


def configure(
    config: str | None, data: str | None, environment: Mapping[str, str]
) -> Configuration:
    """The configuration that a server would have with these options.

    Nothing is made. Raises `CommandError` where there is none, and `ConfigurationError`.
    """
    path = config
    if path is None:
        path = os.path.join(data or FOLDER, FILE)
        if not os.path.exists(path):
            raise CommandError(f"there is no {path}: use --config FILE or --data DIR")
    return read(path, ALL, Unsecret(environment), Overrides(data))


def known(database: Database) -> str | None:
    """The database's address, or None for the file; raises `CommandError` if it is not known here.

    Unlike other secrets, this one is needed.
    """
    if database.text.startswith(UNSET):
        name = database.text.removeprefix(UNSET)
        raise CommandError(
            f"{database.place.source}: the database is in the environment variable {name}: set it"
        )
    return database.address()
