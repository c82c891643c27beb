"""The topics that are read in the benchmark are what it says they are."""

from __future__ import annotations

import asyncio

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.figures import BenchmarkFailed
from benchmarks.plan import Options, cells
from benchmarks.topics import OLD, READS, Job, _read, names
from benchmarks.wire import Answer
from tests.engine.topic_model import matches


class NameTests(SynchronousTestCase):
    def test_what_the_filters_find_is_the_oldest(self) -> None:
        for count in (10, 1000):
            topics = list(names(count))
            self.assertEqual(len(set(topics)), count)
            self.assertIn(READS["exact"][0], topics)
            for read in ("a/+/c", "a/@", "+/nomatch"):
                pattern, there = READS[read][0].replace("@", "#"), READS[read][1]
                found = [topic for topic in topics if matches(pattern, topic)]
                self.assertEqual(bool(found), there)
                if read == "a/+/c":
                    self.assertEqual(found, topics[:OLD])

    def test_every_read_is_measured_with_few_topics_and_with_many(self) -> None:
        found = {(cell.variant, cell.depth) for cell in cells(Options(cases=["topics"]))}
        self.assertEqual(found, {(read, depth) for read in READS for depth in (10, 100_000)})


class Scripted:
    """A connection with one answer for everything."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def ask(self, request: bytes) -> Answer:
        return self._answer


class ReadTests(SynchronousTestCase):
    def read(self, read: str, answer: Answer) -> None:
        job = Job(80, 10, read, 1, 3)
        asyncio.run(_read(Scripted(answer), job))  # type: ignore[arg-type]

    def test_what_is_not_as_expected_fails(self) -> None:
        """A miss is cheap, and so is a refusal."""
        self.read("@", Answer(200, b"xxx"))
        self.read("+/nomatch", Answer(404, b""))
        for read, answer in (
            ("@", Answer(404, b"")),
            ("@", Answer(200, b"xx")),
            ("+/nomatch", Answer(200, b"xxx")),
            ("exact", Answer(503, b"")),
        ):
            with self.assertRaises(BenchmarkFailed):
                self.read(read, answer)
