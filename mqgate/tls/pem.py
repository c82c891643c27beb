"""Reads private keys and certificates from PEM files.

What is wrong with a file is said in one sentence that names the file and the reason, because an
operator reads it in a log or on a terminal, with nothing else around it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

PrivateKey = EllipticCurvePrivateKey | RSAPrivateKey | Ed25519PrivateKey

#: One private key in a file that may hold other blocks too (certificates, curve parameters).
_KEY = re.compile(rb"-----BEGIN ((?:[A-Z0-9]+ )*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)

#: Names that key and certificate have in a folder: certbot's, Kubernetes', our own.
_PAIRS = (
    ("privkey.pem", "fullchain.pem"),
    ("tls.key", "tls.crt"),
    ("server.key", "server.pem"),
)


class TLSError(Exception):
    """A key or a certificate cannot be used; its text is one sentence for the operator."""


@attrs.frozen
class KeyFiles:
    """Where the private key and the certificate of a listener stand."""

    #: The key's file; or a folder, in which both are found by their usual names.
    key: Path
    #: The certificate's file, which may hold its chain too; the key's where one file holds all.
    certificate: Path
    #: A file with further certificates of the chain.
    chain: Path | None = None
    #: Whether `key` has to be a folder.
    in_folder: bool = False

    def all(self) -> tuple[Path, ...]:
        """Each file once."""
        named = (self.key, self.certificate, self.chain)
        return tuple(dict.fromkeys(path for path in named if path is not None))


@attrs.frozen
class KeyPair:
    """A private key with the certificate made for it and the rest of its chain."""

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    #: Left out of comparisons: keys cannot be compared, and the certificate says which one it is.
    key: PrivateKey = attrs.field(eq=False, repr=False)


def located(files: KeyFiles) -> KeyFiles:
    """The same files, a folder replaced by the two files in it. Raises `TLSError`."""
    folder = files.key
    # Not Path.is_dir, which raises where a folder above may not be entered; reading tells it best.
    if not os.path.isdir(folder):
        if files.in_folder:
            raise TLSError(f"There is no folder {folder} for key and certificate.")
        return files
    for key, certificate in _PAIRS:
        if os.path.exists(folder / key) and os.path.exists(folder / certificate):
            return KeyFiles(folder / key, folder / certificate, files.chain)
    try:
        single = [folder / name for name in os.listdir(folder) if name.endswith(".pem")]
    except OSError as error:  # no file descriptor left, say: it may pass
        raise TLSError(f"The folder {folder} cannot be read ({error.strerror}).") from error
    if len(single) == 1:
        return KeyFiles(single[0], single[0], files.chain)
    raise TLSError(
        f"The folder {folder} holds no certificate that can be told by its name: it takes "
        + ", ".join(" with ".join(pair) for pair in _PAIRS)
        + ", or one .pem file with both."
    )


def load(files: KeyFiles) -> KeyPair:
    """Read a key and its certificate, and make sure that they belong together.

    The certificate may stand anywhere among those of its chain. Raises `TLSError`.
    """
    alone = files.key == files.certificate and not files.in_folder
    files = located(files)
    key = _read_key(files.key, alone)
    certificates = read_certificates(files.certificate, alone)
    leaf = next((each for each in certificates if belongs(key, each)), None)
    if leaf is None:
        raise TLSError(
            f"The key in {files.key} does not belong to the certificate in {files.certificate}."
        )
    if files.chain is not None:
        certificates += read_certificates(files.chain)
    return KeyPair(leaf, tuple(each for each in certificates if each != leaf), key)


def belongs(key: PrivateKey, certificate: x509.Certificate) -> bool:
    """Whether ``certificate`` was made for ``key``."""
    try:
        return certificate.public_key() == key.public_key()
    except (ValueError, UnsupportedAlgorithm):  # a kind of key unknown here is not this one
        return False


def read_certificates(path: Path, alone: bool = False) -> list[x509.Certificate]:
    """All certificates in a PEM file, in its order, at least one. Raises `TLSError`.

    ``alone`` is true for a file that was named to hold both, the key and the certificate.
    """
    blocks = _CERTIFICATE.findall(_read(path, "certificate"))
    if not blocks and alone:
        raise TLSError(
            f"The file {path} holds a key and no certificate: "
            "name the certificate's file as well, with certKey."
        )
    if not blocks:
        raise TLSError(
            f"The certificate file {path} holds no certificate in PEM format: "
            "a line -----BEGIN CERTIFICATE----- and one that ends it."
        )
    try:
        return [x509.load_pem_x509_certificate(block) for block in blocks]
    except ValueError as error:
        raise TLSError(f"A certificate in {path} is damaged: {_reason(error)}.") from error


def certificates_text(path: Path) -> bytes:
    """The certificates of a PEM file and nothing else of it, least of all a key, as PEM.

    Raises `TLSError`.
    """
    return b"".join(each.public_bytes(Encoding.PEM) for each in read_certificates(path))


def _read_key(path: Path, alone: bool) -> PrivateKey:
    """The first private key in a PEM file; ``alone`` as in `read_certificates`."""
    content = _read(path, "key")
    block = _KEY.search(content)
    if block is None and alone and _CERTIFICATE.search(content):
        raise TLSError(
            f"The file {path} holds a certificate and no key: "
            "name the key's file as well, with privateKey."
        )
    if block is None:
        raise TLSError(
            f"The key file {path} holds no private key in PEM format: "
            "a line -----BEGIN PRIVATE KEY----- and one that ends it."
        )
    try:
        key = load_pem_private_key(block[0], password=None)
    except TypeError as error:
        raise TLSError(
            f"The key in {path} is encrypted, and a server cannot ask for the pass phrase: "
            f"write it without one (openssl pkey -in {path} -out NEW.key)."
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise TLSError(f"The key in {path} is damaged: {_reason(error)}.") from error
    if not isinstance(key, PrivateKey):
        raise TLSError(f"The key in {path} is of a kind that TLS does not use: use ECDSA or RSA.")
    return key


def _read(path: Path, what: str) -> bytes:
    """The bytes of a file."""
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise TLSError(f"The {what} file {path} is missing.") from error
    except OSError as error:
        raise TLSError(f"The {what} file {path} cannot be read: {error.strerror}.") from error


def _reason(error: Exception) -> str:
    """The first line of what a library says, without its full stop."""
    return str(error).partition("\n")[0].rstrip(".")
