"""A disk that fills up under a running server, and has room again."""

from __future__ import annotations

import resource
import signal
import time

from mqgate.config.first_run import DATABASE
from tests.live.case import LiveTestCase
from tests.live.server import PATIENCE_SECONDS, Server


def limit_files(server: Server, size: int) -> None:
    """Let the server write no file beyond ``size`` bytes."""
    assert server.process is not None
    hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, hard))


class FullDiskTests(LiveTestCase):
    """What the system refuses to write, the server refuses to promise."""

    def setUp(self) -> None:
        super().setUp()
        self.here = self.started()
        self.log = self.here.data / f"{DATABASE}-wal"

    def post(self, body: str) -> int:
        messages = {"messages": [{"body": body}]}
        return self.here.ask_queue("POST", "q", "/messages", messages).status

    def bodies(self) -> list[str]:
        found = self.here.ask_queue("GET", "q", "/messages/peek?n=100").json
        return [message["body"] for message in found["messages"]]

    def test_requests_get_503_until_there_is_room_again(self) -> None:
        self.assertEqual(self.post("before"), 201)
        limit_files(self.here, self.log.stat().st_size + 80_000)
        statuses = [self.post("x" * 20_000) for _ in range(10)]
        self.assertEqual(statuses[0], 201)
        self.assertEqual(statuses[-1], 503)
        self.assertEqual(self.here.ask("GET", "/readyz").status, 503)
        limit_files(self.here, resource.RLIM_INFINITY)
        self.assertEqual(self.post("after"), 201)
        self.assertEqual(self.here.ask("GET", "/readyz").status, 200)
        bodies = self.bodies()
        self.assertEqual((bodies[0], bodies[-1]), ("before", "after"))
        self.assertEqual(len(bodies), 2 + statuses.count(201))
        self.assertNotIn("Traceback", self.here.output())

    def test_service_resumes_without_being_asked(self) -> None:
        limit_files(self.here, self.log.stat().st_size)
        self.assertEqual(self.post("x"), 503)
        limit_files(self.here, resource.RLIM_INFINITY)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.here.ask("GET", "/readyz").status != 200:
            self.assertLess(time.monotonic(), deadline)
        self.assertIn("can be used again", self.here.output())
        self.assertEqual(self.here.stop(), -signal.SIGTERM)


class LittleSpaceTests(LiveTestCase):
    """Below the minimum, a queue can be drained."""

    def test_posts_are_refused_and_everything_else_goes_on(self) -> None:
        server = self.started()
        server.ask_queue("POST", "q", "/messages", {"messages": [{"body": "a"}] * 2})
        server.stop()
        path = server.data / "mqgate.toml"
        path.write_text(path.read_text().replace('"256 MB"', str(10**18)))
        server.start()
        refused = server.ask_queue("POST", "q", "/messages", {"messages": [{"body": "b"}]})
        self.assertEqual(refused.status, 503)
        self.assertEqual(list(refused.json), ["msg"])
        (one,) = server.ask_queue("GET", "q", "/messages").json["messages"]
        deleted = server.ask_queue("DELETE", "q", f"/messages/{one['id']}")
        self.assertEqual(deleted.status, 200)
        self.assertEqual(server.ask_queue("GET", "q").json["size"], 1)
        self.assertEqual(server.ask_queue("POST", "q", "/clear").status, 201)
