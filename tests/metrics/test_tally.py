"""Counting requests and batches."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from mqgate.metrics.tally import Batches, Histogram, Pushes, Requests, Watches
from mqgate.web.values import BUSY, Asked, Fault


def asking(operation: str = "look") -> Asked:
    return Asked(b"GET", b"/", b"", Headers(), b"", True, "", operation)


class HistogramTests(SynchronousTestCase):
    def test_a_value_is_counted_under_the_first_bound_that_is_not_below_it(self) -> None:
        histogram = Histogram((1, 2))
        for value in (0.5, 1, 1.5, 2, 3):
            histogram.add(value)
        self.assertEqual(histogram.counts, [2, 2, 1])
        self.assertEqual(histogram.sum, 8)


class RequestTests(SynchronousTestCase):
    def test_answers_are_counted_by_owner_operation_and_status(self) -> None:
        requests = Requests()
        for status in (200, 200, 404):
            requests.answered(asking(), "a", status, 0, 0.002)
        requests.answered(asking(), "b", 200, 0, 0.002)
        counts = {key: answers.count for key, answers in requests.answers.items()}
        expected = {("a", "look", 200): 2, ("a", "look", 404): 1, ("b", "look", 200): 1}
        self.assertEqual(counts, expected)

    def test_all_answers_to_an_operation_share_a_histogram(self) -> None:
        requests = Requests()
        for status in (200, 404):
            requests.answered(asking(), "a", status, 0, 0.002)
        self.assertEqual(requests.seconds["a", "look"].counts[:3], [0, 2, 0])

    def test_how_long_a_poll_waits_is_not_counted(self) -> None:
        """The client chose it; with the others it would hide how fast they are."""
        requests = Requests()
        asked = asking()
        asked.when_lost(lambda: None)
        requests.answered(asked, "a", 200, 0, 30.0)
        self.assertEqual(requests.answers["a", "look", 200].count, 1)
        self.assertEqual(sum(requests.seconds["a", "look"].counts), 0)

    def test_refusals_are_counted_by_kind(self) -> None:
        requests = Requests()
        for _ in range(2):
            requests.refused(Fault(BUSY, "too much"))
        self.assertEqual(requests.refusals, {BUSY: 2})

    def test_several_watches_are_told_the_same(self) -> None:
        both = [Requests(), Requests()]
        watches = Watches(lambda: 0.0, both)
        watches.answered(asking(), "a", 200, 0, 0.002)
        watches.refused(Fault(BUSY, "too much"))
        for requests in both:
            self.assertEqual(list(requests.answers), [("a", "look", 200)])
            self.assertEqual(requests.refusals, {BUSY: 1})


class BatchTests(SynchronousTestCase):
    def test_a_batch_is_timed_from_the_store_to_its_commit(self) -> None:
        time = iter((10.0, 12.0, 20.0))
        batches = Batches(lambda: next(time))
        batches.batch_began(7)
        batches.batch_ended(True)
        self.assertEqual((batches.committed, batches.failed), (1, 0))
        self.assertEqual((batches.operations.sum, batches.seconds.sum), (7, 2.0))
        batches.batch_began(1)
        batches.batch_ended(False)
        self.assertEqual((batches.committed, batches.failed), (1, 1))
        self.assertEqual(sum(batches.seconds.counts), 1)


class PushTests(SynchronousTestCase):
    def test_tries_are_counted_by_outcome_and_timed(self) -> None:
        pushes = Pushes()
        for _ in range(3):
            pushes.push_began()
        pushes.push_ended("delivered", 0.5)
        pushes.push_ended("failed", 60)
        self.assertEqual(pushes.under_way, 1)
        self.assertEqual(pushes.ended, {"delivered": 1, "failed": 1})
        self.assertEqual((sum(pushes.seconds.counts), pushes.seconds.sum), (2, 60.5))
