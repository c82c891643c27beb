"""From the values that TOML has to values of our types.

A type that msgspec does not know says itself how it is made and what the file may hold for it:
`mqgate.config.values.Size` shows how.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from mqgate.config.problems import Place, explain

T = TypeVar("T")


def convert(value: object, wanted: type[T], place: Place) -> T:
    """``value`` as a ``wanted``; raises `ConfigurationError`, which names ``place``."""
    try:
        return msgspec.convert(value, wanted, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise explain(error, value, wanted, place) from None


def _decode(wanted: Any, value: object) -> object:
    """Make a value of a type that msgspec does not know; a `TypeError` means it cannot be."""
    return wanted.parse(value)
