"""How a dialect announces itself. Adding one is a folder plus one line in ``ALL`` beside this."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import attrs
import msgspec
from twisted.internet.defer import Deferred

from mqgate.engine.engine import Engine
from mqgate.engine.values import Policy, Topology
from mqgate.web.values import Dialect


@attrs.frozen
class Grant:
    """What one namespace gives to one dialect: its section, and the worlds its names stand for."""

    section: Any = attrs.field(repr=False)  # it holds secrets
    #: The number of the world behind each name that the section claims.
    worlds: Mapping[str, int]


class CannotOpen(Exception):
    """A dialect cannot work with its settings. The text is one sentence for the operator."""


class Background(Protocol):
    """Something of a dialect's that goes on by itself while the server runs."""

    def start(self) -> None:
        """Begin; the engine works already."""

    def stop(self) -> Deferred[None]:
        """End; fires when nothing is under way. The engine still works."""


@attrs.frozen
class Outside:
    """The world around the server, for a dialect that has business there."""

    reactor: Any
    #: The folder that relative paths in the configuration are relative to.
    folder: str
    #: What the configuration says that the server is called from outside, if it does.
    public_url: str | None
    #: Registers something that is to run while the server does.
    run: Callable[[Background], None]


@attrs.frozen
class Opening:
    """All that a dialect gets to work with."""

    engine: Engine
    #: The dialect's own settings, an instance of its declaration's ``settings``.
    settings: Any
    grants: Sequence[Grant]
    #: None where nothing is to leave the server: for tools and tests.
    outside: Outside | None = None


@attrs.frozen
class FirstSteps:
    """What the first start of a server writes down for a dialect."""

    #: The section under ``[namespaces.demo.<name>]``: values only, as TOML can hold them.
    section: Mapping[str, Any]
    #: Lines for curl's configuration file, the secret ones; the file's mode is 0600.
    curl_config: Sequence[str]
    #: Arguments and path of a first request: ``(["-d", "…"], "/1/projects/…")``.
    curl_arguments: Sequence[str]
    curl_path: str
    #: What the operator's command is told to sign: its arguments but for the path. Where there are
    #: some, curl reads what that writes in place of a file.
    signed: Sequence[str] = ()


@attrs.frozen
class Annex:
    """A plain listener of a dialect's own, with a door of its own behind it."""

    #: An endpoint string with a port; if that is taken, the next free one is used.
    endpoint: str
    #: What to change to have it elsewhere, as the end of a sentence.
    setting: str
    #: What is said about it where the listeners are shown.
    note: str
    #: Opens that door, given the dialect's other one.
    open: Callable[[Opening, Any], Dialect]


@attrs.frozen
class Declaration:
    """A dialect's words in the configuration, and how it is opened."""

    name: str
    #: What may stand under ``[namespaces.X.<name>]``.
    namespace: type[msgspec.Struct]
    #: What may stand under ``[<name>]``.
    settings: type[msgspec.Struct]
    #: The names a namespace section claims, in its order: the first one is the main world's.
    claims: Callable[[Any], Sequence[str]]
    #: The policies that the dialect's queues name, made from its settings.
    policies: Callable[[Any], Mapping[str, Policy]]
    #: Raises `CannotOpen`.
    open: Callable[[Opening], Dialect]
    #: Random credentials and a first request, given a source of random hex digits (by length).
    first_steps: Callable[[Callable[[int], str]], FirstSteps]
    #: What a section wants to be there when the server has started, by the names it claims.
    topologies: Callable[[Any], Mapping[str, Topology]] = lambda section: {}
    #: Whether it is spoken over TLS only, but for listeners that name it.
    https_only: bool = False
    #: A listener that the dialect's settings ask for, beside those of the configuration; given the
    #: settings, and the sections of all namespaces. Raises `ValueError`, a sentence, where they do
    #: not go together.
    annex: Callable[[Any, Sequence[Any]], Annex | None] = lambda settings, sections: None
