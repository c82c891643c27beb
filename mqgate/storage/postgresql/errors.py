"""Which of the server's errors may pass, and which will not."""

from __future__ import annotations

from psycopg import DatabaseError, Error, InterfaceError, OperationalError

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


def told(error: Error) -> Exception:
    """What the engine is to hear of an error: it may pass, or data is damaged, or it is a bug."""
    state = error.sqlstate
    if state is None:
        # Told by libpq or psycopg, not by the server: the connection is gone.
        is_lost = isinstance(error, OperationalError | InterfaceError)
        return Unavailable(_line(error)) if is_lost else error
    if state in _DAMAGE:
        return Damaged(_line(error))
    if state in _PASSING or state.startswith(_PASSING_CLASSES):
        return Unavailable(_line(error))
    return error


def breaks(error: Error) -> bool:
    """Whether the connection is of no use any more."""
    if error.sqlstate is None:
        return True
    return isinstance(told(error), Unavailable) and error.sqlstate not in _HARMLESS


def _line(error: DatabaseError | Error) -> str:
    return " ".join(str(error).split())
