"""What systemd is told, over a socket such as systemd's."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Mapping

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mqgate.supervision import Supervision
from tests.test_service import GateTestCase

PROCESS = 7


class Supervisor:
    """The other end of the line."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(address)

    def heard(self) -> list[str]:
        """What it was told since it was asked last."""
        said = []
        while True:
            try:
                said.append(self._socket.recv(1000).decode())
            except BlockingIOError:
                return said

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


class SupervisionTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = tempfile.mkdtemp()  # a socket's path must be short
        self.addCleanup(shutil.rmtree, folder)
        self.address = os.path.join(folder, "notify")
        self.supervisor = Supervisor(self.address)
        self.addCleanup(self.supervisor.close)
        self.clock = Clock()

    def supervision(self, **environment: str) -> Supervision:
        return self.made({"NOTIFY_SOCKET": self.address, **environment})

    def made(self, environment: Mapping[str, str]) -> Supervision:
        return Supervision(environment, PROCESS, self.clock)

    def test_it_is_told_that_the_server_is_ready_and_that_it_stops(self) -> None:
        supervision = self.supervision()
        supervision.ready()
        supervision.stopping()
        self.assertEqual(self.supervisor.heard(), ["READY=1", "STOPPING=1"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_watchdog_gets_three_signs_of_life_in_its_time(self) -> None:
        supervision = self.supervision(WATCHDOG_USEC="30000000", WATCHDOG_PID=str(PROCESS))
        supervision.ready()
        self.supervisor.heard()
        self.clock.pump([10, 10, 10])
        self.assertEqual(self.supervisor.heard(), ["WATCHDOG=1"] * 3)
        supervision.stopping()
        self.clock.advance(60)
        self.assertEqual(self.supervisor.heard(), ["STOPPING=1"])

    def test_a_watchdog_of_another_process_gets_none(self) -> None:
        self.supervision(WATCHDOG_USEC="30000000", WATCHDOG_PID="8").ready()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_an_address_in_the_abstract_is_understood(self) -> None:
        name = f"mqgate-test-{os.getpid()}"
        supervisor = Supervisor(f"\0{name}")
        self.addCleanup(supervisor.close)
        self.made({"NOTIFY_SOCKET": f"@{name}"}).ready()
        self.assertEqual(supervisor.heard(), ["READY=1"])

    def test_nobody_listening_is_no_matter(self) -> None:
        self.made({}).ready()
        self.made({"NOTIFY_SOCKET": self.address + "x", "WATCHDOG_USEC": "x"}).ready()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ServerTests(GateTestCase):
    def test_a_server_is_ready_when_it_serves_and_stopping_when_it_stops(self) -> None:
        name = f"mqgate-gate-{os.getpid()}"
        supervisor = Supervisor(f"\0{name}")
        self.addCleanup(supervisor.close)
        self.environment = {"NOTIFY_SOCKET": f"@{name}"}
        gate = self.gate()
        gate.privilegedStartService()
        self.assertEqual(supervisor.heard(), [])
        gate.startService()
        self.assertEqual(supervisor.heard(), ["READY=1"])
        self.stop(gate)
        self.assertEqual(supervisor.heard(), ["STOPPING=1"])
