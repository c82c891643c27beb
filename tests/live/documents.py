"""The blocks of code in the documents that the live tests run."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]


def block(document: str, marker: str) -> str:
    """The first block of code after ``<!-- marker -->`` in a document of the repository."""
    text = (ROOT / document).read_text(encoding="utf-8")
    _, _, rest = text.partition(f"<!-- {marker} -->")
    _, _, rest = rest.partition("\n```")
    _, _, code = rest.partition("\n")
    return code.partition("```")[0]
