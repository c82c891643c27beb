"""What may stand in the configuration for this dialect."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import msgspec

from mqgate.dialects.robomq.definitions import Binding, Exchange, Queue, check_definitions

Right = Literal["configure", "write", "read"]

#: The name of a header, and what may be its value: printable ASCII.
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEADER_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
#: Headers that mean something else.
_TAKEN = {
    "authorization", "connection", "content-length", "content-type", "cookie", "expect", "host",
    "origin", "transfer-encoding", "x-amqp-properties",
}  # fmt: skip
_MEBIBYTE = 1 << 20


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[robomq]``: for the whole server."""

    #: Whether a message that was posted without messageId and correlationId gets them.
    fill_ids: bool = True
    #: The web pages that may read answers; empty for none.
    allow_origin: str = "*"
    #: The longest body of a message. The hosted service told of no limit.
    body_bytes: Annotated[int, msgspec.Meta(ge=_MEBIBYTE, le=32 * _MEBIBYTE)] = 8 * _MEBIBYTE

    def __post_init__(self) -> None:
        """Refuse what could not be sent."""
        if self.allow_origin and not _HEADER_VALUE.fullmatch(self.allow_origin):
            raise ValueError(
                f"allow_origin is {self.allow_origin!r}: "
                'use "*", "" or an origin such as "https://example.org"'
            )


class User(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who may come in, and what he may do: in every vhost, or in each by its name."""

    name: str
    password: str
    rights: list[Right] | dict[str, list[Right]]


class TokenHeader(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A header that stands for a user's name and password."""

    header: str
    value: str
    #: The name of one of the users beside it.
    user: str


class Namespace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[namespaces.X.robomq]``: vhosts, their users, and what is there from the start."""

    vhosts: list[str]
    users: list[User]
    token_headers: list[TokenHeader] = []
    exchanges: tuple[Exchange, ...] = ()
    queues: tuple[Queue, ...] = ()
    bindings: tuple[Binding, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what could never work. No text quotes a secret: it ends on somebody's screen."""
        _check_vhosts(self.vhosts)
        _check_users(self.users, self.vhosts)
        _check_tokens(self.token_headers, [user.name for user in self.users])
        check_definitions(self.vhosts, self.exchanges, self.queues, self.bindings)


def _check_vhosts(vhosts: Sequence[str]) -> None:
    if not vhosts:
        raise ValueError("vhosts is empty: use at least one")
    if len(set(vhosts)) < len(vhosts):
        raise ValueError("vhosts has one name twice: use each once")
    for vhost in vhosts:
        if not vhost or not vhost.isprintable():
            raise ValueError(f'vhosts has {vhost!r}: use printable text, such as "demo"')


def _check_users(users: Sequence[User], vhosts: Sequence[str]) -> None:
    if not users:
        raise ValueError("users is empty: use at least one")
    if len({user.name for user in users}) < len(users):
        raise ValueError("users has one name twice: use each once")
    for index, user in enumerate(users):
        if not user.name or ":" in user.name or not user.name.isprintable():
            raise ValueError(
                f"users[{index}].name is {user.name!r}: use printable text without a colon"
            )
        if not user.password or "\0" in user.password:
            raise ValueError(f"users[{index}].password cannot be used: use text, without NUL")
        if isinstance(user.rights, Mapping):
            _check_rights(index, user.rights, vhosts)


def _check_rights(index: int, rights: Mapping[str, object], vhosts: Sequence[str]) -> None:
    for vhost in rights:
        if vhost not in vhosts:
            raise ValueError(f"users[{index}].rights has {vhost!r}: use names that vhosts has")


def _check_tokens(tokens: Sequence[TokenHeader], users: Sequence[str]) -> None:
    for index, token in enumerate(tokens):
        name, key = token.header.lower(), f"token_headers[{index}]"
        if not _HEADER_NAME.fullmatch(name) or name in _TAKEN:
            raise ValueError(
                f'{key}.header is {token.header!r}: use a header of its own, like "X-Secret-Token"'
            )
        if not _HEADER_VALUE.fullmatch(token.value):
            raise ValueError(f"{key}.value cannot be sent: use printable ASCII")
        if token.user not in users:
            raise ValueError(f"{key}.user is {token.user!r}: use the name of one of the users")
    if len({(token.header.lower(), token.value) for token in tokens}) < len(tokens):
        raise ValueError("token_headers has one header and value twice: use each once")
