"""The way out: requests to receivers, over connections that are kept and shared.

Nothing that a receiver does costs more than a bounded time and a bounded piece of memory: not an
answer without an end, not a name that nobody resolves, not a connection that nobody takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import attrs
from hyperlink import EncodedURL
from OpenSSL import SSL
from service_identity.exceptions import CertificateError, VerificationError
from treq.client import HTTPClient
from treq.cookies import IndexableCookieJar
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.defer import TimeoutError as Late
from twisted.internet.error import (
    ConnectError,
    ConnectionClosed,
    ConnectionRefusedError,
    DNSLookupError,
)
from twisted.internet.interfaces import (
    IConsumer,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import (  # type: ignore[attr-defined]
    Agent,
    HTTPConnectionPool,
    RequestNotSent,
    RequestTransmissionFailed,
    ResponseFailed,
    ResponseNeverReceived,
)
from twisted.web.http_headers import Headers
from twisted.web.iweb import (
    IAgent,
    IBodyProducer,
    IPolicyForHTTPS,
    IResponse,
)
from zope.interface import implementer

from mqgate.dialects.ironmq.connections import REST_SECONDS, Endpoints, Metered
from mqgate.dialects.ironmq.networks import Forbidden, PublicNetwork

#: A connection that is not used is closed after so long: before receivers close theirs (the
#: quickest of the known ones do after two seconds), since a push into that would have failed.
IDLE_SECONDS = 1.5


_LOST = "the connection was lost"


class NoAnswer(Exception):
    """There was no answer, for the reason that the text tells in a few words."""


@attrs.frozen
class Answer:
    """What a receiver said."""

    code: int
    #: The words behind it on the status line, for people.
    phrase: str


@attrs.frozen
class WayOut:
    """What the requests are made with."""

    reactor: Any
    trust: IPolicyForHTTPS
    #: How long all of a request may take, in seconds.
    timeout: float = 60
    #: Connections to one host that are kept while they are not used.
    kept: int = 10
    #: Whether addresses that are not public may be connected to.
    allow_private: bool = True


class Sender:
    """Sends requests, each once, and follows no redirection."""

    def __init__(self, way: WayOut) -> None:
        self._way = way
        self._pool = HTTPConnectionPool(way.reactor)
        self._pool.maxPersistentPerHost = way.kept
        self._pool.cachedConnectionTimeout = IDLE_SECONDS  # type: ignore[assignment]
        self._pool.retryAutomatically = False
        network = way.reactor if way.allow_private else PublicNetwork(way.reactor)
        self._endpoints = Endpoints(network, way.trust, way.timeout)
        agent = Agent.usingEndpointFactory(way.reactor, self._endpoints, self._pool)
        # No receiver's cookies are kept, nor shown to any other.
        jar = IndexableCookieJar(DefaultCookiePolicy(allowed_domains=[]))
        self._client = HTTPClient(_Undecoded(agent), jar, _Body)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a request and read its answer, whatever it is. Raises `NoAnswer`."""
        answering = Deferred.fromCoroutine(self._post(url, headers, body))
        timer = self._way.reactor.callLater(self._way.timeout, answering.cancel)
        try:
            return await answering
        except _FAULTS as error:  # a request that is cancelled ends as one of these, too
            late = not timer.active()
            raise NoAnswer("no answer in time" if late else _in_words(error)) from None
        finally:
            if timer.active():
                timer.cancel()

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        response = None
        while response is None:
            answering, endpoint = self._request(url, headers, body)
            try:
                response = await answering
            except (RequestTransmissionFailed, ResponseNeverReceived) as error:
                # A receiver may close a connection just when it is used again, having heard
                # nothing: that is not its answer to this request.
                if endpoint is None or endpoint.is_new or not _was_closed(error):
                    raise
        rest = _Rest()
        response.deliverBody(rest)
        await rest.over.addTimeout(REST_SECONDS, self._way.reactor).addErrback(rest.cut_off)
        return Answer(response.code, response.phrase.decode("ascii", "replace")[:100])

    def _request(
        self, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[Deferred[Any], Metered | None]:
        """A request under way, and the endpoint that it might have connected by."""
        self._endpoints.latest = None
        answering = self._client.request(
            "POST",
            _ready(url),
            headers=_encoded(headers),
            data=body,
            allow_redirects=False,
            unbuffered=True,
            reactor=self._way.reactor,
        )
        return answering, self._endpoints.latest

    def close(self) -> Deferred[None]:
        """Close the connections that are not used; fires when they are closed."""
        closed: Deferred[None] = self._pool.closeCachedConnections()
        return closed


#: What can go wrong out there. Anything else is a bug.
_FAULTS = (
    CancelledError,
    CertificateError,
    ConnectError,
    ConnectionClosed,
    DNSLookupError,
    Forbidden,
    RequestNotSent,
    RequestTransmissionFailed,
    ResponseFailed,
    SSL.Error,
    VerificationError,
)


class _ReadyURL(EncodedURL):
    """A URL that can be asked for as it is; treq would encode it again, IPv6 addresses too."""

    def to_uri(self) -> _ReadyURL:
        """The same."""
        return self


@lru_cache(maxsize=1024)
def _ready(url: str) -> _ReadyURL:
    found = _ReadyURL.from_text(url)
    assert isinstance(found, _ReadyURL)
    return found


def _was_closed(error: RequestTransmissionFailed | ResponseFailed) -> bool:
    """Whether the connection came to an end, and nothing else was the matter."""
    return all(failure.check(ConnectionClosed) for failure in error.reasons)


def _encoded(headers: Mapping[str, str]) -> Headers:
    return Headers({name.encode("ascii"): [value.encode()] for name, value in headers.items()})


def _in_words(error: BaseException) -> str:
    """Why there was no answer."""
    match error:
        case ConnectionRefusedError():
            return "connection refused"
        case DNSLookupError():
            return "the host has no address that may be connected to"
        case ConnectError():
            return "no connection"
        case VerificationError() | CertificateError():
            return "the certificate is for another host"
        case SSL.Error():
            return f"no TLS connection: {_reason(error)}"
        case ResponseFailed() | RequestTransmissionFailed():
            reasons = [_in_words(failure.value) for failure in error.reasons if failure.value]
            return next((each for each in reasons if each != _LOST), _LOST)
        case Forbidden():
            return "the address may not be connected to"
        case ConnectionClosed() | RequestNotSent():
            return _LOST
    return "the answer is no HTTP"


def _reason(error: SSL.Error) -> str:
    """OpenSSL's word for it, if it has one."""
    try:
        return str(error.args[0][-1][-1])
    except (IndexError, TypeError):
        return type(error).__name__


@implementer(IBodyProducer)
class _Body:
    """A request's body, written at once."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.length = len(data)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """See `IBodyProducer`."""
        consumer.write(self._data)
        return succeed(None)

    def pauseProducing(self) -> None:
        """It is over already."""

    def resumeProducing(self) -> None:
        """It is over already."""

    def stopProducing(self) -> None:
        """It is over already."""


class _Rest(Protocol):
    """What follows the head of an answer, which nobody reads."""

    def __init__(self) -> None:
        #: Fires when there is no more of it.
        self.over: Deferred[None] = Deferred()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It has come to its end, or been cut off."""
        self.over.callback(None)

    def cut_off(self, failure: Failure) -> None:
        """It takes too long."""
        failure.trap(Late)
        self.over = Deferred()  # its end comes after all
        if self.transport is not None:
            self.transport.loseConnection()


@implementer(IAgent)
class _Undecoded:
    """An agent whose answers claim no encoding: what is thrown away need not be unpacked."""

    def __init__(self, agent: IAgent) -> None:
        self._agent = agent

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> Deferred[IResponse]:
        """See `IAgent`."""
        return self._agent.request(method, uri, headers, bodyProducer).addCallback(_undecoded)


def _undecoded(response: IResponse) -> IResponse:
    response.headers.removeHeader(b"content-encoding")
    return response
