"""Turns what is wrong with a configuration into one line for people.

Every line names where the value stands, the key, the value and the fix, as in
``mqgate.toml: ironmq.post_status is 202: use 200 or 201``. Values that may be secret are never
shown.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import attrs
import msgspec
from msgspec import inspect

from mqgate.config.toml import toml_key, toml_value

#: How much of a wrong value is shown.
_SHOWN = 40

_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
_UNKNOWN = re.compile(r"unknown field `(.*)`$")
_MISSING = re.compile(r"missing required field `(.*)`$")


class ConfigurationError(Exception):
    """The configuration cannot be used. Its text is the one line that is shown."""


@attrs.frozen
class Place:
    """Where a part of the configuration stands, and whether its values may be shown."""

    #: The file, as the operator named it, or an option of the command line.
    source: str
    #: The keys that lead to the part, joined by dots; empty for the whole file.
    key: str = ""
    #: Whether values in it may be secret.
    secret: bool = False

    def below(self, key: str, *, secret: bool = False) -> Place:
        """The place of ``key`` within this one."""
        joined = f"{self.key}.{toml_key(key)}" if self.key else toml_key(key)
        return attrs.evolve(self, key=joined, secret=self.secret or secret)

    def item(self, index: int) -> Place:
        """The place of an item in the list that stands here; the first one is 0."""
        return attrs.evolve(self, key=f"{self.key}[{index}]")

    def wrong(self, what: str) -> ConfigurationError:
        """The error that says ``what`` about this place."""
        return ConfigurationError(f"{self.source}: {f'{self.key} ' if self.key else ''}{what}")

    def refused(self, reason: str) -> ConfigurationError:
        """The error for a value that another room refused; ``reason`` names the value."""
        return ConfigurationError(f"{self.source}: {f'{self.key}: ' if self.key else ''}{reason}")

    def wrong_value(self, value: object, fix: str) -> ConfigurationError:
        """The error for a value that cannot be used; ``fix`` says what can."""
        found = f"{type_name(value)} that cannot be used" if self.secret else show(value)
        return self.wrong(f"is {found}: use {fix}")

    def unknown(self, key: str, known: Collection[str]) -> ConfigurationError:
        """The error for a key that means nothing here; the nearest known one is the fix."""
        near = difflib.get_close_matches(key, known, n=1)
        fix = near[0] if near else "one of " + ", ".join(sorted(known))
        return self.below(key).wrong(f"is not a key: use {fix}")


def show(value: object) -> str:
    """A value as TOML would spell it, cut short."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, str | int | float | list):
        text = toml_value(value)
        return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    return str(value)


def type_name(value: object) -> str:
    """What kind of value this is, for values that must not be shown."""
    match value:
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list() | tuple():
            return "a list"
        case Mapping():
            return "a table"
    return "a date or time"


def describe(wanted: inspect.Type) -> str:
    """What a key of this type takes, as the fix at the end of a line."""
    match wanted:
        case inspect.LiteralType(values=values):
            return " or ".join(show(value) for value in values)
        case inspect.IntType():
            return "a whole number" + _bounds(wanted)
        case inspect.FloatType():
            return "a number" + _bounds(wanted)
        case inspect.BoolType():
            return "true or false"
        case inspect.StrType():
            return "text in quotes"
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            return f"a list, each of its items {describe(item)}"
        case inspect.UnionType(types=types):
            return " or ".join(describe(each) for each in types)
        case inspect.CustomType(cls=cls):
            return str(getattr(cls, "takes", cls.__name__))
        case inspect.StructType(fields=fields):
            return "a table of " + ", ".join(field.encode_name for field in fields)
    return "a table"


def _bounds(wanted: inspect.IntType | inspect.FloatType) -> str:
    """The limits of a number in words."""
    if wanted.ge is not None and wanted.le is not None:
        return f" from {wanted.ge} to {wanted.le}"
    if wanted.ge is not None:
        return f" of at least {wanted.ge}"
    return ""


def explain(
    error: msgspec.ValidationError, value: Any, wanted: type, place: Place
) -> ConfigurationError:
    """The line for what msgspec says about ``value``, which was to become a ``wanted``."""
    found = _AT.match(str(error))
    what, path = (found["what"], found["path"] or "") if found else (str(error), "")
    # What stands under keys that anybody may choose, msgspec does not name.
    path, chosen, _ = path.partition("[...]")
    kind: inspect.Type = inspect.type_info(wanted)
    for key, index in _STEP.findall(path):
        place = place.below(key) if key else place.item(int(index))
        value, kind = value[key or int(index)], _inner_type(kind, key)
    if isinstance(error.__cause__, ValueError):  # a check of ours: its text names value and fix
        return place.refused(what)
    if chosen:
        return place.wrong("has a key or a value that cannot be used")
    if unknown := _UNKNOWN.search(what):
        return place.unknown(unknown[1], _keys(kind))
    if missing := _MISSING.search(what):
        fix = describe(_inner_type(kind, missing[1]))
        return place.below(missing[1]).wrong(f"is missing: use {fix}")
    return place.wrong_value(value, describe(kind))


def _inner_type(kind: inspect.Type, key: str) -> inspect.Type:
    """The type of what stands under ``key`` in a table of this type; without one, in a list."""
    if key:
        return _keys(kind)[key]
    lists = inspect.ListType | inspect.VarTupleType
    return next(each.item_type for each in _alternatives(kind) if isinstance(each, lists))


def _keys(kind: inspect.Type) -> dict[str, inspect.Type]:
    """The keys that a table of this type knows, with their types."""
    return {
        field.encode_name: field.type
        for each in _alternatives(kind)
        if isinstance(each, inspect.StructType)
        for field in each.fields
    }


def _alternatives(kind: inspect.Type) -> Sequence[inspect.Type]:
    """The types that a value of this type may have."""
    return kind.types if isinstance(kind, inspect.UnionType) else (kind,)
