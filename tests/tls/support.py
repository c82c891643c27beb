"""What the tests of this room share: a moment in time, loopback servers and clients, log lines."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import deferToThread
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mqgate.tls.context import ServerContext
from mqgate.tls.endpoints import open_listener
from mqgate.tls.listeners import Listener
from mqgate.tls.pem import KeyFiles

#: When the tests of certificates take place.
NOW = datetime(2031, 5, 17, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)

T = TypeVar("T")


def folder_of(case: SynchronousTestCase) -> Path:
    """A new empty folder for a test."""
    folder = Path(case.mktemp()).absolute()
    folder.mkdir(parents=True)
    return folder


def log_lines(case: SynchronousTestCase) -> list[str]:
    """A list that gets each line that this project logs during the test."""
    lines: list[str] = []

    def observe(event: LogEvent) -> None:
        if str(event.get("log_namespace")).startswith("mqgate."):
            lines.append(formatEvent(event))

    observer = cast(ILogObserver, observe)
    globalLogPublisher.addObserver(observer)
    case.addCleanup(globalLogPublisher.removeObserver, observer)
    return lines


def self_signed(
    name: str = "other.example.org", end: datetime = NOW + 365 * DAY
) -> tuple[Any, Any]:
    """A key and a certificate of nobody's but its own making."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(end, NOW) - 365 * DAY)
        .not_valid_after(end)
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def key_pem(key: Any) -> bytes:
    """A private key as it stands in a file."""
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem


def certificate_pem(certificate: Any) -> bytes:
    """A certificate as it stands in a file."""
    pem: bytes = certificate.public_bytes(Encoding.PEM)
    return pem


def write_pair(folder: Path, key: Any, certificate: Any) -> KeyFiles:
    """Put key and certificate into files."""
    files = KeyFiles(folder / "own.key", folder / "own.pem")
    files.key.write_bytes(key_pem(key))
    files.certificate.write_bytes(certificate_pem(certificate))
    return files


class Echo(Protocol):
    """Says what it hears."""

    def dataReceived(self, data: bytes) -> None:
        """Send it back."""
        assert self.transport is not None
        self.transport.write(data)


class LiveCase(TestCase):
    """A server on loopback, and clients in threads beside it."""

    timeout = 60

    def serve(self, context: ServerContext) -> int:
        """Echo over TLS for the rest of the test; the port's number."""
        from twisted.internet import reactor

        port = open_listener(
            Listener("tcp:0:interface=127.0.0.1", tls=True),
            reactor,
            Factory.forProtocol(Echo),
            context,
        )
        self.addCleanup(port.stopListening)
        return number(port)

    async def in_thread(self, call: Callable[..., T], *args: Any) -> T:
        """What a blocking call gives."""
        result: T = await deferToThread(call, *args)
        return result


def number(port: IListeningPort) -> int:
    """The number of an open port."""
    found: int = port.getHost().port  # type: ignore[attr-defined]
    return found


@attrs.frozen
class Met:
    """What a client found."""

    version: str | None
    protocol: str | None
    session: Any
    reused: bool | None


def handshake(
    port: int,
    client: ssl.SSLContext,
    name: str = "localhost",
    session: Any = None,
    polite: bool = False,
) -> Met:
    """Connect, say something and hear it back (which is when TLS 1.3 has sent its tickets).

    A polite client takes its leave before it hangs up.
    """
    plain = socket.create_connection(("127.0.0.1", port), timeout=20)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with client.wrap_socket(plain, server_hostname=name, session=session) as secured:
        secured.sendall(b"hello")
        assert secured.recv(5) == b"hello"
        met = Met(
            secured.version(),
            secured.selected_alpn_protocol(),
            secured.session,
            secured.session_reused,
        )
        if polite:
            secured.unwrap()
        return met


def renegotiate(port: int) -> None:
    """Ask for a second handshake on a connection with TLS 1.2."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_max_proto_version(SSL.TLS1_2_VERSION)
    with socket.create_connection(("127.0.0.1", port)) as plain:
        connection = SSL.Connection(context, plain)
        connection.set_connect_state()
        connection.do_handshake()
        connection.renegotiate()
        connection.do_handshake()


def s_client(port: int, *options: str) -> str:
    """What ``openssl s_client`` says about a handshake."""
    return subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options],
        input="",
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    ).stdout
