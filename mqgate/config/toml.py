"""How TOML spells keys and values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def toml_value(value: object) -> str:
    """A value, on one line."""
    match value:
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case bool():
            return "true" if value else "false"
        case Mapping():
            pairs = (f"{toml_key(key)} = {toml_value(each)}" for key, each in value.items())
            return "{ " + ", ".join(pairs) + " }"
        case list() | tuple():
            return "[" + ", ".join(toml_value(each) for each in value) + "]"
    return str(value)


def toml_key(key: str) -> str:
    """A key, in quotes if it needs them."""
    return key if _BARE_KEY.fullmatch(key) else toml_value(key)
