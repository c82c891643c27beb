"""TLS towards receivers: whose certificates are believed.

All connections share one OpenSSL context. Twisted makes one for each host, and each of those reads
and holds all of the system's authorities: six milliseconds and a megabyte.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from OpenSSL import SSL, crypto
from service_identity.exceptions import CertificateError, VerificationError
from service_identity.hazmat import DNS_ID, IPAddress_ID, ServiceID, verify_service_identity
from service_identity.pyopenssl import extract_patterns
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    platformTrust,
    trustRootFromCertificates,
)
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

_log = Logger()
_END = b"-----END CERTIFICATE-----"
_MUST_SHOW = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT

#: What OpenSSL asks of each certificate: connection, certificate, error, depth, whether it is good.
_Verdict = Callable[[SSL.Connection, crypto.X509, int, int, int], bool]


def read_authorities(path: str) -> Sequence[Certificate]:
    """The certificates in a PEM file. Raises `OSError`, or `ValueError` if none can be read."""
    with open(path, "rb") as file:
        parts = file.read().split(_END)[:-1]
    try:
        found = [Certificate.loadPEM(part[part.index(b"-----BEGIN") :] + _END) for part in parts]
    except (ValueError, crypto.Error):
        found = []
    if not found:
        raise ValueError("holds no certificates that can be read")
    return found


@implementer(IPolicyForHTTPS)
class Trust:
    """Believes certificates that an authority has signed for the host that is asked for.

    The authorities are those that are given, or else the system's. With ``verify`` off anybody is
    believed, and nothing that is sent is safe.
    """

    def __init__(self, authorities: Sequence[Certificate] = (), *, verify: bool = True) -> None:
        root = trustRootFromCertificates(authorities) if authorities else platformTrust()
        options = CertificateOptions(trustRoot=root) if verify else CertificateOptions(verify=False)
        self._context: SSL.Context = options.getContext()
        self._verify = verify

    def creatorForNetloc(self, hostname: bytes, port: int) -> IOpenSSLClientConnectionCreator:
        """See `IPolicyForHTTPS`."""
        return _Creator(self._context, hostname.decode("ascii"), self._verify)


@implementer(IOpenSSLClientConnectionCreator)
class _Creator:
    """Makes connections to one host."""

    def __init__(self, context: SSL.Context, host: str, verify: bool) -> None:
        self._context = context
        self._host = host
        self._verify = verify

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """See `IOpenSSLClientConnectionCreator`."""
        connection = SSL.Connection(self._context, None)
        is_address = isIPAddress(self._host) or isIPv6Address(self._host)
        if not is_address:  # those are no names, which servers insist on
            connection.set_tlsext_host_name(self._host.encode("ascii"))
        if self._verify:
            wanted = IPAddress_ID(self._host) if is_address else DNS_ID(self._host)
            connection.set_verify(_MUST_SHOW, _verdict(tlsProtocol, wanted))
        return connection


def _verdict(protocol: TLSMemoryBIOProtocol, wanted: ServiceID) -> _Verdict:
    """What OpenSSL asks during the handshake, before anything is sent."""
    asker: list[TLSMemoryBIOProtocol] = [protocol]

    def is_good(
        connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, good: int
    ) -> bool:
        # Whatever is raised in here would be lost, and count as a yes or a no, nobody knows.
        try:
            if depth:
                return bool(good)
            verify_service_identity(extract_patterns(certificate), [wanted], [])
        except (CertificateError, VerificationError):
            asker.pop().failVerification(Failure())
            return False
        except Exception:  # noqa: BLE001
            _log.failure("A certificate could not be looked at")
            return False
        asker.clear()  # or the connection would be in a cycle
        return bool(good)

    return is_good
