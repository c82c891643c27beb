"""The server keeps to its own description, and the description to OpenAPI."""

from __future__ import annotations

import subprocess
import sys

from tests.fuzz.described import need, try_described
from tests.live.case import LiveTestCase


class DescribedTests(LiveTestCase):
    """Against a real server, with tools that know nothing of it but ``/openapi.json``."""

    def test_the_description_is_valid(self) -> None:
        need("openapi_spec_validator")
        served = self.started().ask("GET", "/openapi.json")
        self.assertEqual(served.headers["content-type"], "application/json")
        file = self.folder / "openapi.json"
        file.write_bytes(served.body)
        ran = subprocess.run(
            [sys.executable, "-m", "openapi_spec_validator", str(file)],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)

    def test_its_head_has_no_body(self) -> None:
        server = self.started()
        head = server.ask("HEAD", "/openapi.json")
        self.assertEqual((head.status, head.body), (200, b""))
        length = len(server.ask("GET", "/openapi.json").body)
        self.assertEqual(int(head.headers["content-length"]), length)

    def test_every_answer_is_as_described(self) -> None:
        """Its status, its type and its shape; what is not allowed is refused, what is, is not."""
        need("schemathesis")
        server = self.started()
        try_described(server, self.folder, "--max-examples=40")
        self.assertEqual(server.ask("GET", "/readyz").status, 200)
        server.stop()
        self.assertNotIn("Traceback", server.output() + server.errors())
