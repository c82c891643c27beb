"""SIGTERM: nobody who waits is left without an answer."""

from __future__ import annotations

import http.client
import signal
import time

from tests.live.case import LiveTestCase
from tests.live.server import Answer, Server

POLLS = 20
#: From the signal to the end of the process.
STOP_SECONDS = 5.0


class StopTests(LiveTestCase):
    def polls(self, server: Server, *, tls: bool) -> list[http.client.HTTPConnection]:
        """Connections on each of which a long poll is waiting."""
        project, _ = server.project()
        connections = [server.connect(tls=tls) for _ in range(POLLS)]
        for connection in connections:
            self.addCleanup(connection.close)
            server.send(connection, "GET", "/healthz")
            self.assertEqual(server.receive(connection).status, 200)
        for connection in connections:
            server.send(connection, "GET", f"/1/projects/{project}/queues/q/messages?wait=30")
        # Bytes sent before this are read before this is answered, one after the other.
        for _ in range(2):
            server.ask("GET", "/healthz", tls=tls)
        return connections

    def stop(self, server: Server, connections: list[http.client.HTTPConnection]) -> list[Answer]:
        """Send SIGTERM; the answers of those who waited, the process being gone in time."""
        assert server.process is not None
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        answers = [server.receive(connection) for connection in connections]
        # twistd ends as the signal would have ended it; to service managers that is a success.
        self.assertEqual(server.wait(), -signal.SIGTERM)
        self.assertLess(time.monotonic() - began, STOP_SECONDS)
        return answers

    def check(self, server: Server, answers: list[Answer]) -> None:
        self.assertEqual(
            [(answer.status, answer.json) for answer in answers],
            [(200, {"messages": []})] * len(answers),
        )
        self.assertEqual({answer.headers["connection"] for answer in answers}, {"close"})
        # One whose first look at the queue is just under way is answered, but not counted yet.
        self.assertRegex(server.output(), r"Stopping; polls waiting: \d+")
        self.assertIn("Stopped: everything accepted is on disk", server.output())
        self.assertNotIn("Traceback", server.output())
        self.assertEqual(server.errors(), "")

    def test_polls_over_tcp_are_answered(self) -> None:
        server = self.started()
        self.check(server, self.stop(server, self.polls(server, tls=False)))

    def test_polls_over_tls_are_answered(self) -> None:
        server = self.started()
        self.check(server, self.stop(server, self.polls(server, tls=True)))

    def test_polls_over_both_are_answered(self) -> None:
        server = self.started()
        polls = self.polls(server, tls=False) + self.polls(server, tls=True)
        self.check(server, self.stop(server, polls))

    def test_idle_connections_do_not_hold_it_up(self) -> None:
        server = self.started()
        idle = [server.connect(tls=tls) for tls in (False, True)]
        for connection in idle:
            self.addCleanup(connection.close)
            server.send(connection, "GET", "/healthz")
            server.receive(connection)
        self.assertEqual(self.stop(server, []), [])

    def test_an_interrupt_from_the_keyboard_is_a_stop_as_well(self) -> None:
        server = self.started()
        self.assertEqual(server.stop(signal.SIGINT), -signal.SIGINT)
        self.assertIn("Stopped: everything accepted is on disk", server.output())

    def test_an_impatient_second_signal_changes_nothing(self) -> None:
        server = self.started()
        connections = self.polls(server, tls=True)
        assert server.process is not None
        server.process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + STOP_SECONDS
        while "Stopping" not in server.output():
            self.assertLess(time.monotonic(), deadline)
        for number in (signal.SIGTERM, signal.SIGINT):
            server.process.send_signal(number)
        self.assertEqual(len([server.receive(each) for each in connections]), POLLS)
        server.wait()
        self.assertNotIn("Traceback", server.output())
        self.assertIn("Stopped: everything accepted is on disk", server.output())

    def test_a_stopped_server_can_be_started_again(self) -> None:
        server = self.started()
        self.stop(server, self.polls(server, tls=False))
        server.start()
        self.assertEqual(server.ask("GET", "/readyz").status, 200)
