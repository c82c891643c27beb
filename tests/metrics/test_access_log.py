"""The access log: its lines, when they are written, and where."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from mqgate.metrics.access_log import FLUSH_SECONDS, FORMATS, LINES_KEPT, AccessLog
from mqgate.web.values import MALFORMED, Asked, Fault

#: 2026-03-01 12:00:00 UTC.
NOW = 1_772_366_400


def asking(path: bytes = b"/1/a", peer: str = "192.0.2.7:5000") -> Asked:
    """A request with a secret in every place that a log has no business with."""
    headers = Headers({b"Authorization": [b"OAuth s3cret"]})
    return Asked(b"GET", path, b"oauth=s3cret", headers, b"s3cret", True, peer, "get_messages")


class AccessLogCase(SynchronousTestCase):
    form = "json"

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(NOW)
        self.path = Path(self.mktemp())
        self.log = AccessLog(str(self.path), FORMATS[self.form], self.clock, self.clock.seconds)
        self.log.open()
        self.addCleanup(self.close)

    def close(self) -> None:
        self.log.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def answer(self, path: bytes = b"/1/a", peer: str = "192.0.2.7:5000") -> None:
        self.log.answered(asking(path, peer), "ironmq", 200, 12, 0.0123456789)

    def line(self, path: bytes = b"/1/a", peer: str = "192.0.2.7:5000") -> bytes:
        """The line of one answer."""
        self.answer(path, peer)
        self.clock.advance(FLUSH_SECONDS)
        return self.path.read_bytes()


class JSONTests(AccessLogCase):
    def test_a_line_says_who_asked_what_and_what_came_of_it(self) -> None:
        line = self.line()
        self.assertTrue(line.endswith(b"}\n"))
        self.assertEqual(
            json.loads(line),
            {
                "time": "2026-03-01T12:00:00Z",
                "peer": "192.0.2.7:5000",
                "method": "GET",
                "path": "/1/a",
                "dialect": "ironmq",
                "operation": "get_messages",
                "status": 200,
                "size": 12,
                "seconds": 0.012346,
            },
        )

    def test_no_query_header_or_body_is_in_it(self) -> None:
        self.assertNotIn(b"s3cret", self.line())

    def test_any_byte_of_a_path_stays_on_its_line(self) -> None:
        line = self.line(b'/\xff"\x01\\')
        self.assertEqual(json.loads(line)["path"], '/\xff"\x01\\')
        self.assertEqual(line.count(b"\n"), 1)


class CommonTests(AccessLogCase):
    form = "common"

    def test_a_line_is_as_every_reader_of_logs_knows_it(self) -> None:
        self.assertEqual(
            self.line(),
            b'192.0.2.7 - - [01/Mar/2026:12:00:00 +0000] "GET /1/a HTTP/1.1" 200 12\n',
        )

    def test_what_could_end_a_field_is_escaped(self) -> None:
        self.assertIn(b'"GET /\\xff\\x22\\x01\\x5c HTTP/1.1"', self.line(b'/\xff"\x01\\'))

    def test_an_address_is_shown_without_its_port(self) -> None:
        self.assertTrue(self.line(peer="[2001:db8::1]:5000").startswith(b"2001:db8::1 - - "))

    def test_who_has_no_address_is_a_dash(self) -> None:
        self.assertTrue(self.line(peer="UNIXAddress(None)").startswith(b"- - - "))


class WritingTests(AccessLogCase):
    def lines(self, path: Path | None = None) -> int:
        return (path or self.path).read_bytes().count(b"\n")

    def test_lines_are_written_together_once_a_second(self) -> None:
        """And nothing is scheduled while nobody asks."""
        self.answer()
        self.answer()
        self.assertEqual(self.lines(), 0)
        self.clock.advance(FLUSH_SECONDS)
        self.assertEqual(self.lines(), 2)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_time_is_that_of_the_answer(self) -> None:
        self.answer()
        self.clock.advance(FLUSH_SECONDS)
        self.answer()
        self.clock.advance(FLUSH_SECONDS)
        times = [json.loads(line)["time"] for line in self.path.read_bytes().splitlines()]
        self.assertEqual(times, ["2026-03-01T12:00:00Z", "2026-03-01T12:00:01Z"])

    def test_many_lines_are_written_before_that(self) -> None:
        for _ in range(LINES_KEPT):
            self.answer()
        self.assertEqual(self.lines(), LINES_KEPT)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_end_writes_what_is_left(self) -> None:
        self.answer()
        self.log.close()
        self.assertEqual(self.lines(), 1)

    def test_an_end_with_nothing_left_makes_no_file(self) -> None:
        self.path.unlink()
        self.log.close()
        self.assertFalse(self.path.exists())

    def test_a_file_that_is_there_is_added_to(self) -> None:
        self.answer()
        self.log.close()
        self.log = AccessLog(str(self.path), FORMATS["json"], self.clock, self.clock.seconds)
        self.log.open()
        self.answer()
        self.clock.advance(FLUSH_SECONDS)
        self.assertEqual(self.lines(), 2)

    def test_a_file_that_was_moved_is_begun_anew(self) -> None:
        """As logrotate does it; no signal is needed."""
        moved = self.path.with_suffix(".1")
        self.line()
        self.path.rename(moved)
        self.line()
        self.assertEqual((self.lines(moved), self.lines()), (1, 1))

    def test_a_file_that_another_was_put_in_place_of_is_left_alone(self) -> None:
        moved = self.path.with_suffix(".1")
        self.path.rename(moved)
        self.path.touch()
        self.line()
        self.assertEqual((self.lines(moved), self.lines()), (0, 1))

    def test_others_cannot_read_it(self) -> None:
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode) & 0o007, 0)

    def test_what_was_turned_down_has_no_line(self) -> None:
        self.log.refused(Fault(MALFORMED, "no HTTP"))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_file_that_cannot_be_written_is_said_once_and_tried_again(self) -> None:
        self.path.unlink()
        os.mkdir(self.path)
        with capturedLogs() as events:
            for _ in range(2):
                self.answer()
                self.clock.advance(FLUSH_SECONDS)
        self.assertEqual(len(events), 1)
        os.rmdir(self.path)
        self.assertEqual(self.line().count(b"\n"), 1)
