"""What a server's first start leaves in its data folder (docs/configuration.md lists it).

``mqgate.toml`` is written last and whole: a folder that has it is complete, and a first start that
was cut short before is simply done again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from mqgate.config.problems import ConfigurationError, Place
from mqgate.config.template import configuration_text
from mqgate.config.values import LISTEN
from mqgate.dialects.declaration import Declaration
from mqgate.tls.listeners import parse_listener

#: The folder that is made where the server is started.
FOLDER = "mqgate-data"
#: The configuration in it.
FILE = "mqgate.toml"
#: The database in it.
DATABASE = "mqgate.db"
#: Made certificates and their authority are kept in this folder of it.
TLS = "tls"
#: What `Introduction` is made of; there until the operator has seen that.
REQUESTS = "first-requests.json"


class FirstRequest(msgspec.Struct, frozen=True):
    """A first request for a dialect: curl's arguments, and the path to ask."""

    dialect: str
    arguments: tuple[str, ...]
    path: str
    https_only: bool = False
    #: Arguments of the operator's command that signs it; empty if nobody has to.
    signed: tuple[str, ...] = ()


def prepare(
    data: str,
    declarations: Sequence[Declaration],
    random_hex: Callable[[int], str],
    listen: Sequence[str] = (),
) -> str:
    """Make sure that there is a configuration in the folder ``data``; return its path.

    Raises `ConfigurationError` if it cannot be made, or should not be.
    """
    path = os.path.join(data, FILE)
    if os.path.exists(path):
        return path
    if os.path.exists(os.path.join(data, DATABASE)):
        raise ConfigurationError(
            f"{data}: has a database but no {FILE}: put that back, or use --config FILE"
        )
    _check_lasting(listen)
    make_folder(data)
    try:
        _first_run(data, path, declarations, random_hex, listen or LISTEN)
    except OSError as error:
        raise _cannot_be_made(error) from None
    return path


def make_folder(path: str) -> None:
    """Make a folder for its owner alone; one that is there stays as it is.

    Raises `ConfigurationError` if it cannot be made.
    """
    try:
        if not os.path.isdir(path):
            os.makedirs(path, mode=0o700)
    except (FileExistsError, NotADirectoryError) as error:
        what = "a file" if isinstance(error, FileExistsError) else "below a file"
        raise ConfigurationError(
            f"{error.filename}: is {what}, but has to be a folder: use data or --data for another"
        ) from None
    except OSError as error:
        raise _cannot_be_made(error) from None


def _cannot_be_made(error: OSError) -> ConfigurationError:
    """The line for a file or folder that the system refuses."""
    return ConfigurationError(
        f"{error.filename}: cannot be made: {error.strerror}: use --data to name another folder"
    )


def _check_lasting(listen: Sequence[str]) -> None:
    """Refuse listeners that would not mean the same in the file as on the command line."""
    place = Place("--listen")
    for endpoint in listen:
        try:
            here, elsewhere = (parse_listener(endpoint, Path(base)) for base in (".", "/"))
        except ValueError as error:
            raise place.refused(str(error)) from None
        if here != elsewhere:
            raise place.refused(f"{endpoint!r}: the first start writes it down: use absolute paths")


def _first_run(
    data: str,
    path: str,
    declarations: Sequence[Declaration],
    random_hex: Callable[[int], str],
    listen: Sequence[str],
) -> None:
    """Write everything that a first start makes up, the configuration last."""
    steps = {each.name: each.first_steps(random_hex) for each in declarations}
    make_folder(os.path.join(data, "curl"))
    for dialect, step in steps.items():
        if step.curl_config:
            text = "".join(f"{line}\n" for line in step.curl_config)
            write_whole(curl_file(data, dialect), text)
    requests = [
        FirstRequest(
            each.name,
            tuple(step.curl_arguments),
            step.curl_path,
            each.https_only,
            tuple(step.signed),
        )
        for each, step in zip(declarations, steps.values(), strict=True)
    ]
    write_whole(os.path.join(data, REQUESTS), msgspec.json.encode(requests).decode())
    sections = {dialect: step.section for dialect, step in steps.items()}
    write_whole(path, configuration_text(listen, sections))


def curl_file(data: str, dialect: str) -> str:
    """Where curl finds the credentials for a dialect."""
    return os.path.join(data, "curl", dialect)


def write_whole(path: str, text: str) -> None:
    """Put a file of mode 0600 in place at one stroke, so that no half of it is ever seen."""
    aside = f"{path}.new"
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, 0o600)
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    os.replace(aside, path)
