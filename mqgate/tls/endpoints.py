"""Opens the socket of a listener, with TLS between it and the site where that is asked for."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import AdoptedStreamServerEndpoint, serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IReactorTime,
    IStreamServerEndpoint,
)
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure

from mqgate.tls.context import ServerContext
from mqgate.tls.listeners import Listener

#: Twisted's, with the types that it does not tell.
_server_from_string: Callable[[Any, str], IStreamServerEndpoint] = serverFromString


class ListenError(Exception):
    """A listener cannot be opened; its text is one sentence for the operator."""


class PortTaken(ListenError):
    """It is because another program has its port already."""


@attrs.frozen
class Handed:
    """A listening socket that another process has opened, and this one has inherited."""

    descriptor: int
    family: int


class _Handing:
    """A reactor that has one listening socket, and gives that one whichever is asked for.

    So an endpoint puts in front of the site what it would at a socket of its own.
    """

    def __init__(self, reactor: Any, handed: Handed) -> None:
        self._reactor = reactor
        self._handed = handed

    def listenTCP(
        self, port: int, factory: IProtocolFactory, backlog: int = 50, interface: str = ""
    ) -> IListeningPort:
        return self._adopt(factory)

    def listenUNIX(
        self,
        address: str,
        factory: IProtocolFactory,
        backlog: int = 50,
        mode: int = 0o666,
        wantPID: bool = False,
    ) -> IListeningPort:
        return self._adopt(factory)

    def _adopt(self, factory: IProtocolFactory) -> IListeningPort:
        handed = self._handed
        port: IListeningPort = self._reactor.adoptStreamPort(
            handed.descriptor, handed.family, factory
        )
        return port

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)


def over_tls(
    site: IProtocolFactory,
    context: ServerContext,
    clock: IReactorTime,
    protocol: type[TLSMemoryBIOProtocol] = TLSMemoryBIOProtocol,
) -> TLSMemoryBIOFactory:
    """A factory that speaks TLS to clients and what ``site`` speaks inside of it.

    Twisted's own default gathers small writes for a turn of the reactor. Our answers are written in
    one string, so that would only cost a timer and a turn for each: ``protocol`` is one without.
    """
    factory = TLSMemoryBIOFactory(context, False, site, clock)
    factory.protocol = protocol
    return factory


def open_listener(
    listener: Listener,
    reactor: Any,
    site_factory: IProtocolFactory,
    context: ServerContext | None,
    *,
    setting: str = "`listen`",
    tls_protocol: type[TLSMemoryBIOProtocol] = TLSMemoryBIOProtocol,
    handed: Handed | None = None,
) -> IListeningPort:
    """Open a listener for ``site_factory``, at once; the reactor need not run.

    ``context`` is needed for a listener with TLS, and not used for another. ``setting`` is what
    the operator would change to listen elsewhere. ``handed`` is its socket, if that is open
    already. Raises `ListenError`.
    """
    factory = site_factory
    if listener.tls:
        if context is None:
            raise TypeError("a listener with TLS needs a context")
        factory = over_tls(site_factory, context, reactor, tls_protocol)
    endpoint = _endpoint(listener.endpoint, reactor, setting, handed)
    return open_endpoint(endpoint, factory, listener.endpoint, setting)


def open_endpoint(
    endpoint: IStreamServerEndpoint, factory: IProtocolFactory, name: str, setting: str
) -> IListeningPort:
    """Open an endpoint that is called ``name`` in errors, as `open_listener` does."""
    outcome: list[IListeningPort | Failure] = []
    opening: Deferred[IListeningPort] = endpoint.listen(factory)
    opening.addBoth(outcome.append)
    if not outcome:
        opening.cancel()
        raise ListenError(f"{name!r} cannot be opened at once: change {setting}.")
    [result] = outcome
    if isinstance(result, Failure):
        if isinstance(result.value, CannotListenError | OSError):
            kind = PortTaken if _is_taken(result.value) else ListenError
            raise kind(_explain(name, result.value, setting)) from result.value
        result.raiseException()
    return result


def _endpoint(
    text: str, reactor: Any, setting: str, handed: Handed | None
) -> IStreamServerEndpoint:
    """The endpoint of the plain socket."""
    if handed is not None:
        if text.startswith("systemd:"):  # which is no more than its socket
            return AdoptedStreamServerEndpoint(reactor, handed.descriptor, handed.family)
        reactor = _Handing(reactor, handed)
    try:
        return _server_from_string(reactor, text)
    except LookupError as error:  # Twisted's word for a socket that was not inherited
        raise ListenError(
            f"No socket was handed over for {text!r}: start mqgate through its systemd .socket "
            f"unit, or change {setting}."
        ) from error
    except (ValueError, TypeError, AttributeError) as error:
        raise ListenError(f"{text!r} is no endpoint ({error}): change {setting}.") from error


def _is_taken(error: CannotListenError | OSError) -> bool:
    cause = error.socketError if isinstance(error, CannotListenError) else error
    return isinstance(cause, OSError) and cause.errno == errno.EADDRINUSE


def _explain(name: str, error: CannotListenError | OSError, setting: str) -> str:
    """Why a socket could not be opened, and what to do, in a sentence."""
    if not isinstance(error, CannotListenError):
        return f"{name!r} cannot be opened ({error}): change {setting}."
    cause, port = error.socketError, error.port
    place = f"Port {port} on {error.interface}" if error.interface else f"Port {port}"
    if not isinstance(port, int):  # the path of a UNIX socket
        place = f"The socket {port.decode(errors='replace') if isinstance(port, bytes) else port}"
    number = cause.errno if isinstance(cause, OSError) else None
    if number == errno.EADDRINUSE or not isinstance(cause, OSError):
        return f"{place} is taken by another program: stop that one, or change {setting}."
    if number in (errno.EACCES, errno.EPERM) and isinstance(port, int) and port < 1024:
        return (
            f"{place} may not be opened, because ports under 1024 are for root: have systemd "
            'open it (a .socket unit, { endpoint = "systemd:...", tls = true }), give the process '
            f"CAP_NET_BIND_SERVICE (setcap), or change {setting}."
        )
    if isinstance(cause, socket.gaierror):
        return (
            f"{place} cannot be opened, nobody knows that name: "
            f"write an IP address of this machine, or change {setting}."
        )
    if number == errno.EADDRNOTAVAIL:
        return f"{place} cannot be opened, this machine has no such address: change {setting}."
    return f"{place} cannot be opened ({cause.strerror}): change {setting}."
