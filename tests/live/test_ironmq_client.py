"""A real client of the hosted IronMQ v1, unchanged, over TLS."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.live.case import LiveTestCase
from tests.live.documents import block
from tests.live.receiver import Receiver
from tests.live.server import Server

#: Names the interpreter of the environment that `tests/live/install_clients.py` made.
VARIABLE = "MQGATE_IRONMQ_PYTHON"


class PythonClientTests(LiveTestCase):
    def run_python(self, server: Server, *arguments: str) -> list[bytes]:
        """Run the interpreter that has the client; the lines that it writes."""
        python = os.environ.get(VARIABLE)
        if python is None:
            raise SkipTest(f"{VARIABLE} is not set: see tests/live/install_clients.py")
        done = subprocess.run(
            [python, *arguments],
            cwd=self.folder,
            env={
                "PATH": os.defpath,
                "HOME": str(self.folder),
                "PYTHONIOENCODING": "utf-8",
                "REQUESTS_CA_BUNDLE": server.authority,
            },
            capture_output=True,
            timeout=60,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout.splitlines()

    def test_every_pull_method_works(self) -> None:
        server = self.started()
        script = str(Path(__file__).with_name("ironmq_0_7.py"))
        lines = self.run_python(
            server, script, "localhost", str(server.tls_port), *server.project()
        )
        self.assertEqual(len(lines), 47)

    def test_every_push_method_works(self) -> None:
        server = self.started()
        receiver = Receiver()
        self.addCleanup(receiver.close)
        script = str(Path(__file__).with_name("ironmq_0_7_push.py"))
        lines = self.run_python(
            server, script, "localhost", str(server.tls_port), *server.project(), receiver.url
        )
        self.assertEqual(len(lines), 16)
        self.assertEqual([push.path for push in receiver.pushes][-1:], ["/503"])

    def test_the_lines_of_the_readme_work(self) -> None:
        server = self.started()
        text = block("README.md", "python-client").replace("8443", str(server.tls_port))
        posted, got = self.run_python(server, "-c", text)
        self.assertIn(b"Messages put on queue.", posted)
        self.assertIn(b"hello", got)
