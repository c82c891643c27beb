"""The TLS side of a listener: what is offered to clients, and the certificate served to them.

Twisted's own `CertificateOptions` is not used: it keeps the certificate that it was made with,
and by default no session of its resumes, so that each connection costs the server a signature.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
from cryptography import x509
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from mqgate.tls.pem import KeyFiles, KeyPair, TLSError, load, located

#: The TLS versions that may be the lowest one, by their name in the configuration.
VERSIONS = {
    "1.0": SSL.TLS1_VERSION,
    "1.1": SSL.TLS1_1_VERSION,
    "1.2": SSL.TLS1_2_VERSION,
    "1.3": SSL.TLS1_3_VERSION,
}
#: Of versions up to 1.2; those of 1.3 are OpenSSL's own choice.
_CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!AESCCM:!PSK"
#: For clients from before TLS 1.2, which may know no elliptic curves, and whose signatures (over
#: SHA-1 and MD5) OpenSSL only takes at its lowest security level.
_OLD_CIPHERS = _CIPHERS + b":RSA+AESGCM:RSA+AES:!aNULL:@SECLEVEL=0"
#: OpenSSL's SSL_OP_IGNORE_UNEXPECTED_EOF, which pyOpenSSL does not name: a client that closes its
#: connection without saying so in TLS has closed it. HTTP tells by itself where a request ends; and
#: an error would keep each such connection in memory until a full garbage collection, because
#: Twisted's Failure about it holds the frame that holds it.
_IGNORE_UNEXPECTED_EOF = 1 << 7
_OPTIONS = (
    _IGNORE_UNEXPECTED_EOF
    | SSL.OP_CIPHER_SERVER_PREFERENCE
    | SSL.OP_NO_COMPRESSION
    | SSL.OP_NO_RENEGOTIATION
    | SSL.OP_SINGLE_ECDH_USE
)
_WARN_BEFORE = timedelta(days=14)


@implementer(IOpenSSLServerConnectionCreator)
@attrs.define(eq=False)
class ServerContext:
    """Serves a certificate from files to new connections, and follows the files as they change.

    Making one raises `TLSError` when they cannot be used, `KeyError` for an unknown ``minimum``.
    """

    _log = Logger()

    files: KeyFiles
    #: The lowest TLS version that is admitted, one of `VERSIONS`.
    minimum: str = "1.2"
    _served: KeyPair = attrs.field(init=False)
    _context: SSL.Context = attrs.field(init=False)
    #: What the files looked like when they were read last.
    _seen: object = attrs.field(init=False)
    #: What is wrong with the files, while the certificate served is an older one; else empty.
    _fault: str = attrs.field(init=False, default="")
    #: What the log was last told about the end of the certificate.
    _told: str = attrs.field(init=False, default="")

    def __attrs_post_init__(self) -> None:
        # Looked at before it is read: a change in between is then seen as one.
        self._seen = _look(self.files)
        self._served = load(self.files)
        self._context = _make_context(self._served, self.files, self.minimum)

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate that new connections are served."""
        return self._served.certificate

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """The OpenSSL half of a new connection; for Twisted."""
        return SSL.Connection(self._context, None)

    def refresh(self, now: datetime) -> None:
        """Take up files that were replaced; to be called every few seconds.

        Files that cannot be used, such as a new key beside the old certificate, change nothing:
        the log gets one line for each different fault, and they are tried again at every call.
        It is also told, once, that the certificate ends within a fortnight of ``now``, which has
        a time zone, or has ended.
        """
        seen = _look(self.files)
        if seen != self._seen or self._fault:
            self._seen = seen
            self._reload()
        self._warn_of_end(now)

    def _reload(self) -> None:
        """Serve what the files hold now, or keep what is served."""
        try:
            found = load(self.files)
            if found != self._served:
                self._context = _make_context(found, self.files, self.minimum)
        except TLSError as error:
            self._keep(str(error))
            return
        # A file that was only touched is no news, and a new context would forget all sessions.
        if found != self._served or self._fault:
            self._log.info(
                "New connections are served the certificate in {path}, good until {end}.",
                path=str(self.files.certificate),
                end=_day(found.certificate.not_valid_after_utc),
            )
        self._served, self._fault = found, ""

    def _keep(self, fault: str) -> None:
        """Go on with the certificate that is served; say so once."""
        if fault != self._fault:
            self._log.error(
                "{fault} The certificate before it is still served, until {end}; "
                "the files are looked at again every few seconds.",
                fault=fault,
                end=_day(self.certificate.not_valid_after_utc),
            )
        self._fault = fault

    def _warn_of_end(self, now: datetime) -> None:
        """One line when the certificate nears its end, one when it has come."""
        end = self.certificate.not_valid_after_utc
        if now < end - _WARN_BEFORE:
            return
        verb = "ends" if now < end else "ended"
        told = f"The certificate in {self.files.certificate} {verb} on {_day(end)}"
        if told != self._told:
            self._told = told
            self._log.warn("{told}: replace it, no restart is needed.", told=told)


def _make_context(pair: KeyPair, files: KeyFiles, minimum: str) -> SSL.Context:
    """An OpenSSL context that serves ``pair``, which was read from ``files``."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(VERSIONS[minimum])
    context.set_options(_OPTIONS)
    # Idle connections, of which long polls make many, hold no buffers.
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    # Tickets are on unless turned off; the cache is for clients that know session ids only.
    context.set_session_cache_mode(SSL.SESS_CACHE_SERVER)
    context.set_session_id(b"mqgate")
    context.set_alpn_select_callback(_choose_protocol)
    context.set_cipher_list(_OLD_CIPHERS if minimum < "1.2" else _CIPHERS)
    try:
        context.use_certificate(pair.certificate)
        for each in pair.chain:
            context.add_extra_chain_cert(each)
        context.use_privatekey(pair.key)
        context.check_privatekey()
    except SSL.Error as error:
        reasons = ", ".join(reason for *_, reason in error.args[0])
        raise TLSError(
            f"OpenSSL does not take the certificate in {files.certificate}: {reasons}."
        ) from error
    return context


def _choose_protocol(connection: SSL.Connection, offered: Sequence[bytes]) -> Any:
    """HTTP/1.1, if the client offers that; without a choice made, it is what is spoken too."""
    return b"http/1.1" if b"http/1.1" in offered else SSL.NO_OVERLAPPING_PROTOCOLS


def _look(files: KeyFiles) -> object:
    """A value that changes when one of the files is replaced or written to."""
    try:
        found = located(files).all()
    except TLSError as error:
        return str(error)
    return tuple((path, _stamp(path)) for path in found)


def _stamp(path: Path) -> object:
    """What tells one state of a file from another without reading it."""
    try:
        found = path.stat()
    except OSError as error:
        return error.errno
    return found.st_ino, found.st_size, found.st_mtime_ns


def _day(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d}"
