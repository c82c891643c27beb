"""What may stand in the configuration for this dialect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

#: No message lives longer than this, so no deleted one can be remembered longer.
_LONGEST_LIFE_SECONDS = 2_592_000


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[ironmq]``: for the whole server."""

    #: The status of every successful POST: 201 in the documentation, 200 on the hosted service.
    post_status: Literal[200, 201] = 201
    #: How long a deleted message stays readable by its id.
    deleted_seconds: Annotated[int, msgspec.Meta(ge=0, le=_LONGEST_LIFE_SECONDS)] = 600
    #: How long a receiver of pushes may take to answer, from the connection to the last byte.
    push_timeout_seconds: Annotated[int, msgspec.Meta(ge=1, le=3600)] = 60
    #: Whether receivers may be on loopback, private and other addresses that are not public.
    push_allow_private: bool = True
    #: Whether receivers' certificates are looked at, and a PEM file of the authorities that are
    #: believed in place of the system's.
    push_verify: bool = True
    push_ca_file: str | None = None
    #: How many pushes may be under way, in all and to one host.
    push_at_once: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    push_at_once_per_host: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 10


class Namespace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[namespaces.X.ironmq]``: projects, and the tokens that open every one of them."""

    projects: list[str]
    tokens: list[str]
    #: Projects of this namespace that answer 403 to everything.
    suspended: list[str] = []

    def __post_init__(self) -> None:
        """Refuse what could never work. No text quotes a token: it ends on somebody's screen."""
        _check_list("projects", self.projects)
        _check_list("tokens", self.tokens)
        for project in self.projects:
            _check_project(project)
        for index, token in enumerate(self.tokens):
            _check_token(index, token)
        for project in self.suspended:
            if project not in self.projects:
                raise ValueError(f"suspended has {project!r}: use ids that projects has")


def _check_list(key: str, values: Sequence[str]) -> None:
    if not values:
        raise ValueError(f"{key} is empty: use at least one")
    if len(set(values)) < len(values):
        raise ValueError(f"{key} has one value twice: use each once")


def _check_project(project: str) -> None:
    if not project or "/" in project or not project.isprintable():
        raise ValueError(
            f"projects has {project!r}: use printable text without a slash, such as 24 hex digits"
        )


def _check_token(index: int, token: str) -> None:
    """A token travels in a header, between blanks: it must survive that."""
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError(f"tokens[{index}] cannot be sent: use printable ASCII without spaces")
