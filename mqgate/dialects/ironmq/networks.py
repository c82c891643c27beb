"""Which network addresses pushes may go to, and a resolver that names no others.

What is checked is the address that a connection is then made to, never a name: a name may mean
another address the next time it is looked up.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

from twisted.internet import address
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHostnameResolver,
    IHostResolution,
    IReactorPluggableNameResolver,
    IReactorTCP,
    IReactorTime,
    IResolutionReceiver,
)
from zope.interface import implementer

#: What is given out for use on the internet at large …
_GLOBAL = IPv6Network("2000::/3")
#: … and in it, or beside it, what stands for an IPv4 address, which is in its bits from here on.
_EMBEDDING = ((IPv6Network("64:ff9b::/96"), 96), (IPv6Network("2002::/16"), 16))
_TEREDO = IPv6Network("2001::/32")


def is_public(host: str) -> bool:
    """Whether an address is somebody's on the internet at large.

    Loopback, private, link-local, unique-local, multicast, shared (CGNAT) and reserved ones are
    not, whichever way they are written; nor is what is no address at all.
    """
    try:
        found = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return _is_public_4(found) if isinstance(found, IPv4Address) else _is_public_6(found)


def _is_public_4(found: IPv4Address) -> bool:
    return found.is_global and not found.is_multicast and not found.is_reserved


def _is_public_6(found: IPv6Address) -> bool:
    if found.ipv4_mapped is not None:
        return _is_public_4(found.ipv4_mapped)
    for network, start in _EMBEDDING:
        if found in network:
            return _is_public_4(IPv4Address(int(found) >> (96 - start) & 0xFFFF_FFFF))
    return found in _GLOBAL and found.is_global and found not in _TEREDO


class Forbidden(Exception):
    """A name that stands for addresses that nothing may be pushed to."""


@implementer(IResolutionReceiver)
class _Sieve:
    """Hands on the public ones of the addresses that are found."""

    def __init__(self, receiver: IResolutionReceiver) -> None:
        self._receiver = receiver

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        """See `IResolutionReceiver`."""
        self._receiver.resolutionBegan(resolutionInProgress)

    def addressResolved(self, found: IAddress) -> None:
        """See `IResolutionReceiver`."""
        if isinstance(found, address.IPv4Address | address.IPv6Address) and is_public(found.host):
            self._receiver.addressResolved(found)

    def resolutionComplete(self) -> None:
        """See `IResolutionReceiver`."""
        self._receiver.resolutionComplete()


@implementer(IHostnameResolver)
class PublicResolver:
    """Another resolver's answers, without what is not public."""

    def __init__(self, resolver: IHostnameResolver) -> None:
        self._resolver = resolver

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """See `IHostnameResolver`."""
        sieve = _Sieve(resolutionReceiver)
        return self._resolver.resolveHostName(
            sieve, hostName, portNumber, addressTypes, transportSemantics
        )


@implementer(IReactorTCP, IReactorTime, IReactorPluggableNameResolver)
class PublicNetwork:
    """A reactor for clients that reaches nothing but public addresses."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.nameResolver = PublicResolver(reactor.nameResolver)

    def connectTCP(self, host: str, port: int, *arguments: Any, **named: Any) -> Any:
        """Connect to an address that was found here."""
        if not is_public(host):
            raise Forbidden(host)
        return self._reactor.connectTCP(host, port, *arguments, **named)

    def listenTCP(self, *arguments: Any, **named: Any) -> Any:
        """Refused: this is for clients."""
        raise NotImplementedError

    def installNameResolver(self, resolver: IHostnameResolver) -> IHostnameResolver:
        """Refused: it has one."""
        raise NotImplementedError

    def seconds(self) -> float:
        """See `IReactorTime`."""
        seconds: float = self._reactor.seconds()
        return seconds

    def callLater(self, *arguments: Any, **named: Any) -> IDelayedCall:
        """See `IReactorTime`."""
        call: IDelayedCall = self._reactor.callLater(*arguments, **named)
        return call

    def getDelayedCalls(self) -> Sequence[IDelayedCall]:
        """See `IReactorTime`."""
        calls: Sequence[IDelayedCall] = self._reactor.getDelayedCalls()
        return calls
