"""The figures of several processes as one text."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from twisted.trial.unittest import SynchronousTestCase

from mqgate.metrics.merging import merged


def figures(requests: int, polls: int, size: int | None) -> bytes:
    """The text of one process."""
    registry = CollectorRegistry()
    counter = Counter("mqgate_requests", "Requests.", ["path"], registry=registry)
    counter.labels('a "b" {c}\n# HELP x').inc(requests)
    Gauge("mqgate_polls_waiting", "Polls.", registry=registry).set(polls)
    sizes = Gauge("mqgate_queue_messages", "Messages.", ["queue"], registry=registry)
    if size is not None:
        sizes.labels("q").set(size)
    return generate_latest(registry)


class MergingTests(SynchronousTestCase):
    def test_each_sample_has_the_name_of_its_worker(self) -> None:
        text = merged({"0": figures(3, 1, 7), "1": figures(4, 2, None)})
        families = {each.name: each for each in text_string_to_metric_families(text.decode())}
        requests = {
            sample.labels["worker"]: (sample.labels["path"], sample.value)
            for sample in families["mqgate_requests"].samples
            if sample.name == "mqgate_requests_total"
        }
        path = 'a "b" {c}\n# HELP x'
        self.assertEqual(requests, {"0": (path, 3), "1": (path, 4)})
        polls = {
            sample.labels["worker"]: sample.value
            for sample in families["mqgate_polls_waiting"].samples
        }
        self.assertEqual(polls, {"0": 1, "1": 2})

    def test_what_is_the_same_in_all_has_none(self) -> None:
        text = merged({"0": figures(3, 1, 7), "1": figures(4, 2, None)})
        self.assertIn(b'mqgate_queue_messages{queue="q"} 7.0\n', text)

    def test_what_belongs_together_stands_together(self) -> None:
        """As the format has it: each family once, with its help and its type before it."""
        text = merged({"0": figures(3, 1, 7), "1": figures(4, 2, None)})
        self.assertEqual(text.count(b"# HELP mqgate_polls_waiting"), 1)
        self.assertIn(
            b"# TYPE mqgate_polls_waiting gauge\n"
            b'mqgate_polls_waiting{worker="0"} 1.0\nmqgate_polls_waiting{worker="1"} 2.0\n',
            text,
        )

    def test_nobody_tells_nothing(self) -> None:
        self.assertEqual(merged({}), b"")
        self.assertEqual(merged({"0": b""}), b"")
