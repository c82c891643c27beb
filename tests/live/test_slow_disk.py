"""A disk whose commits take long: everything waits for them, and nothing else changes."""

from __future__ import annotations

import http.client
import signal
import time

from tests.live.case import LiveTestCase
from tests.live.odd import Oddities
from tests.live.server import Server

CALLERS = 64
NAMESPACE = '[namespaces.demo.ironmq]\nprojects = ["p"]\ntokens = ["t0ken"]\n'


class SlowDiskTests(LiveTestCase):
    """Commits that take five milliseconds, fifty, or far too long."""

    def slow(self, seconds: float, config: str | None = None) -> Server:
        server = self.started(module="tests.live.odd", config=config)
        self.oddities = Oddities(server.folder)
        self.oddities.slow_down(seconds)
        return server

    def callers(self, server: Server) -> list[http.client.HTTPConnection]:
        """Connections that are known to the server."""
        connections = [server.connect() for _ in range(CALLERS)]
        for connection in connections:
            self.addCleanup(connection.close)
            server.send(connection, "GET", "/healthz")
            self.assertEqual(server.receive(connection).status, 200)
        return connections

    def post(self, server: Server, connection: http.client.HTTPConnection) -> None:
        """Send a post, and do not wait for its answer."""
        path = f"/1/projects/{server.project()[0]}/queues/q/messages"
        server.send(connection, "POST", path, {"messages": [{"body": "x"}]})

    def size(self, server: Server) -> int:
        size: int = server.ask_queue("GET", "q").json["size"]
        return size

    def assert_kept(self, server: Server, posts: int) -> None:
        """All that was acknowledged survives a power cut."""
        server.kill()
        self.oddities.slow_down(0)
        server.start()
        self.assertEqual(self.size(server), posts)

    def test_a_post_takes_as_long_as_a_commit_and_no_longer(self) -> None:
        server = self.slow(0)
        (connection, *_) = self.callers(server)
        for commit in (0.005, 0.05):
            self.oddities.slow_down(commit)
            latencies = []
            for _ in range(20):
                began = time.monotonic()
                self.post(server, connection)
                self.assertEqual(server.receive(connection).status, 201)
                latencies.append(time.monotonic() - began)
            # The best of them: what else is to be written, or who else is at work, is no matter.
            self.assertGreaterEqual(min(latencies), commit)
            self.assertLess(min(latencies), 2 * commit + 0.02)
        self.assert_kept(server, 40)

    def test_all_who_wait_share_the_next_commit(self) -> None:
        """One after the other, these posts would take half a minute."""
        server = self.slow(0.05)
        callers = self.callers(server)
        began = time.monotonic()
        for _ in range(10):
            for caller in callers:
                self.post(server, caller)
            for caller in callers:
                self.assertEqual(server.receive(caller).status, 201)
        self.assertLess(time.monotonic() - began, 8)
        self.assert_kept(server, 10 * CALLERS)

    def test_what_is_too_much_is_refused_and_does_not_hang(self) -> None:
        server = self.slow(0.5, f"{NAMESPACE}[limits]\nwaiting_operations = 10\n")
        callers = self.callers(server)
        began = time.monotonic()
        for caller in callers:
            self.post(server, caller)
        statuses = [server.receive(caller).status for caller in callers]
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual(set(statuses), {201, 503})
        self.assertGreater(statuses.count(503), CALLERS / 2)
        # Whoever was refused may try again, and finds room when the disk has caught up.
        self.post(server, callers[-1])
        self.assertEqual(server.receive(callers[-1]).status, 201)
        self.assert_kept(server, statuses.count(201) + 1)

    def test_a_stop_in_the_middle_answers_what_was_accepted(self) -> None:
        server = self.slow(0.2)
        callers = self.callers(server)
        for caller in callers:
            self.post(server, caller)
        # Bytes sent before this are read before this is answered.
        for _ in range(2):
            self.assertEqual(server.ask("GET", "/healthz").status, 200)
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        statuses = [server.receive(caller).status for caller in callers]
        self.assertEqual(statuses, [201] * CALLERS)
        self.assertEqual(server.wait(), -signal.SIGTERM)
        self.assertIn("Stopped: everything accepted is on disk", server.output())
        self.assert_kept(server, CALLERS)
