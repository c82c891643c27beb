"""Listeners whose sockets are open already."""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mqgate.tls.endpoints import Handed, ListenError, open_listener
from mqgate.tls.listeners import Listener


class Reactor(Clock):
    """Adopts sockets, and keeps what it is to have behind them."""

    def __init__(self) -> None:
        super().__init__()
        self.adopted: list[tuple[int, int, Any]] = []

    def adoptStreamPort(self, descriptor: int, family: int, factory: Any) -> str:
        """See `IReactorSocket`."""
        self.adopted.append((os.dup(descriptor), family, factory))
        return "port"


class HandedTests(SynchronousTestCase):
    def open(self, endpoint: str, family: int = socket.AF_INET) -> list[tuple[int, int, Any]]:
        reactor = Reactor()
        with socket.socket() as listening:
            handed = Handed(os.dup(listening.fileno()), family)
            factory = Factory()
            open_listener(Listener(endpoint), reactor, factory, None, handed=handed)
        for descriptor, _, _ in reactor.adopted:
            os.close(descriptor)
        return reactor.adopted

    def test_each_kind_of_endpoint_takes_its_own(self) -> None:
        """Whatever its string says about where: that was the parent's to open."""
        for endpoint in (
            "tcp:8080:interface=192.0.2.1",
            "tcp6:8080",
            "unix:/none/socket",
            "systemd:domain=INET:index=3",
        ):
            ((_, family, _),) = self.open(endpoint, socket.AF_INET6)
            self.assertEqual(family, socket.AF_INET6)

    def test_what_an_endpoint_puts_in_front_of_a_site_is_there_too(self) -> None:
        ((_, _, factory),) = self.open("haproxy:tcp:8080")
        self.assertEqual(type(factory).__name__, "HAProxyWrappingFactory")

    def test_no_plugin_can_do_more_with_a_handed_one_than_listen(self) -> None:
        self.assertRaises(ListenError, self.open, "nosuch:8080")
