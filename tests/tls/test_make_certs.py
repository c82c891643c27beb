"""The script that makes certificates for development."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.tls.support import folder_of

_SCRIPT = Path(__file__).resolve().parents[2] / "certs" / "make_certs.py"


class ScriptTests(SynchronousTestCase):
    """Run as a developer would."""

    def setUp(self) -> None:
        self.folder = folder_of(self)

    def run_script(self, *arguments: str) -> tuple[int, str]:
        """Its exit status, and all that it says."""
        done = subprocess.run(
            [sys.executable, str(_SCRIPT), *arguments],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def test_it_makes_certificates_and_says_where_they_are(self) -> None:
        """Nothing new the second time."""
        status, said = self.run_script("dev", "mq.test")
        self.assertEqual(status, 0, said)
        self.assertIn(f"CA, for clients to trust: {self.folder / 'dev' / 'ca.pem'} (new)", said)
        self.assertEqual(
            set(os.listdir(self.folder / "dev")), {"ca.pem", "ca.key", "server.pem", "server.key"}
        )
        status, said = self.run_script("dev", "mq.test")
        self.assertIn("Nothing to do", said)
        self.assertNotIn("(new)", said)

    def test_what_is_wrong_is_one_line(self) -> None:
        """No traceback."""
        status, said = self.run_script("dev", "not a name")
        self.assertEqual(
            (status, said),
            (1, "make_certs: 'not a name' is neither a DNS name nor an IP address\n"),
        )

    def test_without_arguments_it_says_how_it_is_used(self) -> None:
        """Also for those that ask."""
        for arguments in ((), ("--help",)):
            status, said = self.run_script(*arguments)
            self.assertEqual(status, 2)
            self.assertIn("make_certs.py FOLDER [NAME...]", said)
