"""A real client of the hosted IronMQ v1, unchanged, over TLS (spec/ironmq.md, section 7)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.live.case import LiveTestCase

#: Names the interpreter of the environment that `tests/live/install_clients.py` made.
VARIABLE = "MQGATE_IRONMQ_PYTHON"


class PythonClientTests(LiveTestCase):
    def test_every_pull_method_works(self) -> None:
        python = os.environ.get(VARIABLE)
        if python is None:
            raise SkipTest(f"{VARIABLE} is not set: see tests/live/install_clients.py")
        server = self.started()
        project, token = server.project()
        script = str(Path(__file__).with_name("ironmq_0_7.py"))
        done = subprocess.run(
            [python, script, "localhost", str(server.tls_port), project, token],
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
        self.assertEqual(len(done.stdout.splitlines()), 32)
