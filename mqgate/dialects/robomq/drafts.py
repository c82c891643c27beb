"""Properties of messages, read and ready to be kept; remembered, for clients repeat themselves."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import attrs

from mqgate.dialects.robomq import wire
from mqgate.dialects.robomq.properties import read_properties

#: The longest header that is remembered, and how many are. Clients choose them.
_LONGEST_REMEMBERED = 1024
_REMEMBERED = 250


@attrs.frozen
class Draft:
    """What a publish says, all but the id that is each message's own."""

    copies: tuple[str, ...]
    expires_in: int | None
    mandatory: bool
    content_type: bytes
    #: The properties in JSON, cut where the id has to stand.
    pieces: tuple[bytes, ...]


class Drafts:
    """Reads ``X-AMQP-Properties``: half of what a publish costs the dialect, if done each time."""

    def __init__(self, new_id: Callable[[], str], *, fill_ids: bool) -> None:
        """``new_id`` makes ids of one length that nobody can guess.

        With ``fill_ids``, messages without a messageId or a correlationId get one.
        """
        self._new_id = new_id
        #: Stands where an id has to. As nobody knows it, nobody's properties have it in them.
        self._blank = new_id() if fill_ids else None
        self._remembered = lru_cache(maxsize=_REMEMBERED)(self._read)

    def read(self, header: bytes | None, user: str) -> Draft:
        """What a request header of a user says; None where there is none. Raises `Refused`."""
        if header is None or len(header) <= _LONGEST_REMEMBERED:
            return self._remembered(header, user)
        return self._read(header, user)

    def pack(self, draft: Draft, exchange: str, key: str) -> bytes:
        """What is kept with a message that was published so."""
        pieces = draft.pieces
        text = pieces[0] if len(pieces) == 1 else self._new_id().encode().join(pieces)
        return wire.pack(exchange, key, draft.content_type, text)

    def _read(self, header: bytes | None, user: str) -> Draft:
        publish = read_properties(header, user, self._blank)
        properties = publish.properties
        text = wire.properties_text(properties)
        return Draft(
            publish.copies,
            publish.expires_in,
            publish.mandatory,
            wire.content_type(properties.get("contentType")),
            (text,) if self._blank is None else tuple(text.split(self._blank.encode())),
        )
