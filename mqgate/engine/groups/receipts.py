"""Receipts: what a consumer is given with a message, and brings back to acknowledge it.

Nothing is kept for them. A receipt says which delivery it is for and until when it is good, and
is sealed with a secret that the database keeps: it cannot be made up, and is good for one world,
topic and group alone.
"""

from __future__ import annotations

import hmac
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from hashlib import blake2b
from typing import NamedTuple

#: Id, count, due.
_FIELDS = struct.Struct(">QIQ")
_MARK_BYTES = 16
#: Without padding, so that each receipt can be written in one way only.
_LENGTH = (_FIELDS.size + _MARK_BYTES) * 4 // 3
#: The largest count that fits in; no maximum of deliveries is near it.
_COUNTS = (1 << 32) - 1


class Place(NamedTuple):
    """Where a receipt is good. A ``queue`` is another for each topic, group and kind."""

    world: int
    queue: str


class Receipt(NamedTuple):
    """One delivery of one message, which is its consumer's until ``due``."""

    id: int
    times: int
    due: int


class Seal:
    """Turns receipts into text and back."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def close(self, place: Place, receipt: Receipt) -> str:
        """A receipt as its consumer gets it."""
        fields = _FIELDS.pack(receipt.id, min(receipt.times, _COUNTS), receipt.due)
        return urlsafe_b64encode(fields + self._mark(place, fields)).decode("ascii")

    def open(self, place: Place, text: str) -> Receipt | None:
        """What a consumer brought back; None unless we gave it out, for this place."""
        if len(text) != _LENGTH:
            return None
        try:
            sealed = urlsafe_b64decode(text.encode("ascii"))
        except (UnicodeEncodeError, Error):
            return None
        fields, mark = sealed[: _FIELDS.size], sealed[_FIELDS.size :]
        if not hmac.compare_digest(mark, self._mark(place, fields)):
            return None
        return Receipt._make(_FIELDS.unpack(fields))

    def _mark(self, place: Place, fields: bytes) -> bytes:
        sealed = b"%d %s " % (place.world, place.queue.encode()) + fields
        return blake2b(sealed, key=self._secret, digest_size=_MARK_BYTES).digest()
