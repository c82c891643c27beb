"""The units for systemd, looked at by systemd's own eyes (Debian: ``apt install systemd``)."""

from __future__ import annotations

import subprocess
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

UNITS = Path(__file__).parents[2] / "contrib" / "systemd"
#: What a test may assume to be there, in place of what the units start.
HARMLESS = "/bin/true"


class UnitTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        for unit in UNITS.iterdir():
            text = unit.read_text(encoding="utf-8")
            text = text.replace("/opt/mqgate/bin/twistd", HARMLESS)
            (folder / unit.name).write_text(text, encoding="utf-8")
        self.units = [str(path) for path in folder.iterdir()]

    def analyze(self, *words: str) -> str:
        done = subprocess.run(
            ["systemd-analyze", *words], capture_output=True, text=True, check=False
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout + done.stderr

    def test_systemd_finds_nothing_wrong_with_them(self) -> None:
        self.assertEqual(self.analyze("verify", *self.units), "")

    def test_the_service_is_not_exposed_more_than_it_need_be(self) -> None:
        """Systemd counts from 0 to 10; what is left is the network, and the right to ports."""
        [service] = [unit for unit in self.units if unit.endswith(".service")]
        self.analyze("security", "--offline=true", "--threshold=25", service)
