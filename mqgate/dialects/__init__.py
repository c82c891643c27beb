"""The dialects: each is a thin door onto the queue engine, in a folder of its own."""

from __future__ import annotations

from mqgate.dialects import ironmq, robomq, rocketmq, shiftr
from mqgate.dialects.declaration import Declaration

#: Every dialect there is. A new one is a folder plus one line here. Where several own a path, the
#: first one answers; shiftr is the last, because it may own every path.
ALL: tuple[Declaration, ...] = (
    ironmq.DECLARATION,
    robomq.DECLARATION,
    rocketmq.DECLARATION,
    shiftr.DECLARATION,
)
