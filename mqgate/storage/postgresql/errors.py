"""Which of the server's errors may pass, and which will not."""

from __future__ import annotations

from typing import NoReturn

from psycopg import Error, InterfaceError, OperationalError

from mqgate.storage.interface import Damaged, Unavailable

#: Errors after which the same transaction may well succeed: a serialization failure, a deadlock.
AGAIN = frozenset({"40001", "40P01"})

#: Whole classes of errors that are the connection's, the resources' or the system's fault …
_PASSING_CLASSES = ("08", "28", "3D", "53", "57", "58")
#: … and single ones: of transactions that were cut short, of a server that only reads, of locks.
_PASSING = frozenset({"25006", "25P03", "40003", "55P03", *AGAIN})
_DAMAGE = frozenset({"XX001", "XX002"})

#: After these the connection is as good as before.
_HARMLESS = frozenset({"55P03", "57014", "53100", "53200", *AGAIN})


def raise_as_told(error: Error) -> NoReturn:
    """Raise what the engine is to hear of: it may pass, or data is damaged, or it is a bug."""
    kind = _kind(error)
    if kind is None:
        raise error
    raise kind(" ".join(str(error).split())) from error


def _kind(error: Error) -> type[Unavailable] | None:
    state = error.sqlstate
    if state is None:
        # Told by libpq or psycopg, not by the server: the connection is gone.
        return Unavailable if isinstance(error, OperationalError | InterfaceError) else None
    if state in _DAMAGE:
        return Damaged
    if state in _PASSING or state.startswith(_PASSING_CLASSES):
        return Unavailable
    return None


def breaks(error: Error) -> bool:
    """Whether the connection is of no use any more."""
    if error.sqlstate is None:
        return True
    return _kind(error) is Unavailable and error.sqlstate not in _HARMLESS
