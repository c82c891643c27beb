"""The key ``database``: a file in the data folder, or the address of a server."""

from __future__ import annotations

import re

import attrs

from mqgate.config.problems import Place

#: The file in the data folder.
FILE = "sqlite"

#: A URL, or the pairs of PostgreSQL's own form: ``host=… dbname=…``.
_ADDRESS = re.compile(r"(?:postgresql|postgres)://.*|\s*\w+\s*=.*", re.DOTALL)

_FIX = '"sqlite", or the address of a PostgreSQL database, such as "postgresql://user@host/name"'


def is_address(text: str) -> bool:
    """Whether this looks like the address of a PostgreSQL database."""
    return _ADDRESS.fullmatch(text) is not None


@attrs.frozen
class Database:
    """What the key says; its text may have a password in it, so it is not in the repr."""

    text: str = attrs.field(repr=False)
    #: Where it stands.
    place: Place

    def address(self) -> str | None:
        """The address of the server, as it is written; None for the file in the data folder.

        Raises `ConfigurationError` for what is neither.
        """
        if self.text == FILE:
            return None
        if not is_address(self.text):
            raise self.place.wrong_value(self.text, _FIX)
        return self.text
