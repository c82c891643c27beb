"""Reading keys and certificates, and what is said when that fails."""

from __future__ import annotations

import resource
import subprocess

from cryptography.hazmat.primitives.asymmetric import x25519
from twisted.trial.unittest import SynchronousTestCase

from mqgate.tls.certificates import ensure
from mqgate.tls.pem import KeyFiles, TLSError, load
from tests.tls.support import NOW, certificate_pem, folder_of, key_pem, self_signed, write_pair


class PEMTests(SynchronousTestCase):
    """A key and a certificate in a folder of their own."""

    def setUp(self) -> None:
        self.folder = folder_of(self)
        self.key, self.certificate = self_signed()
        self.files = write_pair(self.folder, self.key, self.certificate)

    def fault(self, files: KeyFiles | None = None) -> str:
        """What is said about files that cannot be used."""
        error = self.assertRaises(TLSError, load, files or self.files)
        return str(error)

    def test_one_file_may_hold_both(self) -> None:
        """In any order, with curve parameters and text around them."""
        both = self.folder / "both.pem"
        parameters = (
            b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
        )
        certificate = b"subject=x\n" + certificate_pem(self.certificate)
        for parts in (
            (parameters, key_pem(self.key), certificate),
            (certificate, key_pem(self.key)),
        ):
            both.write_bytes(b"".join(parts))
            self.assertEqual(load(KeyFiles(both, both)).certificate, self.certificate)

    def test_the_certificate_may_stand_anywhere_in_its_chain(self) -> None:
        """Bundles come in all orders; its place is told by the key."""
        others = [self_signed(name)[1] for name in ("one", "two")]
        pems = [certificate_pem(each) for each in (others[0], self.certificate, others[1])]
        self.files.certificate.write_bytes(b"".join(pems))
        pair = load(self.files)
        self.assertEqual((pair.certificate, list(pair.chain)), (self.certificate, others))

    def test_the_chain_may_stand_in_a_file_of_its_own(self) -> None:
        """As ``extraCertChain`` names one."""
        chain = self.folder / "chain.pem"
        other = self_signed("ca")[1]
        chain.write_bytes(certificate_pem(other))
        pair = load(KeyFiles(self.files.key, self.files.certificate, chain))
        self.assertEqual(pair.chain, (other,))

    def test_a_folder_is_searched_for_the_usual_names(self) -> None:
        """Certbot's, Kubernetes', our own; or one file that is not named at all."""
        for names in (
            ("privkey.pem", "fullchain.pem"),
            ("tls.key", "tls.crt"),
            ("server.key", "server.pem"),
            ("any.pem", "any.pem"),
        ):
            folder = folder_of(self)
            for name, pem in zip(
                names, (key_pem(self.key), certificate_pem(self.certificate)), strict=True
            ):
                with open(folder / name, "ab") as file:
                    file.write(pem)
            self.assertEqual(load(KeyFiles(folder, folder)).certificate, self.certificate)

    def test_a_folder_that_cannot_be_read_just_now(self) -> None:
        """As when the process has no file descriptor left: it is tried again."""
        folder = self.folder / "full"
        folder.mkdir()
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
        try:
            fault = self.fault(KeyFiles(folder, folder))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        self.assertIn("cannot be read (Too many open files)", fault)

    def test_a_folder_with_nothing_that_can_be_told(self) -> None:
        """The sentence says what it might hold."""
        self.assertIn(
            f"The folder {self.folder} holds no certificate that can be told",
            self.fault(KeyFiles(self.folder / "", self.folder)) + self.fault_of_two(),
        )

    def fault_of_two(self) -> str:
        """Two files in a folder, neither of which is the one."""
        (self.folder / "a.pem").touch()
        return self.fault(KeyFiles(self.folder, self.folder))

    def test_a_folder_that_is_not_there(self) -> None:
        """It is called one: no file of that name was meant."""
        for folder in (self.folder / "none", self.files.key):
            self.assertEqual(
                self.fault(KeyFiles(folder, folder, in_folder=True)),
                f"There is no folder {folder} for key and certificate.",
            )

    def test_one_file_that_should_hold_both_but_has_one(self) -> None:
        """Somebody named one of two files, and is told the word for the other."""
        for file, said in (
            (self.files.key, "a key and no certificate: name the certificate's file as well, with"),
            (self.files.certificate, "a certificate and no key: name the key's file as well, with"),
        ):
            self.assertIn(f"The file {file} holds {said} ", self.fault(KeyFiles(file, file)))

    def test_a_missing_file(self) -> None:
        """Which one, and what it was to hold."""
        self.files.certificate.unlink()
        self.assertEqual(self.fault(), f"The certificate file {self.files.certificate} is missing.")
        self.files.key.unlink()
        self.assertEqual(self.fault(), f"The key file {self.files.key} is missing.")

    def test_a_file_that_cannot_be_read(self) -> None:
        """With the system's reason; a folder stands in for a missing right, which root has."""
        self.files.certificate.unlink()
        self.files.certificate.mkdir()
        self.assertEqual(
            self.fault(),
            f"The certificate file {self.files.certificate} cannot be read: Is a directory.",
        )

    def test_a_file_that_is_not_pem(self) -> None:
        """Such as DER, or the wrong one of the two files."""
        swapped = KeyFiles(self.files.certificate, self.files.key)
        self.assertIn("own.pem holds no private key in PEM format", self.fault(swapped))
        self.files.certificate.write_bytes(b"\x30\x82")
        self.assertIn("own.pem holds no certificate in PEM format", self.fault())

    def test_a_damaged_file(self) -> None:
        """Its outside is PEM, its inside nothing."""
        self.files.certificate.write_bytes(
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
        )
        self.assertIn(f"A certificate in {self.files.certificate} is damaged: ", self.fault())
        self.files.key.write_bytes(
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
        )
        self.assertIn(f"The key in {self.files.key} is damaged: ", self.fault())

    def test_a_key_of_another_certificate(self) -> None:
        """Both files are named: either may be the wrong one."""
        self.files.key.write_bytes(key_pem(self_signed()[0]))
        self.assertEqual(
            self.fault(),
            f"The key in {self.files.key} does not belong to the certificate "
            f"in {self.files.certificate}.",
        )

    def test_a_certificate_of_an_unknown_kind_is_not_the_one(self) -> None:
        """Such as one over a curve that nobody uses, somewhere in a chain."""
        run = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:secp112r1 -nodes -subj /CN=x"
        odd = subprocess.run(run.split(), cwd=self.folder, check=True, capture_output=True)
        self.files.certificate.write_bytes(odd.stdout + certificate_pem(self.certificate))
        self.assertEqual(load(self.files).certificate, self.certificate)

    def test_an_encrypted_key(self) -> None:
        """In both of its formats; the sentence says how to write it without a pass phrase."""
        plain = self.files.key.rename(self.folder / "plain.key")
        for command in ("pkey", "ec"):
            subprocess.run(
                f"openssl {command} -in {plain} -aes128 -passout pass:secret "
                f"-out {self.files.key}".split(),
                check=True,
                capture_output=True,
            )
            self.assertIn(f"The key in {self.files.key} is encrypted", self.fault())
            self.assertIn("openssl pkey -in", self.fault())

    def test_a_key_that_is_not_for_signing(self) -> None:
        """OpenSSL reads kinds of keys that no certificate has."""
        self.files.key.write_bytes(key_pem(x25519.X25519PrivateKey.generate()))
        self.assertIn("is of a kind that TLS does not use", self.fault())

    def test_made_files_are_read_like_any_others(self) -> None:
        """There is one way to read files."""
        made = ensure(self.folder, [], NOW, host="mq1")
        self.assertEqual(len(load(made.files).chain), 1)
