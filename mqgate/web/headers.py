"""Request headers as handlers see them: Twisted's `Headers`, without the cost of filling one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from twisted.web.http_headers import Headers

from mqgate.web.head import Fields


class ReceivedHeaders(Headers):
    """The headers of a request, to be read only.

    Filling a plain `Headers` spells each name anew and cleans each value, twice what reading the
    whole head costs. This one looks things up in what the head's reader made. Its text form holds
    no values, since they may be secret.
    """

    __slots__ = ("_fields",)

    def __init__(self, fields: Fields) -> None:
        self._fields = fields

    def __repr__(self) -> str:
        return f"<ReceivedHeaders {sorted(self._fields)}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self.copy() == other.copy()

    def __ne__(self, other: object) -> bool:
        return not self == other

    def hasHeader(self, name: str | bytes) -> bool:
        """Whether there is a header of that name, in whatever case."""
        return _lower(name) in self._fields

    def getRawHeaders(self, name: Any, default: Any = None) -> Any:
        """The values of a header, in the type of ``name``; ``default`` if there is none."""
        values = self._fields.get(_lower(name))
        if values is None:
            return default
        return [value.decode("utf8") for value in values] if isinstance(name, str) else values

    def getAllRawHeaders(self) -> Iterator[tuple[bytes, Sequence[bytes]]]:
        """All names, in lower case, with their values."""
        return iter(self._fields.items())

    def copy(self) -> Headers:
        """A plain `Headers` of the same content, which may be changed."""
        return Headers(self._fields)

    def setRawHeaders(self, name: object, values: object) -> NoReturn:
        """Refused: see `copy`."""
        raise TypeError("The headers of a request cannot be changed.")

    def addRawHeader(self, name: object, value: object) -> NoReturn:
        """Refused: see `copy`."""
        raise TypeError("The headers of a request cannot be changed.")

    def removeHeader(self, name: object) -> NoReturn:
        """Refused: see `copy`."""
        raise TypeError("The headers of a request cannot be changed.")


def _lower(name: str | bytes) -> bytes:
    return (name.encode("iso-8859-1") if isinstance(name, str) else name).lower()
