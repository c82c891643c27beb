"""The log of several processes in one place."""

from __future__ import annotations

import io

from twisted.logger import (
    LogEvent,
    Logger,
    LogLevel,
    capturedLogs,
    eventAsText,
    formatEvent,
)
from twisted.trial.unittest import SynchronousTestCase

from mqgate.workers.logs import LogLines, LogReader


class LogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.out = io.BytesIO()
        self.log = Logger("mqgate.sample", observer=LogLines(self.out))
        self.events: list[LogEvent] = []
        self.reader = LogReader("worker 1", self.events.append)

    def read(self, size: int = 1 << 16) -> list[LogEvent]:
        written = self.out.getvalue()
        for start in range(0, len(written), size):
            self.reader.received(written[start : start + size])
        return self.events

    def test_an_event_is_told_again_under_the_workers_name(self) -> None:
        self.log.warn("{count} are left in {place}", count=3, place="a\nb")
        (event,) = self.read(7)
        self.assertEqual(formatEvent(event), "3 are left in a\nb")
        self.assertEqual(event["log_level"], LogLevel.warn)
        self.assertIn("[worker 1, mqgate.sample#warn]", eventAsText(event))

    def test_so_is_a_traceback(self) -> None:
        try:
            raise ValueError("a sample")
        except ValueError:
            self.log.failure("This failed")
        (event,) = self.read()
        self.assertIn("ValueError: a sample", eventAsText(event))

    def test_what_is_written_beside_the_log_is_told_as_an_error(self) -> None:
        with capturedLogs() as logs:
            self.reader.received(b"Fatal Python error: \xff\n\npartial")
            self.reader.ended()
        self.assertEqual(
            [formatEvent(event) for event in logs],
            ["worker 1: Fatal Python error: \ufffd", "worker 1: partial"],
        )

    def test_an_event_that_is_cut_short_by_the_workers_end_is_left_out(self) -> None:
        self.log.info("whole")
        self.log.info("cut short")
        self.reader.received(self.out.getvalue()[:-10])
        self.reader.ended()
        self.assertEqual([formatEvent(event) for event in self.events], ["whole"])

    def test_a_line_without_an_end_is_not_kept_for_ever(self) -> None:
        reader = LogReader("worker 1", self.events.append, longest=10)
        with capturedLogs() as logs:
            reader.received(b"x" * 10)
            self.assertEqual(len(logs), 0)
            reader.received(b"x")
        self.assertEqual(len(logs), 1)

    def test_a_parent_that_is_gone_hears_nothing(self) -> None:
        class Broken(io.BytesIO):
            def flush(self) -> None:
                raise BrokenPipeError

        Logger("mqgate.sample", observer=LogLines(Broken())).info("nobody reads this")
