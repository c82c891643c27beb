"""Who may come in: keys, signatures, and the clock."""

from __future__ import annotations

import re
from base64 import b64encode
from calendar import timegm
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import md5
from hmac import compare_digest

import attrs

from mqgate.dialects.declaration import Grant
from mqgate.dialects.rocketmq.refusal import Refused
from mqgate.dialects.rocketmq.settings import Namespace
from mqgate.dialects.rocketmq.signature import SIGNED_PREFIX, signature, signed_text
from mqgate.web.values import Asked

_AUTHORIZATION = re.compile(rb"MQ ([!-9;-~]+):([!-~]+)")
_DATE = re.compile(
    rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4})"
    rb" ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT"
)
_MONTHS = {
    name: number
    for number, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)
}


@attrs.frozen(eq=False)
class Instance:
    """An instance of the configuration, and what was declared for it."""

    name: str
    world: int
    auto_create: bool
    #: The groups of each topic that was declared.
    declared: Mapping[str, frozenset[str]]


@attrs.frozen
class Key:
    """A secret, and the instances it opens, by name."""

    secret: bytes = attrs.field(repr=False)
    instances: Mapping[str, Instance]


class Access:
    """The doorkeeper."""

    def __init__(self, grants: Sequence[Grant], skew_seconds: int) -> None:
        """``skew_seconds`` is how far a client's clock may be off."""
        self._skew = skew_seconds
        #: More than one where namespaces use one id for secrets of their own.
        self._keys: dict[bytes, list[Key]] = {}
        self.instances = tuple(each for grant in grants for each in _instances(grant))
        for grant in grants:
            section: Namespace = grant.section
            opened = {each.name: each for each in self.instances if each.name in grant.worlds}
            for key in section.keys:
                known = self._keys.setdefault(key.id.encode(), [])
                known.append(Key(key.secret.encode(), opened))

    def admit(self, asked: Asked, now: float) -> Mapping[str, Instance]:
        """The instances that a request may use. ``now`` is in seconds. Raises `Refused`.

        What is wrong first decides: the authorization's form, the date, the key, the signature.
        """
        key_id, given = _authorization(asked)
        date = asked.header(b"date")
        if date is None:
            raise Refused(400, "MissingDateHeader", "The header Date is missing.")
        if abs(_instant(date) - now) > self._skew:
            raise Refused(
                408, "TimeExpired", f"The header Date is more than {self._skew} seconds off."
            )
        keys = self._keys.get(key_id)
        if keys is None:
            raise Refused(403, "InvalidAccessKeyId", "The access key id is not known.")
        text = _signed_text(asked, date)
        opened: dict[str, Instance] = {}
        fits = False
        for key in keys:
            if compare_digest(given, signature(key.secret, text)):
                fits = True
                opened |= key.instances
        if not fits:
            raise Refused(
                403, "SignatureDoesNotMatch", "The signature does not fit the request and the key."
            )
        return opened


def check_digest(asked: Asked) -> None:
    """Raise `Refused` unless ``Content-MD5``, if there, is the body's.

    It is the base64 form of the digest's bytes, or of its 32 hex digits, as two SDKs write it.
    """
    given = asked.header(b"content-md5")
    if given is None:
        return
    digest = md5(asked.body, usedforsecurity=False)
    if given not in (b64encode(digest.digest()), b64encode(digest.hexdigest().encode())):
        raise Refused(400, "InvalidDigest", "The header Content-MD5 is not the body's digest.")


def _instances(grant: Grant) -> list[Instance]:
    section: Namespace = grant.section
    return [
        Instance(
            name,
            grant.worlds[name],
            section.auto_create,
            {
                topic.name: frozenset(topic.groups)
                for topic in section.topics
                if section.instance_of(topic) == name
            },
        )
        for name in section.instances
    ]


def _authorization(asked: Asked) -> tuple[bytes, bytes]:
    """The key's id, and the signature."""
    headers = asked.headers.getRawHeaders(b"authorization")
    if not headers:
        raise Refused(400, "MissingAuthorizationHeader", "The header Authorization is missing.")
    # Two of them are for two readers to understand differently.
    match = _AUTHORIZATION.fullmatch(headers[0]) if len(headers) == 1 else None
    if match is None:
        raise Refused(
            400, "InvalidAuthorizationHeader", "The header Authorization is not MQ ID:SIGNATURE."
        )
    return match[1], match[2]


@lru_cache(maxsize=100)
def _instant(date: bytes) -> int:
    """Seconds since 1970. Clients of one second all send the same text."""
    match = _DATE.fullmatch(date)
    if match is not None and match[2] in _MONTHS:
        day, year, hour, minute, second = (int(match[n]) for n in (1, 3, 4, 5, 6))
        if 1 <= day <= 31 and year >= 1970 and hour < 24 and minute < 60 and second <= 60:
            return timegm((year, _MONTHS[match[2]], day, hour, minute, second))
    raise Refused(
        400, "InvalidDateHeader", "The header Date is not like Sat, 21 Nov 2026 16:00:00 GMT."
    )


def _signed_text(asked: Asked, date: bytes) -> bytes:
    more = []
    for name, values in asked.headers.getAllRawHeaders():
        lower = name.lower()
        if lower.startswith(SIGNED_PREFIX):
            more.append((lower, values[-1]))
    return signed_text(
        asked.method,
        asked.header(b"content-md5") or b"",
        asked.header(b"content-type") or b"",
        date,
        more,
        asked.target,
    )
