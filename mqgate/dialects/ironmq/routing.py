"""Finding the handler of a path: a tree of segments, walked once per request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

import attrs

H = TypeVar("H")


@attrs.define(eq=False)
class Node(Generic[H]):
    """A place in the tree. Its handlers, by verb, if a path may end here."""

    fixed: dict[bytes, Node[H]] = attrs.field(factory=dict)
    #: Where any other segment leads.
    named: Node[H] | None = None
    verbs: dict[bytes, H] = attrs.field(factory=dict)


def plant(table: Iterable[tuple[bytes, bytes, H]]) -> Node[H]:
    """The tree of a table of verb, pattern and handler; ``{…}`` in a pattern takes any segment."""
    root: Node[H] = Node()
    for verb, pattern, handler in table:
        node = root
        for segment in pattern.split(b"/"):
            if segment.startswith(b"{"):
                node.named = node.named or Node()
                node = node.named
            else:
                node = node.fixed.setdefault(segment, Node())
        node.verbs[verb] = handler
    return root


def find(root: Node[H], segments: Sequence[bytes]) -> tuple[Node[H] | None, list[bytes]]:
    """Where a path ends (None: nowhere), and the segments that patterns name. Empty ones don't fit.

    A fixed segment wins over a named one, for good: no message has the id ``peek``.
    """
    node = root
    named: list[bytes] = []
    for segment in segments:
        step = node.fixed.get(segment)
        if step is None:
            step = node.named
            if step is None or not segment:
                return None, named
            named.append(segment)
        node = step
    return (node if node.verbs else None), named
