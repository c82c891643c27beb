"""What the live tests have in common."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.live.server import Server


class LiveTestCase(SynchronousTestCase):
    """Gives each test an empty folder, and ends the servers that it starts."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        os.makedirs(self.folder)

    def server(
        self,
        *,
        folder: str = ".",
        arguments: Sequence[str] = (),
        listen: Sequence[str] | None = None,
        config: str | None = None,
        environment: Mapping[str, str] | None = None,
        twistd: Sequence[str] = (),
        module: str = "",
    ) -> Server:
        """A server that is not started yet; see `Server`."""
        place = self.folder / folder
        place.mkdir(parents=True, exist_ok=True)
        server = Server(
            place,
            arguments=arguments,
            listen=listen,
            config=config,
            environment=environment,
            twistd_options=twistd,
            module=module,
        )
        self.addCleanup(server.kill)
        return server

    def started(self, *, config: str | None = None, module: str = "") -> Server:
        """A server that is ready."""
        server = self.server(config=config, module=module)
        server.start()
        return server
