"""The wheel, installed into an empty environment, started in an empty folder, and asked over TLS.

Not among the modules that trial finds by itself: ``tox -e wheel`` builds the wheel first, and
names its folder in the environment variable ``MQGATE_WHEELS``.
"""

from __future__ import annotations

import os
import subprocess
import sys
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
        self.check_messages(server)
        server.stop()

    def check_messages(self, server: Server) -> None:
        """Post, get and delete one over TLS."""
        messages = {"messages": [{"body": "hello"}]}
        posted = server.ask_queue("POST", "q", "/messages", messages, tls=True)
        self.assertEqual(posted.status, 201)
        [got] = server.ask_queue("GET", "q", "/messages", tls=True).json["messages"]
        self.assertEqual((got["id"], got["body"]), (posted.json["ids"][0], "hello"))
        deleted = server.ask_queue("DELETE", "q", f"/messages/{got['id']}", tls=True)
        self.assertEqual((deleted.status, deleted.json), (200, {"msg": "Deleted"}))
        self.assertEqual(server.ask_queue("GET", "q", tls=True).json["size"], 0)

    def test_no_test_and_no_tool_is_in_it(self) -> None:
        files = self.run_python("-m", "zipfile", "-l", str(self.wheel))
        for name in ("tests/", "setup.py", "twisted/plugins/__init__.py", "dropin.cache"):
            self.assertNotIn(name, files)
        self.assertIn("twisted/plugins/mqgate_plugin.py", files)


class BuildTests(LiveTestCase):
    def test_a_build_takes_nothing_from_an_older_one(self) -> None:
        """Such as a module that is gone since: pip builds a checkout in the checkout itself."""
        built = self.folder / "build" / "lib" / "mqgate"
        built.mkdir(parents=True)
        (built / "gone.py").touch()
        subprocess.run(
            [sys.executable, "setup.py", "--quiet", "build", f"--build-base={built.parents[1]}"],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            timeout=300,
            check=True,
        )
        self.assertTrue((built / "tap.py").exists())
        self.assertFalse((built / "gone.py").exists())
