"""A database with damaged pages: what can still be read is served, the rest is told."""

from __future__ import annotations

from mqgate.config.first_run import DATABASE
from tests.live.case import LiveTestCase
from tests.live.server import Server

PAGE = 4096


class DamagedTests(LiveTestCase):
    """Pages of one queue's bodies are overwritten while nobody runs."""

    def post(self, server: Server, queue: str, *bodies: str) -> int:
        messages = {"messages": [{"body": body} for body in bodies]}
        return server.ask_queue("POST", queue, "/messages", messages).status

    def damage(self, server: Server, marks: bytes) -> int:
        """Overwrite each page that has nothing but marks; how many there were."""
        path = server.data / DATABASE
        content = bytearray(path.read_bytes())
        found = 0
        for start in range(0, len(content), PAGE):
            if content[start + 8 : start + PAGE].count(marks) * len(marks) >= PAGE - 16:
                content[start : start + PAGE] = b"\xff" * PAGE
                found += 1
        path.write_bytes(content)
        return found

    def test_queues_that_are_whole_are_served_and_the_damage_is_told_once(self) -> None:
        server = self.started()
        self.assertEqual(self.post(server, "torn", "Z" * 60_000), 201)
        self.assertEqual(self.post(server, "whole", "a", "b"), 201)
        server.stop()
        self.assertGreater(self.damage(server, b"Z"), 5)
        server.start()
        for _ in range(3):
            self.assertEqual(server.ask_queue("GET", "torn", "/messages").status, 503)
        found = server.ask_queue("GET", "whole", "/messages?n=9").json["messages"]
        self.assertEqual([each["body"] for each in found], ["a", "b"])
        self.assertEqual(self.post(server, "whole", "c"), 201)
        ready = server.ask("GET", "/readyz")
        self.assertEqual(ready.status, 503)
        self.assertIn(b"is damaged: put a backup in its place", ready.body)
        self.assertEqual(server.ask("GET", "/healthz").status, 200)
        log = server.output()
        self.assertEqual(log.count("is damaged"), 1)
        self.assertNotIn("Traceback", log)
        server.stop()
        self.assertIn("Stopped: everything accepted is on disk", server.output())
