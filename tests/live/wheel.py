"""The wheel, installed into an empty environment, and started in an empty folder.

Not among the modules that trial finds by itself: ``tox -e wheel`` builds the wheel first, and
names its folder in the environment variable ``MQGATE_WHEELS``.
"""

from __future__ import annotations

import os
import subprocess
import venv
from pathlib import Path

from tests.live.case import LiveTestCase
from tests.live.server import Server


class WheelTests(LiveTestCase):
    def setUp(self) -> None:
        super().setUp()
        [self.wheel] = Path(os.environ["MQGATE_WHEELS"]).glob("*.whl")
        environment = self.folder / "venv"
        venv.create(environment, with_pip=True)
        self.python = environment / "bin" / "python"
        self.run_python("-m", "pip", "install", "--quiet", str(self.wheel))

    def run_python(self, *arguments: str) -> str:
        """Run the environment's interpreter, in a folder where there is nothing to be found."""
        empty = self.folder / "empty"
        empty.mkdir(exist_ok=True)
        environment = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        done = subprocess.run(
            [str(self.python), *arguments],
            cwd=empty,
            env={**environment, "PIP_CONSTRAINT": os.environ["PIP_CONSTRAINT"]},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_twistd_lists_mqgate_and_starts_it(self) -> None:
        twistd = str(self.python.with_name("twistd"))
        self.assertRegex(self.run_python(twistd, "--help"), r"(?m)^ +mqgate +A durable queue")
        server = Server(self.folder / "started", python=str(self.python))
        self.addCleanup(server.kill)
        server.start()
        posted = server.ask_queue("POST", "q", "/messages", {"messages": [{"body": "hello"}]})
        self.assertEqual(posted.status, 201)
        server.stop()

    def test_no_test_and_no_tool_is_in_it(self) -> None:
        files = self.run_python("-m", "zipfile", "-l", str(self.wheel))
        for name in ("tests/", "setup.py", "twisted/plugins/__init__.py", "dropin.cache"):
            self.assertNotIn(name, files)
        self.assertIn("twisted/plugins/mqgate_plugin.py", files)
