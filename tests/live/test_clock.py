"""The wall clock is set by an hour, forward and back, under a running server and between two."""

from __future__ import annotations

import http.client
import time
from email.utils import parsedate_to_datetime

from tests.live.case import LiveTestCase
from tests.live.odd import Oddities

HOUR = 3600
#: How often the clock is set in these tests: back and forth.
SETTINGS = (HOUR, -HOUR, 0)


class ClockTests(LiveTestCase):
    """Who waits, waits as long as he said; what is held, is held as long."""

    def setUp(self) -> None:
        super().setUp()
        self.here = self.started(module="tests.live.odd")
        self.oddities = Oddities(self.here.folder)

    def post(self, body: str, queue: str = "q", **more: object) -> int:
        messages = {"messages": [{"body": body, **more}]}
        answer = self.here.ask_queue("POST", queue, "/messages", messages)
        self.assertEqual(answer.status, 201)
        return int(answer.json["ids"][0])

    def get(self, queue: str = "q", options: str = "") -> list[str]:
        found = self.here.ask_queue("GET", queue, f"/messages?n=100&{options}").json["messages"]
        return [each["body"] for each in found]

    def poll(self, queue: str, seconds: int) -> http.client.HTTPConnection:
        """A long poll that has begun."""
        connection = self.here.connect()
        self.addCleanup(connection.close)
        path = f"/1/projects/{self.here.project()[0]}/queues/{queue}/messages?wait={seconds}"
        self.here.send(connection, "GET", path)
        for _ in range(2):
            self.here.ask("GET", "/healthz")
        return connection

    def test_set_while_it_runs_it_is_not_noticed_but_in_dates(self) -> None:
        posted = [self.post("held", timeout=3600)]
        self.assertEqual(self.get(), ["held"])
        began = time.monotonic()
        empty, late = self.poll("nothing", 4), self.poll("late", 30)
        self.post("late", "late", delay=3)
        for ahead in SETTINGS:
            self.oddities.set_clock(ahead)
            posted.append(self.post("more", "more"))
            self.assertEqual(self.get(), [], "the reservation has ended early")
            self.assert_dated(ahead)
        self.oddities.set_clock(-HOUR)
        (message,) = self.here.receive(late).json["messages"]
        self.assertEqual(message["body"], "late")
        self.assertGreaterEqual(time.monotonic() - began, 3)
        self.assertEqual(self.here.receive(empty).json, {"messages": []})
        self.assertGreaterEqual(time.monotonic() - began, 4)
        self.assertLess(time.monotonic() - began, 20)
        self.assertEqual(posted, sorted(set(posted)))
        self.assertEqual(self.here.ask_queue("GET", "more").json["size"], len(SETTINGS))

    def assert_dated(self, ahead: float) -> None:
        """Answers are dated by the wall clock, within the second or two that it may be behind."""
        deadline = time.monotonic() + 10
        while True:
            date = self.here.ask("GET", "/healthz").headers["date"]
            off = parsedate_to_datetime(date).timestamp() - time.time() - ahead
            if abs(off) < 5:
                return
            self.assertLess(time.monotonic(), deadline, f"{off} seconds off")

    def test_set_across_a_restart_ids_go_on_and_nothing_is_lost(self) -> None:
        posted = [self.post("0")]
        self.post("held", "held", timeout=3600)
        self.assertEqual(self.get("held"), ["held"])
        self.post("late", "late", delay=5)
        self.post("kept", "kept", expires_in=3000)
        for number, ahead in enumerate((-HOUR, -2 * HOUR), 1):
            self.restart(ahead)
            posted.append(self.post(str(number)))
            self.assertEqual(self.get("held"), [], "the reservation has ended early")
        self.assertEqual(self.get("late", "wait=10"), ["late"])
        self.assertEqual(self.get("kept"), ["kept"])
        for number, ahead in enumerate((HOUR + 60, -HOUR), 3):
            self.restart(ahead)
            posted.append(self.post(str(number)))
        # An hour has passed, as far as the server can know.
        self.assertEqual(self.get("held"), ["held"])
        self.assertEqual(self.get("kept"), [])
        self.assertEqual(posted, sorted(set(posted)))
        self.assertEqual(self.get(), ["0", "1", "2", "3", "4"])

    def restart(self, ahead: float) -> None:
        self.here.stop()
        self.oddities.set_clock(ahead)
        self.here.start()
