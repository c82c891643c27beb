"""Every key that the configuration may have is described."""

from __future__ import annotations

from pathlib import Path

import msgspec
from twisted.trial.unittest import SynchronousTestCase

import mqgate
from mqgate.config import values

PAGE = Path(mqgate.__file__).parent.parent / "docs" / "configuration.md"


def tables() -> list[type[msgspec.Struct]]:
    """The tables of the file but for those of the dialects."""
    found = [each for each in vars(values).values() if isinstance(each, type)]
    return [each for each in found if issubclass(each, msgspec.Struct)]


class DocumentedTests(SynchronousTestCase):
    def test_every_key_stands_on_the_page(self) -> None:
        """With its default, as a line of a table; tables of their own have a heading or a line."""
        text = PAGE.read_text(encoding="utf-8")
        keys = [key for table in tables() for key in table.__struct_fields__]
        self.assertIn("unsent_bytes", keys)
        missing = [key for key in keys if f"| `{key}` |" not in text and f"[{key}]`" not in text]
        self.assertEqual(missing, [])
