"""Makes a private certificate authority (CA) and a server certificate signed by it.

They stand in one folder: ``ca.pem``, which clients are told to trust, ``ca.key``, ``server.pem``
(the certificate, then the CA's) and ``server.key``. The authority is kept as long as it can be, so
that clients which trust it go on; the server's certificate is made anew whenever need be.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import socket
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mqgate.tls.pem import KeyFiles, KeyPair, TLSError, load, read_certificates

Name = str | IPv4Address | IPv6Address

CA_LIFETIME = timedelta(days=3652)
#: The longest that Apple's and Google's clients take, whoever signed it.
SERVER_LIFETIME = timedelta(days=397)
#: A certificate that ends sooner than this is made anew.
RENEW_BEFORE = timedelta(days=30)
#: Certificates count from a day back: the clocks of clients differ.
_CLOCK_SKEW = timedelta(days=1)

#: Stands in the name of every authority made here, and so tells our certificates from others.
_ORGANIZATION = "mqgate"
#: What X.509 allows a common name to have.
_LONGEST_COMMON_NAME = 64

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


@attrs.frozen
class Ensured:
    """What `ensure` found and did."""

    #: The server's key and certificate.
    files: KeyFiles
    #: What clients are told to trust; None with a certificate that was not made here.
    ca_file: Path | None
    #: Whether a new authority was made: clients that trusted an older one no longer connect.
    ca_made: bool = False
    #: Whether a new server certificate was made.
    server_made: bool = False
    #: What was made and why, or what should have been but could not; else empty. A sentence.
    reason: str = ""
    #: Whether ``reason`` asks something of the operator of a server that has clients already.
    urgent: bool = False


@attrs.frozen
class _Authority:
    """The CA: its certificate and, unless it was taken away from here, its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey | None


def made_files(folder: Path) -> KeyFiles:
    """Where the server's key and certificate stand in a folder of `ensure`."""
    return KeyFiles(folder / "server.key", folder / "server.pem")


def ensure(
    folder: Path, names: Iterable[str], now: datetime, *, host: str | None = None
) -> Ensured:
    """Make what is missing in ``folder``: an authority, and a server certificate for all names.

    Those are ``names``, the host's own name and the names of this machine to itself. ``now`` has a
    time zone; ``host`` is the host's name if it is not to be looked up. The server's certificate
    is made anew, with the authority that is there, when a name is missing from it or it ends
    within 30 days; a certificate that was put there by somebody else is left alone.

    Raises `ValueError` for a name that is neither a DNS name nor an IP address, and `TLSError`
    when the folder cannot be written, or the files that are there cannot be used.
    """
    wanted = _wanted_names(names, socket.gethostname() if host is None else host)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _ensure(folder, wanted, now)
    except OSError as error:
        raise TLSError(
            f"Certificates cannot be made in {folder} ({error.strerror}): check its owner and mode."
        ) from error


def _ensure(folder: Path, wanted: Sequence[Name], now: datetime) -> Ensured:
    """`ensure` in a folder that is there."""
    files, ca_file = made_files(folder), folder / "ca.pem"
    if _is_foreign(files):
        return Ensured(files, None)
    authority = _read_authority(folder)
    if authority is None or _expires(authority) - now < RENEW_BEFORE:
        return _begin_anew(folder, authority, wanted, now)
    need = _why_anew(files, authority, wanted, now)
    if not need:
        return Ensured(files, ca_file)
    if authority.key is None:
        return Ensured(files, ca_file, reason=_without_key(folder, need, now), urgent=True)
    _make_server(folder, authority, wanted, now)
    reason = f"{need.removesuffix('.')}: made a new one."
    return Ensured(files, ca_file, server_made=True, reason=reason)


def _begin_anew(
    folder: Path, old: _Authority | None, wanted: Sequence[Name], now: datetime
) -> Ensured:
    """Make both, in place of what there was, if anything."""
    files, ca_file = made_files(folder), folder / "ca.pem"
    first = not files.certificate.exists()
    _make_server(folder, _make_authority(folder, now), wanted, now)
    why = f"There was no {ca_file}"
    if old is not None:
        why = f"The authority in {ca_file} {_end(old, now)}"
    reason = f"{why}: made a new one, which clients have to trust."
    return Ensured(files, ca_file, ca_made=True, server_made=True, reason=reason, urgent=not first)


def parse_name(text: str) -> Name:
    """A DNS name (lower case, perhaps with a wildcard) or an IP address; else `ValueError`."""
    with contextlib.suppress(ValueError):
        # A zone ("%eth0") is of this machine only and has no place in a certificate.
        return ip_address(text.partition("%")[0])
    name = text.lower().removesuffix(".")
    wildcard = name.startswith("*.")
    labels = name.removeprefix("*.").split(".")
    if len(name) > 253 or not all(map(_LABEL.fullmatch, labels)) or labels[-1].isdigit():
        hint = "" if text.isascii() else "; write it in its ASCII form (xn--...)"
        raise ValueError(f"{text!r} is neither a DNS name nor an IP address{hint}")
    if wildcard and len(labels) < 2:
        raise ValueError(f"{text!r}: a wildcard needs two labels after it, as in *.example.org")
    return name


def _wanted_names(names: Iterable[str], host: str) -> tuple[Name, ...]:
    """All names that the certificate is to have, the given ones first."""
    wanted = [parse_name(each) for each in names]
    # A host's name may be one that no certificate takes; nobody connects by such a name.
    with contextlib.suppress(ValueError):
        wanted.append(parse_name(host))
    wanted.extend(parse_name(each) for each in _LOCAL_NAMES)
    return tuple(dict.fromkeys(wanted))


def _read_authority(folder: Path) -> _Authority | None:
    """The authority in the folder, or None if there is none."""
    if not (folder / "ca.pem").exists():
        return None
    if not (folder / "ca.key").exists():
        return _Authority(read_certificates(folder / "ca.pem")[0], None)
    pair = load(KeyFiles(folder / "ca.key", folder / "ca.pem"))
    if not isinstance(pair.key, ec.EllipticCurvePrivateKey):
        raise TLSError(
            f"The authority in {folder} was not made here: to use a certificate of its making, "
            "name key and certificate in the configuration."
        )
    return _Authority(pair.certificate, pair.key)


def _why_anew(files: KeyFiles, ours: _Authority, wanted: Sequence[Name], now: datetime) -> str:
    """Why the server's certificate has to be made, as a sentence; empty if it is good."""
    try:
        pair = load(files)
        pair.certificate.verify_directly_issued_by(ours.certificate)
    except TLSError as error:
        return str(error)
    except (InvalidSignature, ValueError, TypeError):
        return f"The certificate in {files.certificate} was signed by another authority."
    if _expires(pair) - now < RENEW_BEFORE:
        return f"The certificate in {files.certificate} {_end(pair, now)}."
    missing = [str(each) for each in wanted if each not in _names_in(pair.certificate)]
    if missing:
        return f"The certificate in {files.certificate} lacks the name {', '.join(missing)}."
    return ""


def _is_foreign(files: KeyFiles) -> bool:
    """Whether the operator put a certificate of other making in the place of ours."""
    try:
        issuer = read_certificates(files.certificate)[0].issuer
    except TLSError:
        return False
    organizations = issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return all(each.value != _ORGANIZATION for each in organizations)


def _without_key(folder: Path, need: str, now: datetime) -> str:
    """What to tell when there is a need but no ``ca.key``; raises if nothing can be served."""
    missing = (
        f"{need} It cannot be made anew without {folder / 'ca.key'}: put that back, or remove "
        f"{folder / 'ca.pem'} for a new authority, which clients then have to trust."
    )
    try:
        usable = _expires(load(made_files(folder))) > now
    except TLSError as error:
        raise TLSError(missing) from error
    if not usable:
        raise TLSError(missing)
    return missing


def _expires(pair: KeyPair | _Authority) -> datetime:
    return pair.certificate.not_valid_after_utc


def _end(pair: KeyPair | _Authority, now: datetime) -> str:
    """When it ends, or ended, as the end of a sentence."""
    return f"{'ends' if now < _expires(pair) else 'ended'} on {_expires(pair):%Y-%m-%d}"


def _names_in(certificate: x509.Certificate) -> set[Name]:
    """The names that a certificate is good for."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return set()
    addresses = found.get_values_for_type(x509.IPAddress)
    return {
        *found.get_values_for_type(x509.DNSName),
        *(each for each in addresses if isinstance(each, IPv4Address | IPv6Address)),
    }


def _make_authority(folder: Path, now: datetime) -> _Authority:
    """A new CA, in its files."""
    key = ec.generate_private_key(ec.SECP256R1())
    # A name of its own: a client may trust several gateways' authorities, told apart by name.
    subject = _subject(f"mqgate private CA {secrets.token_hex(4)}")
    public = key.public_key()
    certificate = (
        _builder(subject, public, now, now + CA_LIFETIME)
        .issuer_name(subject)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(folder / "ca.key", _pem(key), 0o600)
    _write(folder / "ca.pem", certificate.public_bytes(Encoding.PEM), 0o644)
    return _Authority(certificate, key)


def _make_server(folder: Path, authority: _Authority, names: Sequence[Name], now: datetime) -> None:
    """A new server certificate with a new key, in its files."""
    assert authority.key is not None
    key = ec.generate_private_key(ec.SECP256R1())
    end = min(now + SERVER_LIFETIME - _CLOCK_SKEW, _expires(authority))
    certificate = (
        _builder(_subject(_common_name(names)), key.public_key(), now, end)
        .issuer_name(authority.certificate.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()),
            critical=False,
        )
        .add_extension(x509.SubjectAlternativeName(map(_general_name, names)), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    chain = (certificate, authority.certificate)
    # The certificate last: until it is there the old one does not match, and is not taken.
    _write(folder / "server.key", _pem(key), 0o600)
    _write(
        folder / "server.pem", b"".join(each.public_bytes(Encoding.PEM) for each in chain), 0o644
    )


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, end: datetime
) -> x509.CertificateBuilder:
    """What both kinds of certificate have in common."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _subject(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _common_name(names: Sequence[Name]) -> str:
    """The first name that fits: of use to people only, clients read the alternative names."""
    return next(each for each in map(str, names) if len(each) <= _LONGEST_COMMON_NAME)


def _general_name(name: Name) -> x509.GeneralName:
    return x509.DNSName(name) if isinstance(name, str) else x509.IPAddress(name)


def _key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes, mode: int) -> None:
    """Put a file in place whole, or not at all; it never has more rights than ``mode``."""
    aside = path.with_name(path.name + ".new")
    aside.unlink(missing_ok=True)  # left behind by a process that died half-way
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
