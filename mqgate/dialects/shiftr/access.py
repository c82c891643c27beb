"""Who may come in: instances and their tokens."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterable, Sequence
from hmac import compare_digest
from typing import Protocol

import attrs

from mqgate.dialects.declaration import Grant
from mqgate.dialects.shiftr.refusal import Refused
from mqgate.dialects.shiftr.settings import Namespace
from mqgate.web.values import Asked

_CHALLENGE = ((b"WWW-Authenticate", b'Basic realm="shiftr.io"'),)


@attrs.frozen
class Pass:
    """Somebody was let in."""

    world: int
    may_write: bool


class Doorkeeper(Protocol):
    """Knows who may come in."""

    def admit(self, asked: Asked) -> Pass:
        """Where the request may go. Raises `Refused`, 401."""


class Everybody:
    """A doorkeeper who lets everybody in, to one instance."""

    def __init__(self, grants: Sequence[Grant], instance: str) -> None:
        """Without a name, it is the first instance of all."""
        worlds = {name: world for grant in grants for name, world in grant.worlds.items()}
        self._pass = Pass(worlds[instance or next(iter(worlds))], may_write=True)

    def admit(self, asked: Asked) -> Pass:
        """See `Doorkeeper`."""
        return self._pass


@attrs.frozen
class _Token:
    """A secret, and what it is good for."""

    secret: bytes = attrs.field(repr=False)
    to: Pass


class Access:
    """The doorkeeper who looks at user names and passwords."""

    def __init__(self, grants: Sequence[Grant]) -> None:
        #: The tokens by instance, or by their own keys.
        self._users: dict[bytes, list[_Token]] = {}
        for grant in grants:
            self._add(grant)

    def admit(self, asked: Asked) -> Pass:
        """See `Doorkeeper`. The time taken does not tell how much of a secret fits."""
        user, secret = _credentials(asked)
        found = [
            token.to for token in self._users.get(user, ()) if compare_digest(token.secret, secret)
        ]
        if not found:
            raise Refused(401, "The instance or the token is wrong", _CHALLENGE)
        return found[0]

    def _add(self, grant: Grant) -> None:
        section: Namespace = grant.section
        for name in section.instances:
            self._users[name.encode()] = list(_tokens(section, grant.worlds[name]))
        main = grant.worlds[section.instances[0]]
        for plain, token in zip(section.tokens, _tokens(section, main), strict=True):
            if plain.key is not None:
                self._users.setdefault(plain.key.encode(), []).append(token)


def _tokens(section: Namespace, world: int) -> Iterable[_Token]:
    for token in section.tokens:
        yield _Token(token.secret.encode(), Pass(world, token.access == "read-write"))


def _credentials(asked: Asked) -> tuple[bytes, bytes]:
    """User name and password of HTTP's basic authentication. Raises `Refused`."""
    headers = asked.headers.getRawHeaders(b"authorization") or ()
    # Two of them are for two readers to understand differently, so neither counts.
    scheme, _, encoded = (headers[0] if len(headers) == 1 else b"").partition(b" ")
    if scheme.lower() != b"basic":
        text = "An instance's name and the secret of a token are needed"
        raise Refused(401, text, _CHALLENGE)
    try:
        user, _, secret = b64decode(encoded.strip(), validate=True).partition(b":")
    except NotBase64:
        raise Refused(401, "The Authorization header is malformed", _CHALLENGE) from None
    return user, secret
