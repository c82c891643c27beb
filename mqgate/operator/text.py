"""How values are written for people: nothing in here lets a message talk to the terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def escaped(text: str, keep: str = "") -> str:
    """Text in which only printable characters are left, and those in ``keep``."""
    if text.isprintable():
        return text
    return "".join(
        each
        if each.isprintable() or each in keep
        else each.encode("unicode_escape").decode("ascii")
        for each in text
    )


def body_text(body: bytes, keep: str = "") -> str:
    """A message's body for the terminal; what is no UTF-8 is shown as its bytes."""
    return escaped(body.decode("utf-8", "backslashreplace"), keep)


def beginning(body: bytes, columns: int) -> str:
    """The first part of a body, on one line."""
    # No character has more bytes than four, so these are enough to fill the columns.
    text = body_text(body[: 4 * columns])
    if len(body) <= 4 * columns and width(text) <= columns:
        return text
    shown = ""
    for each in text:
        if width(shown) + width(each) > columns - 1:
            break
        shown += each
    return shown + "…"


def width(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def table(titles: Sequence[str], rows: Sequence[Sequence[str | int | None]]) -> str:
    """Aligned columns: those of numbers to the right, the others to the left; None is empty."""
    written = [list(titles), *([_cell(each) for each in row] for row in rows)]
    columns = range(len(titles))
    widths = [max(width(row[column]) for row in written) for column in columns]
    right = {n for n in columns if any(isinstance(row[n], int) for row in rows)}
    lines = []
    for row in written:
        cells = []
        for n, cell in enumerate(row):
            blank = " " * (widths[n] - width(cell))
            cells.append(blank + cell if n in right else cell + blank)
        lines.append("  ".join(cells).rstrip() + "\n")
    return "".join(lines)


def facts(pairs: Sequence[tuple[str, str | int]]) -> str:
    """One name and value to a line."""
    widest = max(width(name) for name, _ in pairs)
    return "".join(f"{name:<{widest}}  {_cell(value)}\n" for name, value in pairs)


def _cell(value: str | int | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else escaped(value)


def number(value: int, noun: str) -> str:
    """``1,234 messages``."""
    return f"{value:,} {noun}{'' if value == 1 else 's'}"


def duration(milliseconds: int) -> str:
    """The two largest units of a length of time."""
    if milliseconds < 1000:
        return f"{max(milliseconds, 0)}ms"
    parts: list[str] = []
    for unit, size in _UNITS:
        count, milliseconds = divmod(milliseconds, size)
        if count or parts:
            parts.append(f"{count}{unit}")
        if len(parts) == 2:
            break
    return " ".join(part for part in parts if part[0] != "0")


def instant(milliseconds: int) -> str:
    """A moment in UTC, as ISO 8601 has it."""
    try:
        moment = _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return "never"
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
