"""Opening listeners, and what is said when that fails."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from mqgate.tls.context import ServerContext
from mqgate.tls.endpoints import ListenError, open_endpoint, open_listener
from mqgate.tls.listeners import Listener
from tests.tls.support import Echo, folder_of, number, self_signed, write_pair


class FailingReactor(MemoryReactorClock):
    """A reactor whose sockets cannot be opened, for a reason given."""

    def __init__(self, cause: Any) -> None:
        super().__init__()
        self.cause = cause

    def listenTCP(
        self, port: int, factory: object, backlog: int = 50, interface: str = ""
    ) -> IListeningPort:
        """Fail."""
        raise CannotListenError(interface, port, self.cause)

    def listenUNIX(self, address: str, *args: object, **more: object) -> IListeningPort:
        """Fail."""
        raise CannotListenError(None, os.fsencode(address), self.cause)


@implementer(IStreamServerEndpoint)
class SlowEndpoint:
    """An endpoint that takes its time."""

    def __init__(self) -> None:
        self.opening: Deferred[IListeningPort] = Deferred()

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Not yet."""
        return self.opening


class OpeningTests(SynchronousTestCase):
    """Without a reactor that runs."""

    def setUp(self) -> None:
        self.site = Factory.forProtocol(Echo)

    def test_a_plain_listener_is_the_site_itself(self) -> None:
        """Nothing stands between them."""
        reactor = MemoryReactorClock()
        open_listener(Listener("tcp:8080:backlog=9"), reactor, self.site, None)
        self.assertEqual(reactor.tcpServers, [(8080, self.site, 9, "")])

    def test_with_tls_the_site_is_wrapped(self) -> None:
        """Without Twisted's gathering of small writes, which ours are not."""
        files = write_pair(folder_of(self), *self_signed())
        reactor = MemoryReactorClock()
        open_listener(Listener("tcp:1", tls=True), reactor, self.site, ServerContext(files))
        wrapped = reactor.tcpServers[0][1]
        assert isinstance(wrapped, TLSMemoryBIOFactory)
        self.assertIs(wrapped.wrappedFactory, self.site)
        self.assertIs(type(wrapped.buildProtocol(None)), TLSMemoryBIOProtocol)

    def test_tls_needs_a_context(self) -> None:
        """Nothing is ever served in the clear by mistake."""
        reactor = MemoryReactorClock()
        listener = Listener("tcp:1", tls=True)
        self.assertRaises(TypeError, open_listener, listener, reactor, self.site, None)
        self.assertEqual(reactor.tcpServers, [])

    def fault(self, endpoint: str, cause: Any) -> str:
        """What is said when the socket fails with ``cause``."""
        error = self.assertRaises(
            ListenError,
            open_listener,
            Listener(endpoint),
            FailingReactor(OSError(cause, os.strerror(cause)) if isinstance(cause, int) else cause),
            self.site,
            None,
            setting="`listen` in mq.toml",
        )
        return str(error)

    def test_a_port_under_1024(self) -> None:
        """Three ways out."""
        self.assertEqual(
            self.fault("tcp:443", errno.EACCES),
            "Port 443 may not be opened, because ports under 1024 are for root: have systemd "
            'open it (a .socket unit, { endpoint = "systemd:...", tls = true }), give the process '
            "CAP_NET_BIND_SERVICE (setcap), or change `listen` in mq.toml.",
        )

    def test_an_address_that_is_not_of_this_machine(self) -> None:
        """Such as one that was given to another machine."""
        self.assertEqual(
            self.fault("tcp:80:interface=192.0.2.1", errno.EADDRNOTAVAIL),
            "Port 80 on 192.0.2.1 cannot be opened, this machine has no such address: "
            "change `listen` in mq.toml.",
        )

    def test_an_address_that_is_a_name_nobody_knows(self) -> None:
        """An address in figures needs nobody to know it."""
        self.assertEqual(
            self.fault("tcp:80:interface=mq", socket.gaierror(-2, "Name or service not known")),
            "Port 80 on mq cannot be opened, nobody knows that name: "
            "write an IP address of this machine, or change `listen` in mq.toml.",
        )

    def test_other_reasons_are_told_in_the_systems_words(self) -> None:
        """Such as a machine without IPv6."""
        self.assertEqual(
            self.fault(r"tcp:80:interface=\:\:1", errno.EAFNOSUPPORT),
            "Port 80 on ::1 cannot be opened (Address family not supported by protocol): "
            "change `listen` in mq.toml.",
        )
        self.assertIn("(No space left on device)", self.fault("tcp:80", errno.ENOSPC))

    def test_a_unix_socket(self) -> None:
        """Its lock file tells whether it is taken."""
        for cause in ("Cannot acquire lock", errno.EADDRINUSE):
            self.assertEqual(
                self.fault("unix:/run/mq", cause),
                "The socket /run/mq is taken by another program: stop that one, "
                "or change `listen` in mq.toml.",
            )
        self.assertIn("The socket /run/mq cannot be opened (Perm", self.fault("unix:/run/mq", 13))

    def test_a_socket_that_systemd_did_not_hand_over(self) -> None:
        """By number or by name."""
        for text in ("systemd:domain=INET:index=7", "systemd:domain=INET:name=web"):
            said = self.fault(text, 0)
            self.assertIn(f"No socket was handed over for {text!r}", said)
            self.assertIn("systemd .socket unit", said)

    def test_a_kind_that_twisted_does_not_know(self) -> None:
        """Inside of one that it knows."""
        self.assertIn(
            "'haproxy:carrier:1' is no endpoint (Unknown endpoint type: 'carrier'): change `li",
            self.fault("haproxy:carrier:1", 0),
        )

    def test_an_endpoint_that_is_not_open_at_once(self) -> None:
        """Some plugins ask others first; the start does not wait for them."""
        slow = SlowEndpoint()
        error = self.assertRaises(
            ListenError, open_endpoint, slow, self.site, "onion:80", "`listen`"
        )
        self.assertEqual(str(error), "'onion:80' cannot be opened at once: change `listen`.")
        self.assertTrue(slow.opening.called)  # cancelled: it opens nothing later

    def test_what_nobody_foresaw_is_raised_as_it_is(self) -> None:
        """With its traceback: it is a fault of the program."""
        slow = SlowEndpoint()
        slow.opening.errback(ZeroDivisionError())
        self.assertRaises(ZeroDivisionError, open_endpoint, slow, self.site, "x:y", "`listen`")

    def test_an_error_of_the_system_elsewhere(self) -> None:
        """Such as an adopted socket that is none."""
        slow = SlowEndpoint()
        slow.opening.errback(OSError(errno.ENOTSOCK, "Socket operation on non-socket"))
        error = self.assertRaises(ListenError, open_endpoint, slow, self.site, "x:y", "`listen`")
        self.assertEqual(
            str(error),
            "'x:y' cannot be opened ([Errno 88] Socket operation on non-socket): change `listen`.",
        )


class LiveOpeningTests(TestCase):
    """With real sockets."""

    def test_a_port_that_is_taken(self) -> None:
        """The commonest of all faults at a first start."""
        from twisted.internet import reactor

        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            listener = Listener(f"tcp:{port}:interface=127.0.0.1")
            site = Factory.forProtocol(Echo)
            error = self.assertRaises(ListenError, open_listener, listener, reactor, site, None)
        self.assertEqual(
            str(error),
            f"Port {port} on 127.0.0.1 is taken by another program: stop that one, "
            "or change `listen`.",
        )

    async def test_an_open_listener_is_a_port(self) -> None:
        """Which its owner closes."""
        from twisted.internet import reactor

        listener = Listener("tcp:0:interface=127.0.0.1")
        port = open_listener(listener, reactor, Factory.forProtocol(Echo), None)
        self.assertGreater(number(port), 0)
        await port.stopListening()  # type: ignore[misc]
