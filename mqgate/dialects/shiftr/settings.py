"""What may stand in the configuration for this dialect."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

#: What may be the value of a header: printable ASCII.
_HEADER_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")


class Desktop(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[shiftr.desktop]``: a listener as the Desktop edition has it, plain, for everybody."""

    #: If it is taken, the next one that is free.
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 1884
    interface: str = "127.0.0.1"
    #: The instance behind it; empty for the first one of the configuration.
    instance: str = ""

    def __post_init__(self) -> None:
        """Refuse what is no address, and would be read as something else."""
        if not re.fullmatch(r"[0-9A-Fa-f.:]+", self.interface):
            raise ValueError(f'interface is {self.interface!r}: use an address like "127.0.0.1"')


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[shiftr]``: for the whole server."""

    #: Whether values are still there when the server is started again.
    keep_values: bool = True
    #: The web pages that may read answers; empty for none.
    allow_origin: str = "*"
    #: Whether the paths of the older service are served too, which had no ``/broker`` in front.
    root: bool = False
    desktop: Desktop | None = None

    def __post_init__(self) -> None:
        """Refuse what could not be sent."""
        if self.allow_origin and not _HEADER_VALUE.fullmatch(self.allow_origin):
            raise ValueError(
                f"allow_origin is {self.allow_origin!r}: "
                'use "*", "" or an origin such as "https://example.org"'
            )


class Token(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What opens the instances of a namespace."""

    secret: str
    access: Literal["read-write", "read-only"] = "read-write"
    #: The user name of the older service's clients, who named no instance: the first is meant.
    key: str | None = None


class Namespace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[namespaces.X.shiftr]``: instances, and the tokens that open every one of them."""

    instances: list[str]
    tokens: list[Token]

    def __post_init__(self) -> None:
        """Refuse what could never work. No text quotes a secret: it ends on somebody's screen."""
        _check_names("instances", self.instances)
        if not self.tokens:
            raise ValueError("tokens is empty: use at least one")
        for index, token in enumerate(self.tokens):
            if not token.secret or "\0" in token.secret:
                raise ValueError(f"tokens[{index}].secret cannot be used: use text, without NUL")
        if len({token.secret for token in self.tokens}) < len(self.tokens):
            raise ValueError("tokens has one secret twice: use each once")
        keys = [token.key for token in self.tokens if token.key is not None]
        if keys:
            _check_names("the keys of tokens", keys)
        for key in keys:
            if key in self.instances:
                raise ValueError(f"tokens has the key {key!r}, which is an instance: use another")


def _check_names(what: str, names: Sequence[str]) -> None:
    """They are user names of HTTP's basic authentication, so no colon can be in them."""
    if not names:
        raise ValueError(f"{what} is empty: use at least one")
    if len(set(names)) < len(names):
        raise ValueError(f"{what} has one name twice: use each once")
    for name in names:
        if not name or ":" in name or "/" in name or not name.isprintable():
            raise ValueError(
                f"{what} has {name!r}: use printable text without colon and slash, such as 'demo'"
            )
