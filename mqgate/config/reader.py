"""Reads the TOML file and the command line into a `Configuration`."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import msgspec

from mqgate.config.database import FILE, Database
from mqgate.config.problems import ConfigurationError, Place, show
from mqgate.config.secrets import SecretSource
from mqgate.config.typed import convert
from mqgate.config.values import (
    Configuration,
    Listening,
    Namespace,
    QueuesTable,
    ServerKeys,
    WorldLimitsTable,
)
from mqgate.config.worlds import worlds
from mqgate.dialects.declaration import Declaration
from mqgate.tls.certificates import parse_name
from mqgate.tls.listeners import Listener, parse_listener


@attrs.frozen
class Overrides:
    """What the command line says in place of the file; relative to the working folder."""

    data: str | None = None
    listen: Sequence[str] = ()


_NO_OVERRIDES = Overrides()
#: Scheme and authority, and perhaps a path in front of ours.
_PUBLIC_URL = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*)?")
#: What Python's reader says about that, with the place at the end.
_GIVEN_TWICE = re.compile(
    r"(?:Cannot (?:overwrite|declare|mutate|redefine)|Duplicate ).*?( \(at .*\))$"
)


def read(
    path: str,
    declarations: Sequence[Declaration],
    environment: Mapping[str, str],
    overrides: Overrides = _NO_OVERRIDES,
) -> Configuration:
    """The configuration in the file at ``path``; raises `ConfigurationError`."""
    place = Place(path)
    raw = _load(path, place)
    spoken = {declaration.name: declaration for declaration in declarations}
    sections = {name: raw.pop(name, {}) for name in spoken}
    _check_top(raw, spoken, place)
    raw_namespaces = raw.pop("namespaces", {})
    folder = os.path.dirname(os.path.abspath(path))
    secrets = SecretSource(environment, folder)
    database = _database(raw.pop("database", FILE), secrets, place.below("database", secret=True))
    server = convert(raw, ServerKeys, place)
    _check_names(server.tls_names, place.below("tls_names"))
    _check_public_url(server.public_url, place.below("public_url"))
    groups = place.below("namespaces", secret=True)
    namespaces = _namespaces(raw_namespaces, spoken, secrets, groups)
    listeners = _listeners(server, overrides, spoken, place)
    settings = {
        name: convert(sections[name], declaration.settings, place.below(name))
        for name, declaration in spoken.items()
    }
    return Configuration(
        folder=folder,
        data=os.path.abspath(overrides.data or os.path.join(folder, server.data)),
        listeners=listeners,
        server=server,
        database=database,
        settings=settings,
        namespaces=namespaces,
        worlds=worlds(namespaces, spoken, groups),
        scraping=_scraping(server, listeners, folder, place.below("metrics").below("listen")),
        annexes=tuple(_annexes(settings, namespaces, spoken, place)),
    )


def _load(path: str, place: Place) -> dict[str, Any]:
    """The file's tables."""
    try:
        # The mark that some editors put before UTF-8 text is no part of it.
        with open(path, encoding="utf-8-sig", newline="") as file:
            return tomllib.loads(file.read())
    except OSError as error:
        raise place.wrong(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise place.wrong("is not UTF-8 text: save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        if twice := _GIVEN_TWICE.match(str(error)):
            raise place.wrong(f"a key or section is given twice{twice[1]}: keep one") from None
        raise place.wrong(f"is not TOML: {error}") from None


def _check_top(raw: Mapping[str, Any], spoken: Mapping[str, Declaration], place: Place) -> None:
    """Refuse what is neither a key of the server nor a section of a dialect."""
    known = {"database", *ServerKeys.__struct_fields__, "namespaces", *spoken}
    for key, value in raw.items():
        if key in known:
            continue
        error = place.unknown(key, known)
        if isinstance(value, dict) and "one of" in str(error):
            raise _not_spoken(place.below(key), spoken)
        raise error


def _not_spoken(place: Place, spoken: Mapping[str, Declaration]) -> ConfigurationError:
    """The error for a dialect that this version does not have."""
    return place.wrong(f"is no dialect of this version: use {' or '.join(spoken)}")


def _database(raw: object, secrets: SecretSource, place: Place) -> Database:
    """Where messages are kept. What it says is looked at by whoever needs the database."""
    return Database(convert(secrets.resolve(raw, place), str, place), place)


def _namespaces(
    raw: object, spoken: Mapping[str, Declaration], secrets: SecretSource, place: Place
) -> tuple[Namespace, ...]:
    """The namespaces, each with its sections; there has to be one."""
    if not isinstance(raw, dict):
        raise place.wrong_value(raw, "a table per namespace")
    found = [
        _namespace(name, tables, spoken, secrets, place.below(name)) for name, tables in raw.items()
    ]
    if not any(namespace.sections for namespace in found):
        example = " or ".join(f"[namespaces.demo.{name}]" for name in spoken)
        raise place.wrong(f"has no section, so nobody could use the server: add {example}")
    return tuple(found)


def _namespace(
    name: str,
    tables: object,
    spoken: Mapping[str, Declaration],
    secrets: SecretSource,
    place: Place,
) -> Namespace:
    """One namespace: its limits, and a section for each dialect that it is for."""
    if not isinstance(tables, dict):
        raise place.wrong_value(tables, "a table per dialect")
    dialects = dict(tables)
    plain = attrs.evolve(place, secret=False)
    limits = convert(dialects.pop("limits", {}), WorldLimitsTable, plain.below("limits"))
    queues = dialects.pop("queues", [])
    rules = convert(queues, tuple[QueuesTable, ...], plain.below("queues"))
    sections = {}
    for dialect, section in dialects.items():
        there = place.below(dialect)
        if dialect not in spoken:
            raise _not_spoken(there, spoken)
        resolved = secrets.resolve(section, there)
        sections[dialect] = convert(resolved, spoken[dialect].namespace, there)
    return Namespace(name, sections, limits, rules)


def _listeners(
    server: ServerKeys, overrides: Overrides, spoken: Mapping[str, Declaration], place: Place
) -> tuple[Listening, ...]:
    """Where to listen: what the command line says, or else the file."""
    if overrides.listen:
        places = [Place("--listen")] * len(overrides.listen)
        setting = "the --listen of the command line"
        return _all_listening(overrides.listen, places, os.getcwd(), spoken, setting)
    here, folder = place.below("listen"), os.path.dirname(os.path.abspath(place.source))
    if not server.listen:
        raise here.wrong('is an empty list: use at least one endpoint, such as "ssl:8443"')
    setting = f"listen in {place.source} (or use --listen)"
    places = [here.item(index) for index in range(len(server.listen))]
    return _all_listening(server.listen, places, folder, spoken, setting)


def _all_listening(
    written: Sequence[object],
    places: Sequence[Place],
    folder: str,
    spoken: Mapping[str, Declaration],
    setting: str,
) -> tuple[Listening, ...]:
    """The listeners that are asked for, each at its place; no two at the same address."""
    found: list[Listening] = []
    for each, place in zip(written, places, strict=True):
        listener = _listener(each, folder, spoken, place)
        if any(listener.clashes_with(before.listener) for before in found):
            fault = f"{show(each)} has the address of a listener before it: use another"
            raise place.refused(fault)
        found.append(Listening(listener, setting))
    return tuple(found)


def _scraping(
    server: ServerKeys, listeners: Sequence[Listening], folder: str, place: Place
) -> Listening | None:
    """The listener for metrics, if there is to be one; its address is no other listener's."""
    if server.metrics is None:
        return None
    listener = _listener(server.metrics.listen, folder, {}, place)
    if any(listener.clashes_with(other.listener) for other in listeners):
        fault = f"{show(server.metrics.listen)} has the address of another listener: use another"
        raise place.refused(fault)
    return Listening(listener, f"listen under [metrics] in {place.source}")


def _annexes(
    settings: Mapping[str, msgspec.Struct],
    namespaces: Sequence[Namespace],
    spoken: Mapping[str, Declaration],
    place: Place,
) -> Iterator[Listening]:
    """The listeners that dialects want for themselves."""
    for name, declaration in spoken.items():
        sections = [each.sections[name] for each in namespaces if name in each.sections]
        try:
            annex = declaration.annex(settings[name], sections)
            if annex is None:
                continue
            listener = parse_listener(annex.endpoint, Path())
        except ValueError as error:
            raise place.below(name).refused(str(error)) from None
        listener = attrs.evolve(listener, dialects=frozenset([name]))
        setting = f"{annex.setting} in {place.source}"
        yield Listening(listener, setting, annex_of=name, note=annex.note)


def _listener(
    written: object, folder: str, spoken: Mapping[str, Declaration], place: Place
) -> Listener:
    """The listener that is asked for at ``place``; it can serve only dialects that are spoken."""
    try:
        listener = parse_listener(written, Path(folder))
    except ValueError as error:
        raise place.refused(str(error)) from None
    for dialect in sorted(listener.dialects or ()):
        if dialect not in spoken:
            raise place.below("dialects").wrong_value(dialect, " or ".join(spoken))
    return listener


def _check_names(names: Sequence[str], place: Place) -> None:
    """Refuse what a certificate could not name."""
    for index, name in enumerate(names):
        try:
            parse_name(name)
        except ValueError as error:
            raise place.item(index).refused(str(error)) from None


def _check_public_url(url: str | None, place: Place) -> None:
    """Refuse what others could not be told."""
    if url is not None and not _PUBLIC_URL.fullmatch(url):
        raise place.wrong_value(url, 'a URL such as "https://mq.example.org:8443"')
