"""Connections to receivers: made where they may be, and bounded in what they take in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import (
    IDelayedCall,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.web.client import URI
from twisted.web.iweb import IAgentEndpointFactory, IPolicyForHTTPS
from zope.interface import implementer

#: Of what a receiver sends between two requests, so much is taken in, headers and all.
MOST_BYTES = 64 * 1024
#: How long the rest of an answer may take once its status is known.
REST_SECONDS = 5.0


@implementer(IAgentEndpointFactory)
class Endpoints:
    """Where to connect to for a URL."""

    def __init__(self, network: Any, trust: IPolicyForHTTPS, timeout: float) -> None:
        self._network = network
        self._trust = trust
        self._timeout = timeout
        #: The one that was asked for last.
        self.latest: Metered | None = None

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """See `IAgentEndpointFactory`."""
        endpoint: IStreamClientEndpoint = HostnameEndpoint(
            self._network, uri.host, uri.port, self._timeout
        )
        if uri.scheme == b"https":
            creator = self._trust.creatorForNetloc(uri.host, uri.port)
            endpoint = wrapClientTLS(creator, endpoint)
        self.latest = Metered(endpoint, self._network)
        return self.latest


@implementer(IStreamClientEndpoint)
class Metered:
    """An endpoint whose connections take in so much, and end when they are told to."""

    def __init__(self, endpoint: IStreamClientEndpoint, network: Any) -> None:
        self._endpoint = endpoint
        self._network = network
        #: Whether a connection was made, rather than one taken that was there.
        self.is_new = False

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """See `IStreamClientEndpoint`."""
        self.is_new = True
        factory = _Meters(protocolFactory, self._network)
        return self._endpoint.connect(factory).addCallback(_within)


def _within(meter: Any) -> IProtocol:
    protocol: IProtocol = meter.wrappedProtocol
    return protocol


class _Meters(WrappingFactory[Any]):
    """Puts a meter between the connection and the protocol."""

    noisy = False

    def __init__(self, factory: Any, network: Any) -> None:
        factory.noisy = False  # nobody wants to read of each connection
        super().__init__(factory)  # type: ignore[no-untyped-call]
        self.network = network
        self.protocol = _Meter


class _Meter(ProtocolWrapper):
    """Counts what comes in between two requests."""

    _received = 0
    _ending: IDelayedCall | None = None

    def write(self, data: bytes) -> None:
        """A request goes out."""
        self._received = 0
        super().write(data)  # type: ignore[no-untyped-call]

    def writeSequence(self, data: Sequence[bytes]) -> None:
        """A request goes out."""
        self._received = 0
        super().writeSequence(data)  # type: ignore[no-untyped-call]

    def dataReceived(self, data: bytes) -> None:
        """A piece of an answer has come."""
        self._received += len(data)
        if self._received > MOST_BYTES:
            self.abortConnection()
        else:
            super().dataReceived(data)  # type: ignore[no-untyped-call]

    def loseConnection(self) -> None:
        """End it, in good order if the other side does its part soon."""
        if self._ending is None:
            network = self.factory.network
            self._ending = network.callLater(REST_SECONDS, self.abortConnection)
        super().loseConnection()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It has ended."""
        if self._ending is not None and self._ending.active():
            self._ending.cancel()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]
