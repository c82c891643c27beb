"""A server started as by systemd: its sockets open already, and told when it is ready."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from http.client import HTTPConnection, HTTPSConnection

from tests.live.case import LiveTestCase
from tests.live.server import PATIENCE_SECONDS, environment, heed_interrupts, twistd

#: Puts the sockets where systemd would, and becomes the server.
LAUNCH = (
    "import os, sys\n"
    "for place, number in enumerate(sys.argv[1].split(','), 3): os.dup2(int(number), place)\n"
    "os.environ['LISTEN_PID'] = os.environ['WATCHDOG_PID'] = str(os.getpid())\n"
    "os.execv(sys.argv[2], sys.argv[2:])\n"
)
CONFIGURATION = """
data = "mqgate-data"
listen = [
    { endpoint = "systemd:domain=INET:index=0", tls = true },
    "systemd:domain=INET:index=1",
]
[namespaces.demo.ironmq]
projects = ["p"]
tokens = ["t"]
"""


class ActivationTests(LiveTestCase):
    configuration = CONFIGURATION

    def setUp(self) -> None:
        super().setUp()
        (self.folder / "mqgate.toml").write_text(self.configuration, encoding="utf-8")
        folder = tempfile.mkdtemp()  # a socket's path must be short
        self.addCleanup(shutil.rmtree, folder)
        self.supervisor = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.supervisor.settimeout(PATIENCE_SECONDS)
        self.supervisor.bind(os.path.join(folder, "notify"))
        self.addCleanup(self.supervisor.close)
        self.sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        for each in self.sockets:
            self.addCleanup(each.close)

    def launch(self) -> subprocess.Popen[bytes]:
        # Numbers that are out of the way of 3 and 4, where the launcher puts them.
        high = [fcntl.fcntl(each, fcntl.F_DUPFD, 20) for each in self.sockets]
        command = twistd("-n", "--pidfile=", "mqgate", "--config", "mqgate.toml")
        process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, ",".join(map(str, high)), *command],
            cwd=self.folder,
            env={
                **environment(),
                "LISTEN_FDS": "2",
                "LISTEN_FDNAMES": "mqgate.socket:mqgate.socket",
                "NOTIFY_SOCKET": self.supervisor.getsockname(),
                "WATCHDOG_USEC": "300000",
            },
            stdin=subprocess.DEVNULL,
            stdout=(self.folder / "out").open("ab"),
            stderr=subprocess.STDOUT,
            pass_fds=high,
            preexec_fn=heed_interrupts,
        )
        for number in high:
            os.close(number)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def hears(self, *awaited: str) -> None:
        """Wait until the supervisor is told this; signs of life may come in between."""
        for each in awaited:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while (told := self.supervisor.recv(100).decode()) != each:
                self.assertEqual(told, "WATCHDOG=1")
                self.assertLess(time.monotonic(), deadline)

    def test_it_serves_the_sockets_and_tells_when_it_is_ready_lives_and_stops(self) -> None:
        process = self.launch()
        self.hears("READY=1", "WATCHDOG=1")
        tls, plain = (each.getsockname()[1] for each in self.sockets)
        trust = ssl.create_default_context(
            cafile=str(self.folder / "mqgate-data" / "tls" / "ca.pem")
        )
        for connection in (
            HTTPConnection("127.0.0.1", plain, timeout=PATIENCE_SECONDS),
            HTTPSConnection("localhost", tls, timeout=PATIENCE_SECONDS, context=trust),
        ):
            connection.request("GET", "/readyz")
            self.assertEqual(connection.getresponse().status, 200)
            connection.close()
        process.send_signal(signal.SIGTERM)
        self.hears("STOPPING=1")
        self.assertEqual(process.wait(PATIENCE_SECONDS), -signal.SIGTERM)

    def test_whoever_knocks_before_it_serves_is_answered_then(self) -> None:
        """Sockets outlive the server: a restart turns nobody away."""
        connection = HTTPConnection("127.0.0.1", self.sockets[1].getsockname()[1], timeout=30)
        connection.request("GET", "/readyz")
        self.launch()
        self.assertEqual(connection.getresponse().status, 200)
        connection.close()
