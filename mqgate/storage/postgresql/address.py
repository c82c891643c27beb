"""Where a database is, and what is said when nobody can get there. No password is ever shown."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import attrs
import psycopg
from psycopg import conninfo, errors, pq

from mqgate.storage.interface import StoreError

#: Unless the address says otherwise: nobody is waited for for long, and who is gone is noticed.
DEFAULTS = {
    "application_name": "mqgate",
    "connect_timeout": "2",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "target_session_attrs": "read-write",
}
_OPTIONS = frozenset(each.keyword.decode() for each in pq.Conninfo.get_defaults())
#: A word that stands for a value in an address; what follows may be a secret.
_OPTION = re.compile(r"(?:^|[?&\s])(\w+)\s*=")


@attrs.frozen
class Address:
    """A database's address; `name` is what may be shown of it."""

    #: What libpq is told: the address as it was written, and what it leaves open.
    dsn: str = attrs.field(repr=False)
    name: str

    @classmethod
    def parse(cls, written: str) -> Address:
        """The address that is written there; raises `StoreError`."""
        try:
            said = conninfo.conninfo_to_dict(written)
        except psycopg.ProgrammingError:
            # Its words may have a part of the password in them, if that is not escaped.
            raise StoreError(_misunderstood(written)) from None
        host = str(said.get("host") or said.get("hostaddr") or "")
        if _is_torn(written, said, host):
            raise StoreError(
                "database: the address falls apart at a character of the password: write an @ in"
                " it as %40, a / as %2F, a ? as %3F, a : as %3A, a % as %25"
            )
        whole = DEFAULTS | {key: str(value) for key, value in said.items() if value is not None}
        return cls(conninfo.make_conninfo(**whole), _shown(said, host))


def _is_torn(written: str, said: Mapping[str, Any], host: str) -> bool:
    """Whether libpq takes a part of the password for something else, which would be shown."""
    ports = str(said.get("port") or "").split(",")
    name = str(said.get("dbname") or "")
    return (
        "@" in host
        or not all(port.isdecimal() or not port for port in ports)
        or ("@" in name and "%40" not in written)
    )


def _misunderstood(written: str) -> str:
    """What is wrong with an address, as far as that is no secret."""
    for word in _OPTION.findall(written):
        near = difflib.get_close_matches(word, _OPTIONS - {word}, n=1, cutoff=0.8)
        if word not in _OPTIONS and near:
            return f"database: the address has an option {word}, which there is not: use {near[0]}"
    return (
        "database: the address cannot be understood: write it as postgresql://user@host/name,"
        " with %40 for an @ in a password, or as host=… dbname=… user=…"
    )


def _shown(said: Mapping[str, Any], host: str) -> str:
    """Hosts, ports and the name: ``postgresql://one:5432,two:5432/mqgate``."""
    hosts = host.split(",")
    ports = str(said.get("port") or "").split(",")
    if len(ports) < len(hosts):
        ports = ports * len(hosts)
    # A folder of sockets is no part of an URL that anybody would read.
    where = [
        "" if each.startswith("/") else f"{each}:{port}" if port else each
        for each, port in zip(hosts, ports, strict=False)
    ]
    return f"postgresql://{','.join(filter(None, where))}/{said.get('dbname') or ''}"


def connect(address: Address, **said: str) -> psycopg.Connection[Any]:
    """A connection of its own, which commits each statement; raises `StoreError`."""
    with told_plainly(address.name):
        return psycopg.connect(conninfo.make_conninfo(address.dsn, **said), autocommit=True)


#: What is wrong, and what cures it. Of those that keep a connection from being made, libpq tells
#: in words alone.
_CURES: tuple[tuple[type[psycopg.Error], str], ...] = (
    (errors.InsufficientPrivilege, "does not let this user do what is needed: make it its owner"),
    (errors.ReadOnlySqlTransaction, "can only be read: it is a standby, or set to be"),
    (errors.LockNotAvailable, "is locked by somebody, such as `mqgate copy`: let that end first"),
    (errors.DiskFull, "has no room on its disk"),
    (errors.UndefinedTable, "has no tables of mqgate: start the server once to make them"),
)


#: What libpq asks whoever reads of a connection that was refused.
_QUESTION = " Is the server running on that host and accepting TCP/IP connections?"
#: Before what psycopg tells of each host, if there are several.
_EACH = "All failures were: - "


def _words(error: psycopg.Error) -> str:
    """The server's or the library's own words, on one line."""
    told = " ".join(str(error.diag.message_primary or error).split())
    return told.rpartition(_EACH)[2].replace(_QUESTION, "")


def plainly(name: str, error: psycopg.Error) -> str:
    """What an error means for the operator, with the database and the cure."""
    what = _words(error)
    for kind, cure in _CURES:
        if isinstance(error, kind):
            return f"{name} {cure} ({what})"
    if isinstance(error, psycopg.OperationalError):
        return f"{name} cannot be reached: {what}"
    return f"{name} cannot be used: {what}"


@contextmanager
def told_plainly(name: str) -> Iterator[None]:
    """Turn what psycopg raises into a sentence that names the database and the cure."""
    try:
        yield
    except psycopg.Error as error:
        raise StoreError(plainly(name, error)) from error
