"""Who may come in, and what he may do there: token headers, passwords, vhosts, rights."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterable, Mapping, Sequence
from hmac import compare_digest

import attrs

from mqgate.dialects.declaration import Grant
from mqgate.dialects.robomq.refusal import Refused, access_refused
from mqgate.dialects.robomq.settings import Namespace
from mqgate.dialects.robomq.settings import User as UserSection
from mqgate.web.values import Asked

_CHALLENGE = ((b"WWW-Authenticate", b'Basic realm="RoboMQ"'),)


@attrs.frozen
class Rights:
    """What somebody may do in a vhost; the words are RabbitMQ's."""

    #: Make exchanges and queues.
    configure: bool
    #: Publish.
    write: bool
    #: Get.
    read: bool

    @property
    def bind(self) -> bool:
        """Whether a binding that is missing may be made."""
        return self.configure or (self.write and self.read)


@attrs.frozen
class User:
    """Somebody who was let in."""

    name: str
    #: By vhost; those that he may not even enter are missing.
    rights: Mapping[str, Rights]


#: Secrets, each with the user that it stands for.
_Keys = list[tuple[bytes, User]]


class Access:
    """The doorkeeper: first who it is, then whether he may enter the vhost."""

    def __init__(self, grants: Sequence[Grant]) -> None:
        self._worlds = {name: number for grant in grants for name, number in grant.worlds.items()}
        #: By name. Two namespaces may each have a user of the same name.
        self._passwords: dict[bytes, _Keys] = {}
        #: By the lower-case name of their header, in the configuration's order.
        self._tokens: dict[bytes, _Keys] = {}
        #: The names of these headers, as they are spelled there.
        self.token_headers: list[bytes] = []
        for grant in grants:
            self._add(grant.section)

    def authenticate(self, asked: Asked) -> User:
        """Whose request it is. Raises `Refused`, 401.

        A token header decides: if there is one, a name and a password beside it mean nothing. Of
        several that the configuration names, it is the first one that the request has.
        """
        headers = asked.headers
        for name, keys in self._tokens.items():
            values = headers.getRawHeaders(name)
            if values:
                return _holder(keys, values[0] if len(values) == 1 else b"")
        return self._named(headers.getRawHeaders(b"authorization") or ())

    def enter(self, user: User, vhost: str) -> tuple[int, Rights]:
        """The world behind a vhost, and what the user may do in it. Raises `Refused`."""
        world = self._worlds.get(vhost)
        if world is None:
            raise Refused(404, f"530 NOT_ALLOWED - vhost '{vhost}' not found")
        rights = user.rights.get(vhost)
        if rights is None:
            raise access_refused(f"access to vhost '{vhost}' refused for user '{user.name}'")
        return world, rights

    def _add(self, section: Namespace) -> None:
        users = {
            each.name: User(each.name, _rights(each, section.vhosts)) for each in section.users
        }
        for each in section.users:
            key = each.password.encode(), users[each.name]
            self._passwords.setdefault(each.name.encode(), []).append(key)
        for token in section.token_headers:
            header = token.header.encode()
            if header.lower() not in self._tokens:
                self.token_headers.append(header)
            key = token.value.encode(), users[token.user]
            self._tokens.setdefault(header.lower(), []).append(key)

    def _named(self, headers: Sequence[bytes]) -> User:
        """The user that HTTP's basic authentication names."""
        # Two of them are for two readers to understand differently, so neither counts.
        scheme, _, encoded = (headers[0] if len(headers) == 1 else b"").partition(b" ")
        if scheme.lower() != b"basic":
            raise _unauthorized("a secret token header or basic authentication is needed")
        try:
            name, _, password = b64decode(encoded.strip(), validate=True).partition(b":")
        except NotBase64:
            raise _unauthorized("the Authorization header is malformed") from None
        return _holder(self._passwords.get(name, ()), password)


def _rights(user: UserSection, vhosts: Sequence[str]) -> dict[str, Rights]:
    given = user.rights
    by_vhost = given if isinstance(given, dict) else dict.fromkeys(vhosts, given)
    return {
        vhost: Rights("configure" in words, "write" in words, "read" in words)
        for vhost, words in by_vhost.items()
        if words
    }


def _holder(keys: Iterable[tuple[bytes, User]], secret: bytes) -> User:
    """The user whose secret it is. The time taken does not tell how much of it fits.

    Where it fits users of several namespaces, it opens the vhosts of all of them.
    """
    found = [user for key, user in keys if compare_digest(key, secret)]
    if not found:
        raise _unauthorized("wrong credentials")
    if len(found) == 1:
        return found[0]
    rights: dict[str, Rights] = {}
    for user in found:
        rights |= user.rights
    return User(found[0].name, rights)


def _unauthorized(text: str) -> Refused:
    return Refused(401, f"Unauthorized: {text}", _CHALLENGE)
