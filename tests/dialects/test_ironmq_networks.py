"""Addresses that pushes may not go to, however they are written, and however they are found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IResolutionReceiver,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mqgate.dialects.ironmq.networks import Forbidden, PublicNetwork, is_public


class PublicTests(SynchronousTestCase):
    def test_these_are_somebodys_on_the_internet(self) -> None:
        for host in (
            "1.1.1.1", "8.8.8.8", "203.0.114.1", "172.15.255.255", "172.32.0.0", "100.63.255.255",
            "100.128.0.0", "2606:4700:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8", "2002:808:808::1",
        ):  # fmt: skip
            self.assertTrue(is_public(host), host)

    def test_these_are_not(self) -> None:
        for host in (
            # this host, this network, loopback
            "0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.254", "::", "::1",
            # private, shared, link-local (with the clouds' tables of secrets)
            "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1",
            "100.127.255.255", "169.254.169.254", "fe80::1", "fe80::1%eth0", "fec0::1",
            "fc00::1", "fd00:ec2::254",
            # documentation, benchmarks, multicast, reserved, broadcast
            "192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "198.18.0.1", "192.0.0.1",
            "224.0.0.1", "239.255.255.255", "ff02::1", "240.0.0.1", "255.255.255.255",
            # IPv4 in IPv6, in all the ways there are
            "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "::7f00:1", "::8.8.8.8",
            "64:ff9b::127.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::1",
            "2002:a00:1::1", "2001::1", "2001:0:7f00:1::",
            # no addresses
            "", "localhost", "127.1", "0x7f000001", "2130706433", "example.org", "1.1.1.1.",
        ):  # fmt: skip
            self.assertFalse(is_public(host), host)


@implementer(IHostnameResolver)
class Resolver:
    """Finds what it is told to."""

    def __init__(self, *found: IAddress) -> None:
        self.found = list(found)

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """See `IHostnameResolver`."""
        resolution: Any = object()
        resolutionReceiver.resolutionBegan(resolution)
        for each in self.found:
            resolutionReceiver.addressResolved(each)
        resolutionReceiver.resolutionComplete()
        return resolution  # type: ignore[no-any-return]


class NetworkTests(SynchronousTestCase):
    """A name is looked up once for each connection, and what is checked is connected to."""

    def connect(self, *found: IAddress) -> list[str]:
        """Where it is connected to, when a name stands for these addresses."""
        reactor: Any = MemoryReactorClock()
        reactor.nameResolver = Resolver(*found)
        endpoint = HostnameEndpoint(PublicNetwork(reactor), "receiver.example.org", 443)
        connected = endpoint.connect(Factory.forProtocol(Protocol))
        for _ in range(5):  # one address after the other, as nobody answers
            reactor.advance(1)
        hosts = [client[0] for client in reactor.tcpClients]
        if not hosts:
            self.failureResultOf(connected, DNSLookupError)
        connected.addErrback(lambda _: None).cancel()
        return hosts

    def test_public_addresses_are_connected_to(self) -> None:
        found = IPv4Address("TCP", "8.8.8.8", 443), IPv6Address("TCP", "2a00:1450::1", 443)
        self.assertEqual(self.connect(*found), ["8.8.8.8", "2a00:1450::1"])

    def test_others_are_not_and_whoever_has_only_those_is_not_found(self) -> None:
        private = IPv4Address("TCP", "10.0.0.1", 443), IPv6Address("TCP", "::ffff:127.0.0.1", 443)
        self.assertEqual(self.connect(*private), [])
        self.assertEqual(self.connect(*private, IPv4Address("TCP", "8.8.8.8", 443)), ["8.8.8.8"])

    def test_nor_is_what_did_not_come_from_the_resolver(self) -> None:
        reactor: Any = MemoryReactorClock()
        reactor.nameResolver = Resolver()
        network = PublicNetwork(reactor)
        for host in ("127.0.0.1", "localhost"):
            self.assertRaises(Forbidden, network.connectTCP, host, 80, Factory())
        self.assertEqual(reactor.tcpClients, [])

    def test_it_tells_the_reactors_time(self) -> None:
        reactor: Any = MemoryReactorClock()
        reactor.nameResolver = Resolver()
        network = PublicNetwork(reactor)
        reactor.advance(7)
        call = network.callLater(1, lambda: None)
        self.assertEqual((network.seconds(), network.getDelayedCalls()), (7, [call]))
