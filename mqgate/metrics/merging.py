"""The figures of several processes as one text, each with the name of its process."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: What is the same whichever process tells it.
_COMMON = (b"mqgate_queue_", b"mqgate_queues")
_SAMPLE = re.compile(rb"^([A-Za-z_:][A-Za-z0-9_:]*)(\{?)", re.MULTILINE)


def merged(texts: Mapping[str, bytes]) -> bytes:
    """The texts of workers, by name, as one: what belongs together has to stand together.

    A sample gets a label ``worker``, unless it is one of a queue: those are told by one of them.
    """
    heads: dict[bytes, bytes] = {}
    samples: dict[bytes, list[bytes]] = {}
    for worker, text in texts.items():
        for family in re.split(rb"^(?=# HELP )", text, flags=re.MULTILINE)[1:]:
            help_line, type_line, rest = family.split(b"\n", 2)
            heads.setdefault(help_line, type_line)
            if not help_line.startswith(tuple(b"# HELP " + each for each in _COMMON)):
                rest = _labelled(rest, worker)
            samples.setdefault(help_line, []).append(rest)
    return b"".join(
        b"%b\n%b\n%b" % (help_line, type_line, b"".join(samples[help_line]))
        for help_line, type_line in heads.items()
    )


def _labelled(samples: bytes, worker: str) -> bytes:
    label = b'worker="%b"' % worker.encode()

    def add(found: re.Match[bytes]) -> bytes:
        return b"%b{%b%b" % (found[1], label, b"," if found[2] else b"}")

    return _SAMPLE.sub(add, samples)
