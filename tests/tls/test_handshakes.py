"""Real handshakes on loopback, with Python's and OpenSSL's own clients."""

from __future__ import annotations

import ssl
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from OpenSSL import SSL

from mqgate.tls.certificates import ensure, made_files
from mqgate.tls.context import ServerContext
from mqgate.tls.pem import KeyFiles
from tests.tls.support import LiveCase, folder_of, handshake, renegotiate, s_client

_PYTHON_VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
_OLD = ("-cipher", "DEFAULT@SECLEVEL=0")


class HandshakeTests(LiveCase):
    """A server with a made certificate."""

    def setUp(self) -> None:
        self.folder = folder_of(self)
        self.make(self.folder)

    def make(self, folder: Path, *names: str) -> None:
        """Made certificates, good now: these clients look at the real time."""
        ensure(folder, names, datetime.now(UTC), host="mq1")

    def context(self, minimum: str = "1.2") -> ServerContext:
        """A context over the made files."""
        return ServerContext(made_files(self.folder), minimum)

    def client(self, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        """A client that trusts the CA and nobody else."""
        client = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        client.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
        if version is not None:
            client.minimum_version = client.maximum_version = version
        return client

    async def test_clients_that_trust_the_ca_verify_all_local_names(self) -> None:
        """That is all that an operator has to hand out."""
        port = self.serve(self.context())
        for name in ("localhost", "127.0.0.1", "::1", "mq1"):
            for version in _PYTHON_VERSIONS:
                await self.in_thread(handshake, port, self.client(version), name)

    async def test_clients_that_do_not_trust_the_ca_or_mean_another_name_refuse(self) -> None:
        """The test above would otherwise prove nothing."""
        port = self.serve(self.context())
        for client, name in ((ssl.create_default_context(), "localhost"), (self.client(), "mq2")):
            with self.assertRaises(ssl.SSLCertVerificationError):
                await self.in_thread(handshake, port, client, name)

    async def test_tls_below_1_2_is_refused_by_default(self) -> None:
        """Whatever the client would accept."""
        port = self.serve(self.context())
        for version in ("-tls1", "-tls1_1"):
            said = await self.in_thread(s_client, port, version, *_OLD)
            self.assertIn("Cipher is (NONE)", said)

    async def test_old_versions_are_admitted_where_the_operator_says_so(self) -> None:
        """From that version on, and new clients get the newest as before."""
        for minimum, old in (("1.0", True), ("1.1", False)):
            port = self.serve(self.context(minimum))
            said = await self.in_thread(s_client, port, "-tls1", *_OLD)
            self.assertEqual("Cipher is ECDHE-ECDSA-AES256-SHA" in said, old, said)
            said = await self.in_thread(s_client, port, "-tls1_1", *_OLD)
            self.assertIn("Cipher is ECDHE-ECDSA-AES256-SHA", said)
            met = await self.in_thread(handshake, port, self.client())
            self.assertEqual(met.version, "TLSv1.3")

    async def test_the_oldest_clients_know_no_elliptic_curves(self) -> None:
        """With a certificate of RSA they are served, where old versions are admitted."""
        run = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=mq1 -keyout own.key -out own.pem"
        await self.in_thread(
            lambda: subprocess.run(run.split(), cwd=self.folder, check=True, capture_output=True)
        )
        files = KeyFiles(self.folder / "own.key", self.folder / "own.pem")
        for minimum, met in (("1.0", "Cipher is AES256-SHA"), ("1.2", "Cipher is (NONE)")):
            port = self.serve(ServerContext(files, minimum))
            said = await self.in_thread(
                s_client, port, "-cipher", "AES256-SHA:@SECLEVEL=0", "-tls1"
            )
            self.assertIn(met, said)

    async def test_tls_1_3_may_be_the_floor(self) -> None:
        """For operators whose clients are all new."""
        port = self.serve(self.context("1.3"))
        await self.in_thread(handshake, port, self.client())
        with self.assertRaises(ssl.SSLError):
            await self.in_thread(handshake, port, self.client(ssl.TLSVersion.TLSv1_2))

    async def test_sessions_resume(self) -> None:
        """Every one of them, with both versions: it saves the server a signature each."""
        port = self.serve(self.context())
        for version in _PYTHON_VERSIONS:
            reused = await self.in_thread(self.resume, port, self.client(version), 100, False)
            self.assertEqual(reused, 100, version)

    def resume(self, port: int, client: ssl.SSLContext, times: int, polite: bool) -> int:
        """How many of so many connections resumed the session of the one before."""
        session, reused = handshake(port, client, polite=polite).session, 0
        for _ in range(times):
            met = handshake(port, client, session=session, polite=polite)
            session, reused = met.session, reused + bool(met.reused)
        return reused

    async def test_clients_without_tickets_resume_by_session_id(self) -> None:
        """Java 8, for one. OpenSSL forgets the sessions of clients that just hang up."""
        client = self.client(ssl.TLSVersion.TLSv1_2)
        client.options |= ssl.OP_NO_TICKET
        port = self.serve(self.context())
        self.assertEqual(await self.in_thread(self.resume, port, client, 3, True), 3)

    async def test_http_1_1_is_chosen_where_the_client_asks(self) -> None:
        """A client that offers other protocols only is not turned away."""
        port = self.serve(self.context())
        for offered, chosen in ((["h2", "http/1.1"], "http/1.1"), (["h2"], None)):
            client = self.client()
            client.set_alpn_protocols(offered)
            met = await self.in_thread(handshake, port, client)
            self.assertEqual(met.protocol, chosen)

    async def test_nothing_is_renegotiated(self) -> None:
        """It costs the server ten times what it costs the client, and nobody needs it."""
        port = self.serve(self.context())
        with self.assertRaisesRegex(SSL.Error, "no renegotiation"):
            await self.in_thread(renegotiate, port)

    async def test_a_replaced_certificate_is_served_to_new_connections(self) -> None:
        """Of the same authority: its clients go on, without a restart of either side."""
        context = self.context()
        port = self.serve(context)
        self.make(self.folder, "new.example.org")
        with self.assertRaises(ssl.SSLCertVerificationError):
            await self.in_thread(handshake, port, self.client(), "new.example.org")
        context.refresh(datetime.now(UTC))
        await self.in_thread(handshake, port, self.client(), "new.example.org")

    async def test_a_session_with_the_old_certificate_ends_in_a_full_handshake(self) -> None:
        """The client then sees the new one."""
        context = self.context()
        port = self.serve(context)
        for version in _PYTHON_VERSIONS:
            client = self.client(version)
            before = await self.in_thread(handshake, port, client)
            self.make(self.folder, f"v{version}.example.org")
            context.refresh(datetime.now(UTC))
            met = await self.in_thread(handshake, port, client, "localhost", before.session)
            self.assertFalse(met.reused)
