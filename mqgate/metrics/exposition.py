"""The figures in Prometheus' words."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from mqgate.metrics.queues import UNREAD, Queues
from mqgate.metrics.tally import Batches, Histogram, Pushes, Requests

CONTENT_TYPE = CONTENT_TYPE_LATEST.encode()


@attrs.frozen
class Gauges:
    """What is looked up when it is asked for."""

    polls: Callable[[], int]
    entering: Callable[[], int]
    trouble: Callable[[], bool]


class Exposition(Collector):
    """Everything there is to tell, as text."""

    def __init__(
        self,
        registry: CollectorRegistry,
        requests: Requests,
        batches: Batches,
        pushes: Pushes,
        gauges: Gauges,
    ) -> None:
        self._registry = registry
        self._requests = requests
        self._batches = batches
        self._pushes = pushes
        self._gauges = gauges
        self._queues = UNREAD
        registry.register(self)
        ProcessCollector(registry=registry)

    def text(self, queues: Queues) -> bytes:
        """All figures, with these of the queues."""
        self._queues = queues
        return generate_latest(self._registry)

    def describe(self) -> list[Metric]:
        """Nothing, so that the registry does not collect to find out the names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        yield from self._of_requests()
        yield from self._of_batches()
        yield from self._of_pushes()
        yield from self._of_now()
        yield from self._of_queues()

    def _of_requests(self) -> Iterator[Metric]:
        labels = ["dialect", "operation"]
        counts = CounterMetricFamily(
            "mqgate_requests", "Requests that were answered.", labels=[*labels, "status"]
        )
        for (door, operation, status), answers in self._requests.answers.items():
            counts.add_metric([door, operation, str(status)], answers.count)
        yield counts
        seconds = HistogramMetricFamily(
            "mqgate_request_seconds",
            "From a request read whole to its answer written; without those that waited.",
            labels=labels,
        )
        for pair, histogram in self._requests.seconds.items():
            _add(seconds, list(pair), histogram)
        yield seconds
        refusals = CounterMetricFamily(
            "mqgate_refusals", "Requests turned down before a dialect saw them.", labels=["kind"]
        )
        for kind, count in self._requests.refusals.items():
            refusals.add_metric([kind], count)
        yield refusals

    def _of_batches(self) -> Iterator[Metric]:
        batches = self._batches
        outcomes = CounterMetricFamily(
            "mqgate_batches", "Batches handed to the database, by outcome.", labels=["outcome"]
        )
        outcomes.add_metric(["committed"], batches.committed)
        outcomes.add_metric(["failed"], batches.failed)
        yield outcomes
        operations = HistogramMetricFamily(
            "mqgate_batch_operations", "Operations in a batch.", labels=[]
        )
        _add(operations, [], batches.operations)
        yield operations
        seconds = HistogramMetricFamily(
            "mqgate_commit_seconds", "From handing a batch over to its commit.", labels=[]
        )
        _add(seconds, [], batches.seconds)
        yield seconds

    def _of_pushes(self) -> Iterator[Metric]:
        pushes = self._pushes
        tries = CounterMetricFamily(
            "mqgate_pushes", "Tries to push a message, by outcome.", labels=["outcome"]
        )
        for outcome, count in pushes.ended.items():
            tries.add_metric([outcome], count)
        yield tries
        yield GaugeMetricFamily(
            "mqgate_pushes_under_way", "Tries that are not answered yet.", value=pushes.under_way
        )
        seconds = HistogramMetricFamily(
            "mqgate_push_seconds", "From the begin of a try to its outcome.", labels=[]
        )
        _add(seconds, [], pushes.seconds)
        yield seconds

    def _of_now(self) -> Iterator[Metric]:
        gauges = self._gauges
        for name, text, value in (
            ("polls_waiting", "Requests that wait for a message.", gauges.polls()),
            ("operations_waiting", "Operations that wait to enter a batch.", gauges.entering()),
            ("trouble", "1 if the database cannot be relied on now.", int(gauges.trouble())),
        ):
            yield GaugeMetricFamily(f"mqgate_{name}", text, value=value)

    def _of_queues(self) -> Iterator[Metric]:
        labels = ["world", "queue"]
        sizes = GaugeMetricFamily(
            "mqgate_queue_messages", "Messages in a queue, by state.", labels=[*labels, "state"]
        )
        totals = CounterMetricFamily(
            "mqgate_queue_posted", "Messages ever posted to a queue.", labels=labels
        )
        for world, queue in self._queues.figures:
            for state, count in (
                ("ready", queue.ready),
                ("reserved", queue.reserved),
                ("delayed", queue.delayed),
                ("pushed", queue.pushed),
            ):
                sizes.add_metric([world, queue.name, state], count)
            totals.add_metric([world, queue.name], queue.total)
        yield sizes
        yield totals
        if self._queues.count is not None:
            yield GaugeMetricFamily("mqgate_queues", "Queues.", value=self._queues.count)


def _add(family: HistogramMetricFamily, labels: list[str], histogram: Histogram) -> None:
    """Add a histogram with its counts added up, as Prometheus wants them."""
    total = 0
    buckets = []
    for bound, count in zip([*histogram.bounds, float("inf")], histogram.counts, strict=True):
        total += count
        name = "+Inf" if bound == float("inf") else str(float(bound))
        buckets.append((name, float(total)))
    family.add_metric(labels, buckets, histogram.sum)
