"""What the context does as its files change, told by what it would serve and what it logs."""

from __future__ import annotations

import os
import subprocess

from OpenSSL import SSL
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.trial.unittest import SynchronousTestCase

from mqgate.tls.context import ServerContext
from mqgate.tls.pem import KeyFiles, TLSError
from tests.tls.support import (
    DAY,
    NOW,
    certificate_pem,
    folder_of,
    key_pem,
    log_lines,
    self_signed,
    write_pair,
)


class ContextTests(SynchronousTestCase):
    """A context over a pair of files."""

    def setUp(self) -> None:
        self.folder = folder_of(self)
        self.key, self.certificate = self_signed()
        self.files = write_pair(self.folder, self.key, self.certificate)
        self.context = ServerContext(self.files)
        self.lines = log_lines(self)

    def refresh(self) -> list[str]:
        """Have it look at its files; what it logs."""
        del self.lines[:]
        self.context.refresh(NOW)
        return list(self.lines)

    def openssl_context(self) -> SSL.Context:
        """What a new connection is made from."""
        factory = TLSMemoryBIOFactory(self.context, False, Factory(), Clock())
        protocol = TLSMemoryBIOProtocol(factory, Protocol())
        return self.context.serverConnectionForTLS(protocol).get_context()

    def test_files_that_stay_are_not_read_again(self) -> None:
        """Nothing happens, at every call."""
        before = self.openssl_context()
        self.assertEqual(self.refresh() + self.refresh(), [])
        self.assertIs(self.openssl_context(), before)

    def test_replaced_files_are_served(self) -> None:
        """With one line that says so."""
        key, certificate = self_signed()
        write_pair(self.folder, key, certificate)
        [line] = self.refresh()
        self.assertIn(f"are served the certificate in {self.files.certificate}", line)
        self.assertEqual(self.context.certificate, certificate)
        self.assertEqual(self.refresh(), [])

    def test_files_that_were_only_touched_are_no_news(self) -> None:
        """A new context would make all clients' sessions void."""
        before = self.openssl_context()
        os.utime(self.files.certificate, (1, 1))
        self.assertEqual(self.refresh(), [])
        self.assertIs(self.openssl_context(), before)

    def test_a_half_replaced_pair_keeps_the_old_until_the_other_half_comes(self) -> None:
        """Either half may come first; one line for the fault, however long it lasts."""
        for order in ("key", "certificate"):
            key, certificate = self_signed()
            pems = {"key": key_pem(key), "certificate": certificate_pem(certificate)}
            served = self.context.certificate
            getattr(self.files, order).write_bytes(pems.pop(order))
            [line] = self.refresh()
            self.assertIn("does not belong to", line)
            self.assertIn("The certificate before it is still served, until 2032-05-16", line)
            self.assertEqual(self.refresh(), [])
            self.assertEqual(self.context.certificate, served)
            for name, pem in pems.items():
                getattr(self.files, name).write_bytes(pem)
            [line] = self.refresh()
            self.assertIn("New connections are served", line)
            self.assertEqual(self.context.certificate, certificate)

    def test_each_different_fault_is_told_once(self) -> None:
        """And again when it comes back after it was gone."""
        self.files.certificate.write_bytes(b"")
        self.assertIn("holds no certificate", self.refresh()[0])
        self.files.certificate.write_bytes(b"still not")
        self.assertEqual(self.refresh(), [])
        self.files.certificate.unlink()
        self.assertIn("is missing", self.refresh()[0])
        self.files.certificate.write_bytes(certificate_pem(self.certificate))
        self.assertIn("New connections are served", self.refresh()[0])
        self.files.certificate.unlink()
        self.assertIn("is missing", self.refresh()[0])

    def test_a_link_that_is_turned_to_other_files_is_followed(self) -> None:
        """So certbot and Kubernetes replace theirs; even of the same size and time."""
        other, link = folder_of(self), folder_of(self) / "live"
        key, certificate = self_signed()
        write_pair(other, key, certificate)
        link.symlink_to(self.folder)
        self.context = ServerContext(KeyFiles(link / "own.key", link / "own.pem"))
        link.unlink()
        link.symlink_to(other)
        self.refresh()
        self.assertEqual(self.context.certificate, certificate)

    def test_a_folder_is_followed_too(self) -> None:
        """Also while it cannot be told what of it is meant."""
        folder = folder_of(self)
        both = folder / "first.pem"
        both.write_bytes(key_pem(self.key) + certificate_pem(self.certificate))
        self.context = ServerContext(KeyFiles(folder, folder))
        key, certificate = self_signed()
        (folder / "second.pem").write_bytes(key_pem(key) + certificate_pem(certificate))
        self.assertIn("holds no certificate that can be told", self.refresh()[0])
        self.assertEqual(self.refresh(), [])
        both.unlink()
        self.refresh()
        self.assertEqual(self.context.certificate, certificate)

    def test_a_certificate_that_openssl_refuses_is_a_fault_like_others(self) -> None:
        """Its security level rules out weak keys, at the start and later."""
        run = "openssl req -x509 -newkey rsa:1024 -nodes -subj /CN=x -keyout own.key -out own.pem"
        subprocess.run(run.split(), cwd=self.folder, check=True, capture_output=True)
        [line] = self.refresh()
        self.assertIn("OpenSSL does not take the certificate in", line)
        self.assertIn("key too small", line)
        self.assertEqual(self.context.certificate, self.certificate)
        with self.assertRaisesRegex(TLSError, "key too small"):
            ServerContext(self.files)

    def test_files_that_cannot_be_used_at_first_are_an_error(self) -> None:
        """There is nothing else to serve then."""
        self.files.key.unlink()
        with self.assertRaisesRegex(TLSError, "own.key is missing"):
            ServerContext(self.files)

    def test_a_fortnight_before_its_end_the_log_is_told_once(self) -> None:
        """And once more when it has ended."""
        end = self.certificate.not_valid_after_utc
        told = []
        for days in (-15, -14, -13, -1, 0, 1):
            del self.lines[:]
            self.context.refresh(end + days * DAY)
            told.append(list(self.lines))
        self.assertEqual([len(each) for each in told], [0, 1, 0, 0, 1, 0])
        self.assertIn("own.pem ends on 2032-05-16: replace it", told[1][0])
        self.assertIn("own.pem ended on 2032-05-16", told[4][0])
