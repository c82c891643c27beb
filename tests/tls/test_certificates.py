"""The certificates that mqgate makes."""

from __future__ import annotations

import os
import stat
import subprocess
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.trial.unittest import SynchronousTestCase

from mqgate.tls.certificates import Ensured, ensure, parse_name
from mqgate.tls.pem import TLSError, load, read_certificates
from tests.tls.support import DAY, NOW, certificate_pem, folder_of, key_pem, self_signed


class MakingTests(SynchronousTestCase):
    """An empty folder."""

    def setUp(self) -> None:
        self.folder = folder_of(self) / "tls"

    def ensure(self, *names: str, host: str = "mq1") -> Ensured:
        """Make certificates in the folder."""
        return ensure(self.folder, names, NOW, host=host)

    def names(self) -> tuple[set[object], set[object]]:
        """The DNS names and the addresses in the server's certificate."""
        leaf = read_certificates(self.folder / "server.pem")[0]
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return (
            set(found.get_values_for_type(x509.DNSName)),
            set(found.get_values_for_type(x509.IPAddress)),
        )

    def test_an_authority_and_a_server_certificate_are_made(self) -> None:
        """What was done is told as a value, with where the files stand."""
        made = self.ensure()
        self.assertEqual(
            (made.ca_made, made.server_made, made.ca_file, made.files.key, made.files.certificate),
            (
                True,
                True,
                self.folder / "ca.pem",
                self.folder / "server.key",
                self.folder / "server.pem",
            ),
        )
        self.assertEqual(
            made.reason,
            f"There was no {made.ca_file}: made a new one, which clients have to trust.",
        )
        self.assertFalse(made.urgent)

    def test_a_second_run_makes_nothing(self) -> None:
        """Every start calls it."""
        self.ensure()
        before = {path: path.read_bytes() for path in self.folder.iterdir()}
        again = self.ensure()
        self.assertEqual((again.ca_made, again.server_made, again.reason), (False, False, ""))
        self.assertEqual(before, {path: path.read_bytes() for path in self.folder.iterdir()})

    def test_the_certificate_is_for_this_machine_and_the_given_names(self) -> None:
        """Names and addresses each have their own kind of entry."""
        self.ensure("mq.example.org", "*.old.example.com", "10.1.2.3", "fd00::7")
        self.assertEqual(
            self.names(),
            (
                {"localhost", "mq1", "mq.example.org", "*.old.example.com"},
                {ip_address(each) for each in ("127.0.0.1", "::1", "10.1.2.3", "fd00::7")},
            ),
        )

    def test_keys_are_for_their_owner_only(self) -> None:
        """Whatever the umask is; a client has to be able to read the CA."""
        self.addCleanup(os.umask, os.umask(0))
        self.ensure()
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in self.folder.iterdir()}
        self.assertEqual(
            modes, {"ca.key": 0o600, "ca.pem": 0o644, "server.key": 0o600, "server.pem": 0o644}
        )
        self.assertEqual(stat.S_IMODE(self.folder.stat().st_mode), 0o700)

    def test_what_a_dead_process_left_half_written_is_no_hindrance(self) -> None:
        """Files are written aside, with names that a crash leaves behind."""
        self.folder.mkdir()
        (self.folder / "server.key.new").write_bytes(b"-----BEGIN PRIV")
        self.ensure()
        self.assertNotIn("server.key.new", os.listdir(self.folder))

    def test_server_pem_holds_the_chain_and_the_key_is_p256(self) -> None:
        """P-256 costs the server a third less per handshake than RSA."""
        pair = load(self.ensure().files)
        assert isinstance(pair.key, ec.EllipticCurvePrivateKey)
        self.assertEqual(pair.key.curve.name, "secp256r1")
        self.assertEqual(list(pair.chain), read_certificates(self.folder / "ca.pem"))

    def test_lifetimes(self) -> None:
        """Valid since yesterday, for clocks differ; 397 days is what browsers' libraries take."""
        self.ensure()
        leaf, ca = read_certificates(self.folder / "server.pem")
        self.assertEqual((leaf.not_valid_before_utc, ca.not_valid_before_utc), (NOW - DAY,) * 2)
        self.assertEqual(leaf.not_valid_after_utc - leaf.not_valid_before_utc, 397 * DAY)
        self.assertEqual(ca.not_valid_after_utc - NOW, 3652 * DAY)

    def test_openssl_finds_nothing_wrong_with_it(self) -> None:
        """With its strict checks, which Python 3.13 and OpenSSL 4 make for everybody."""
        self.ensure("mq.example.org")
        found = subprocess.run(
            f"openssl verify -x509_strict -purpose sslserver -verify_hostname mq.example.org "
            f"-attime {NOW.timestamp():.0f} -CAfile ca.pem server.pem".split(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(found.returncode, 0, found.stderr)

    def test_a_name_longer_than_a_common_name_may_be(self) -> None:
        """X.509 allows 64 characters there, DNS allows 253."""
        name = ".".join(["a" * 60] * 4)
        self.ensure(name, host="b" * 63 + ".example.org")
        self.assertIn(name, self.names()[0])

    def test_a_folder_that_cannot_be_written_is_named(self) -> None:
        """A file stands in for a missing right, which root has."""
        self.folder.touch()
        error = self.assertRaises(TLSError, self.ensure)
        self.assertEqual(
            str(error),
            f"Certificates cannot be made in {self.folder} (File exists):"
            " check its owner and mode.",
        )

    def test_a_host_name_that_no_certificate_takes_is_left_out(self) -> None:
        """Such a host could not start otherwise: nobody asked for its name."""
        self.ensure(host="my host")
        self.assertEqual(self.names()[0], {"localhost"})


class RenewalTests(SynchronousTestCase):
    """A folder with certificates in it."""

    def setUp(self) -> None:
        self.folder = folder_of(self)
        ensure(self.folder, ["mq.example.org"], NOW, host="mq1")
        self.ca = (self.folder / "ca.pem").read_bytes()
        self.server = (self.folder / "server.pem").read_bytes()

    def again(self, *names: str, days: int = 1) -> Ensured:
        """Look after them some days later."""
        wanted = names or ("mq.example.org",)
        return ensure(self.folder, wanted, NOW + days * DAY, host="mq1")

    def assert_only_server_made(self, done: Ensured, reason: str) -> None:
        """The server's certificate is new, signed by the authority that was there."""
        self.assertEqual((done.ca_made, done.server_made), (False, True))
        self.assertIn(reason, done.reason)
        self.assertTrue(done.reason.endswith(": made a new one."), done.reason)
        self.assertFalse(done.urgent)
        self.assertEqual((self.folder / "ca.pem").read_bytes(), self.ca)
        self.assertNotEqual((self.folder / "server.pem").read_bytes(), self.server)
        pair = load(done.files)
        pair.certificate.verify_directly_issued_by(pair.chain[0])

    def assert_untouched(self, done: Ensured) -> None:
        """Nothing was made."""
        self.assertEqual((done.ca_made, done.server_made), (False, False))
        self.assertEqual((self.folder / "server.pem").read_bytes(), self.server)

    def test_a_new_name_gets_a_new_certificate_of_the_same_authority(self) -> None:
        """Clients that trust the authority go on."""
        done = self.again("mq.example.org", "api.example.net")
        self.assert_only_server_made(done, "lacks the name api.example.net")

    def test_a_name_fewer_changes_nothing(self) -> None:
        """It does no harm."""
        self.assert_untouched(ensure(self.folder, [], NOW, host="mq1"))

    def test_it_is_renewed_within_thirty_days_of_its_end(self) -> None:
        """Not before, and in time."""
        self.assert_untouched(self.again(days=365))
        self.assert_only_server_made(self.again(days=367), "ends on 2032-06-16: made")

    def test_one_that_has_ended_is_renewed_too(self) -> None:
        """After a long rest."""
        self.assert_only_server_made(self.again(days=400), "ended on 2032-06-16: made")

    def test_a_lost_or_damaged_server_file_is_made_anew(self) -> None:
        """Also the pair that a crash between two renames leaves behind."""
        key, other = (self.folder / "server.key").read_bytes(), key_pem(self_signed()[0])
        for damage in (b"", key[:80], other):
            (self.folder / "server.key").write_bytes(damage)
            self.assert_only_server_made(self.again(), "server.key")
        (self.folder / "server.pem").unlink()
        self.assert_only_server_made(self.again(), "server.pem is missing")

    def test_a_certificate_without_names_is_made_anew(self) -> None:
        """Somebody signed one by hand with our authority; no client takes it."""
        for run in (
            "openssl req -new -key server.key -subj /CN=mq.example.org -out request",
            "openssl x509 -req -in request -CA ca.pem -CAkey ca.key -days 9999 -out server.pem",
        ):
            subprocess.run(run.split(), cwd=self.folder, check=True, capture_output=True)
        self.assert_only_server_made(self.again(), "lacks the name mq.example.org, mq1,")

    def test_a_certificate_of_an_authority_that_was_replaced_is_made_anew(self) -> None:
        """The authority's files were brought from elsewhere, the server's were not."""
        other = folder_of(self)
        ensure(other, [], NOW, host="mq1")
        for name in ("ca.pem", "ca.key"):
            (self.folder / name).write_bytes((other / name).read_bytes())
        done = self.again()
        self.assertTrue(done.server_made)
        self.assertIn("another authority", done.reason)

    def test_without_its_certificate_the_authority_is_made_anew(self) -> None:
        """And the server's certificate with it; the clients of the old one are to be told."""
        (self.folder / "ca.pem").unlink()
        done = self.again()
        self.assertEqual((done.ca_made, done.server_made, done.urgent), (True, True, True))

    def test_an_authority_near_its_end_is_made_anew(self) -> None:
        """A server certificate never outlives its authority."""
        last = self.again(days=3600)
        ca = read_certificates(self.folder / "ca.pem")[0]
        self.assertEqual(load(last.files).certificate.not_valid_after_utc, ca.not_valid_after_utc)
        done = self.again(days=3640)
        self.assertEqual((done.ca_made, done.server_made, done.urgent), (True, True, True))
        self.assertIn("ends on", done.reason)

    def test_the_authoritys_key_may_be_kept_elsewhere(self) -> None:
        """The server goes on, and says what it would have done, as long as it can be used."""
        (self.folder / "ca.key").unlink()
        self.assertEqual(self.again().reason, "")
        done = self.again(days=380)
        self.assert_untouched(done)
        self.assertIn("cannot be made anew without", done.reason)
        self.assertTrue(done.urgent)
        with self.assertRaisesRegex(TLSError, "put that back"):
            self.again(days=400)
        (self.folder / "server.key").unlink()
        with self.assertRaisesRegex(TLSError, "put that back"):
            self.again()

    def test_a_damaged_authority_is_not_replaced(self) -> None:
        """All clients would have to be told: that is for the operator to decide."""
        (self.folder / "ca.pem").write_bytes(b"junk")
        with self.assertRaisesRegex(TLSError, r"ca\.pem holds no certificate"):
            self.again()

    def test_an_rsa_authority_is_told_apart(self) -> None:
        """Made by another tool: it is not for us to sign with."""
        run = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=x -keyout ca.key -out ca.pem"
        subprocess.run(run.split(), cwd=self.folder, check=True, capture_output=True)
        with self.assertRaisesRegex(TLSError, "was not made here"):
            self.again()

    def test_a_certificate_that_the_operator_put_there_is_left_alone(self) -> None:
        """Its key could not be had back; whatever its names, its end and our authority are."""
        key, certificate = self_signed(end=NOW)
        (self.folder / "server.key").write_bytes(key_pem(key))
        (self.folder / "server.pem").write_bytes(certificate_pem(certificate))
        self.server = certificate_pem(certificate)
        done = self.again("mq.example.org", "new.example.org")
        self.assert_untouched(done)
        self.assertIsNone(done.ca_file)
        (self.folder / "ca.pem").unlink()
        self.assert_untouched(self.again())


class NameTests(SynchronousTestCase):
    """What may stand in a certificate."""

    def test_names_are_brought_into_one_form(self) -> None:
        """The same name in two spellings must not make a new certificate at every start."""
        self.assertEqual(parse_name("MQ.Example.Org."), "mq.example.org")
        self.assertEqual(parse_name("*.Example.Org"), "*.example.org")
        self.assertEqual(parse_name("fe80::1%eth0"), ip_address("fe80::1"))
        self.assertEqual(parse_name("my_service"), "my_service")

    def test_what_is_neither_name_nor_address_is_named_in_the_error(self) -> None:
        """It comes from the configuration."""
        long = ".".join(["a" * 63] * 4)
        for wrong in (
            "",
            "a b",
            "https://x.org",
            "x.org:8443",
            "300.1.1.1",
            "-a.org",
            "a..b",
            long,
        ):
            error = self.assertRaises(ValueError, parse_name, wrong)
            self.assertIn(f"{wrong!r} is neither a DNS name nor an IP address", str(error))

    def test_names_beyond_ascii_have_a_form_within(self) -> None:
        """The error says which."""
        self.assertIn("xn--", str(self.assertRaises(ValueError, parse_name, "müller.example")))

    def test_wildcards_stand_for_one_whole_label(self) -> None:
        """OpenSSL does not match *.org, nor a star within a label."""
        for wrong in ("*", "*.org", "a*.example.org", "a.*.example.org"):
            self.assertIn(repr(wrong), str(self.assertRaises(ValueError, parse_name, wrong)))

    def test_a_wrong_name_makes_nothing(self) -> None:
        """Not even a folder."""
        folder = Path(self.mktemp())
        self.assertRaises(ValueError, ensure, folder, ["a b"], NOW, host="mq1")
        self.assertFalse(folder.exists())
