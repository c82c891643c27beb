"""The vendor's own Python SDK, unchanged over plain HTTP and with one class patched over TLS."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.live.case import LiveTestCase
from tests.live.server import Server

#: Names the interpreter of the environment that `tests/live/install_clients.py` made.
VARIABLE = "MQGATE_ROCKETMQ_PYTHON"
SCRIPT = str(Path(__file__).with_name("mq_http_1_0.py"))
#: The steps of the script.
STEPS = 61


class PythonClientTests(LiveTestCase):
    def begin(self, server: Server, url: str) -> subprocess.Popen[bytes]:
        """Start the script with the interpreter that has the SDK."""
        python = os.environ.get(VARIABLE)
        if python is None:
            raise SkipTest(f"{VARIABLE} is not set: see tests/live/install_clients.py")
        section = server.configuration["namespaces"]["demo"]["rocketmq"]
        (key,) = section["keys"]
        process = subprocess.Popen(
            [python, SCRIPT, url, key["id"], key["secret"], section["instances"][0]],
            cwd=self.folder,
            env={
                "PATH": os.defpath,
                "HOME": str(self.folder),
                "PYTHONIOENCODING": "utf-8",
                "SSL_CERT_FILE": server.authority,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_every_method_works_over_http_and_https(self) -> None:
        """Beside each other, because each waits ten seconds for a check."""
        runs = []
        for name in ("http", "https"):
            server = self.server(folder=name)
            server.start()
            port = server.port if name == "http" else server.tls_port
            runs.append(self.begin(server, f"{name}://localhost:{port}"))
        for run in runs:
            out, err = run.communicate(timeout=120)
            self.assertEqual(run.returncode, 0, err.decode())
            self.assertEqual(len(out.splitlines()), STEPS)
