"""The server's listeners: their sockets, the sites behind them, and the certificates in front."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.interfaces import IAddress, IListeningPort
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger

from mqgate.config.first_run import TLS
from mqgate.config.introduction import Door
from mqgate.config.values import Configuration, Listening
from mqgate.tls.certificates import Ensured, ensure, made_files
from mqgate.tls.context import ServerContext
from mqgate.tls.endpoints import Handed, ListenError, PortTaken, open_listener
from mqgate.tls.listeners import Listener
from mqgate.tls.pem import KeyFiles, TLSError, certificates_text
from mqgate.web.site import GateSite
from mqgate.web.wire import EagerTLS

_INTERFACE = re.compile(r":interface=((?:\\.|[^:\\])*)")
#: Addresses that mean many, and which ones.
_ANY = {
    "": "all IPv4 addresses of this machine",
    "0.0.0.0": "all IPv4 addresses of this machine",
    "::": "all addresses of this machine",
}


class Entrance(ServerFactory):
    """Stands at a socket from the start; lets connections in once there is a site behind it.

    Sockets are opened while the process may still have root's rights, everything else after that.
    """

    noisy = False
    site: GateSite | None = None

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """See `IProtocolFactory`."""
        return None if self.site is None else self.site.buildProtocol(addr)

    def logPrefix(self) -> str:
        """Who it is that Twisted reports to be listening."""
        return "mqgate"


@attrs.define(eq=False)
class _Place:
    """One listener, open."""

    listener: Listener
    entrance: Entrance
    port: IListeningPort
    #: What is said about it.
    note: str = ""
    site: GateSite | None = None


@attrs.frozen
class Lent:
    """What a worker has from its parent for its listeners."""

    #: Those of the configuration's listeners, in their order.
    sockets: tuple[Handed, ...]
    #: What clients are to trust, in PEM.
    authority: bytes | None


class Listeners:
    """All listeners of a server, from the opening of their sockets to their end.

    Those of a worker are ``lent`` to it: their sockets are open, and their certificates made.
    """

    _log = Logger()

    def __init__(
        self, configuration: Configuration, reactor: Any, lent: Lent | None = None
    ) -> None:
        self._configuration = configuration
        self._reactor = reactor
        self._lent = lent
        self._places: list[_Place] = []
        #: By the files they serve; None stands for those that are made here.
        self._contexts: dict[KeyFiles | None, ServerContext] = {}
        self._made: Ensured | None = None
        self._fault = ""
        #: What clients are to trust, in PEM.
        self._authority = lent.authority if lent else None

    def open(self, now: datetime) -> None:
        """Open every socket; raises `TLSError` or `ListenError`."""
        for number, listening in enumerate(self._configuration.sockets):
            entrance = Entrance()
            handed = self._lent.sockets[number] if self._lent else None
            port = self._open(listening, entrance, self._context(listening, now), handed)
            self._places.append(_Place(listening.listener, entrance, port, listening.note))
        named = self._configuration.server.tls_authority
        if named is not None and self._lent is None:
            self._authority = self._named_authority(named)

    def _open(
        self,
        listening: Listening,
        entrance: Entrance,
        context: ServerContext | None,
        handed: Handed | None,
    ) -> IListeningPort:
        """Open a socket; that of an annex on the first port from its own on that is free."""
        listener = listening.listener
        while True:
            try:
                return open_listener(
                    listener,
                    self._reactor,
                    entrance,
                    context,
                    setting=listening.setting,
                    tls_protocol=EagerTLS,
                    handed=handed,
                )
            except PortTaken as taken:
                next_one = listener.on_next_port() if listening.annex_of else None
                if next_one is None:
                    raise
                self._log.info("{why} The next one is tried.", why=str(taken))
                listener = next_one

    def lend(self) -> Lent:
        """Leave what comes to the listeners for clients to other processes, from now on.

        Raises `ListenError`.
        """
        handed = []
        for place in self._for_clients():
            port: Any = place.port
            try:
                port.stopReading()
                handed.append(Handed(port.fileno(), port.socket.family))
            except AttributeError as error:  # a plugin's, which may be anything
                raise ListenError(
                    f"{place.listener.endpoint!r} cannot be shared by several processes:"
                    " set workers = 1, or leave it out."
                ) from error
        return Lent(tuple(handed), self._authority)

    def _for_clients(self) -> list[_Place]:
        count = len(self._configuration.listeners) + len(self._configuration.annexes)
        return self._places[:count]

    def warn_of_old_tls(self) -> None:
        """Have the log name the listeners that let in what is broken."""
        minimum = self._configuration.server.tls_minimum
        for place in self._places:
            if place.listener.tls and minimum < "1.2":
                self._log.warn(
                    "TLS {minimum} is admitted on {url} (tls_minimum):"
                    " it is broken, and only for clients that cannot do better",
                    minimum=minimum,
                    url=_url(place),
                )

    def admit(self, make_site: Callable[[Listener], GateSite | None]) -> None:
        """Let connections in, each listener's to a site of its own, if it has one."""
        for place in self._places:
            place.site = place.entrance.site = make_site(place.listener)

    def authority(self) -> bytes | None:
        """What clients are to trust, in PEM; None if that is not ours to say."""
        return self._authority

    def doors(self) -> list[Door]:
        """The listeners as their users see them: those for clients."""
        return [self._door(place) for place in self._for_clients()]

    def refresh(self, now: datetime) -> None:
        """Take up certificates that were replaced."""
        for context in self._contexts.values():
            context.refresh(now)

    def renew(self, now: datetime) -> None:
        """Make the certificate that is made here anew if it ends soon; a failure is logged once."""
        if None not in self._contexts or self._lent is not None:
            return
        try:
            self._ensure(now)
        except TLSError as error:
            if str(error) != self._fault:
                self._log.error("The made certificate cannot be renewed: {why}", why=str(error))
            self._fault = str(error)

    def close(self) -> Deferred[list[Any]]:
        """Stop listening; fires when that is done."""
        closing = [maybeDeferred(self._close, place.port) for place in self._places]
        return DeferredList(closing, consumeErrors=True)

    def _close(self, port: Any) -> Deferred[None] | None:
        if self._lent is not None and port.socket.family == socket.AF_UNIX:
            port.stopReading()  # Twisted would remove its file, which others go on listening at
            return None
        closed: Deferred[None] | None = port.stopListening()
        return closed

    def drain(self, grace: float) -> Deferred[list[Any]]:
        """Let every connection end; fires when none is left, soon after ``grace`` at the latest."""
        return DeferredList([place.site.drain(grace) for place in self._places if place.site])

    def _context(self, listening: Listening, now: datetime) -> ServerContext | None:
        """What serves a listener's certificate; shared by those that serve the same one."""
        named = listening.listener.files
        if not listening.listener.tls:
            return None
        if named not in self._contexts:
            files = named or self._made_files(now)
            minimum = self._configuration.server.tls_minimum
            try:
                self._contexts[named] = ServerContext(files, minimum)
            except TLSError as error:
                if named is None:
                    raise
                raise TLSError(f"{error} Mend that, or change {listening.setting}.") from error
        return self._contexts[named]

    def _made_files(self, now: datetime) -> KeyFiles:
        """Those that are served where none are named; a worker's parent has made them."""
        return made_files(self._tls) if self._lent else self._ensure(now).files

    def _ensure(self, now: datetime) -> Ensured:
        """Make the certificate that is served where no files are named, if need be."""
        made = ensure(self._tls, self._names(), now)
        if made.reason:
            tell = self._log.warn if made.urgent else self._log.info
            tell("{reason}", reason=made.reason)
        self._made, self._fault = made, ""
        if made.ca_file is not None and self._configuration.server.tls_authority is None:
            self._authority = certificates_text(made.ca_file)
        return made

    @property
    def _tls(self) -> Path:
        """The folder of what is made here."""
        return Path(self._configuration.data, TLS)

    def _named_authority(self, file: str) -> bytes:
        """The certificates in a file that the operator names."""
        try:
            return certificates_text(Path(self._configuration.folder, file))
        except TLSError as error:
            raise TLSError(f"{error} Mend that, or change tls_authority.") from error

    def _names(self) -> Sequence[str]:
        """The names that the made certificate needs beside those of the machine itself."""
        found = list(self._configuration.server.tls_names)
        for listening in self._configuration.sockets:
            address = _interface(listening.listener.endpoint)
            if listening.listener.tls and address not in _ANY:
                found.append(address)
        return found

    def _door(self, place: _Place) -> Door:
        made = place.listener.tls and place.listener.files is None
        authority = str(self._made.ca_file) if made and self._made else None
        return Door(_url(place), place.listener.dialects, authority, _reach(place), place.note)


def _interface(endpoint: str) -> str:
    """The address that an endpoint string is limited to; empty if it is not."""
    found = _INTERFACE.search(endpoint)
    return re.sub(r"\\(.)", r"\1", found[1]) if found else ""


def _reach(place: _Place) -> str:
    """The addresses it can be reached at, if they are many."""
    address: Any = place.port.getHost()
    return _ANY.get(getattr(address, "host", "none"), "")


def _url(place: _Place) -> str:
    """What a client on this machine would ask; for a UNIX socket, its address."""
    address: Any = place.port.getHost()
    host, port = getattr(address, "host", None), getattr(address, "port", None)
    if host is None or port is None:
        return place.listener.endpoint
    if host in _ANY:
        host = "localhost"
    scheme = "https" if place.listener.tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
