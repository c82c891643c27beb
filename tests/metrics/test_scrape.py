"""A whole server, asked for its figures as Prometheus asks."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from mqgate.engine.values import NewMessage
from mqgate.listening import Entrance
from mqgate.metrics.figures import READING_SECONDS
from mqgate.storage.interface import Census, Unavailable
from mqgate.storage.sqlite import SQLiteStore
from tests.config.sample import NAMESPACE
from tests.test_service import PLAIN, Client, FullStore, GateTestCase

METRICS = "[metrics]\n"
#: What a server says of itself: sample name and labels, and the value.
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class PausingStore(SQLiteStore):
    """A store whose disk can stop answering."""

    paused = False

    def census(self, worlds: Sequence[int], now: int, limit: int) -> Deferred[Census]:
        return Deferred() if self.paused else super().census(worlds, now, limit)


class UnreadableStore(FullStore):
    """A store that can be neither written nor read."""

    def census(self, worlds: Sequence[int], now: int, limit: int) -> Deferred[Census]:
        return fail(Unavailable("input/output error"))


class ScrapeCase(GateTestCase):
    text = PLAIN + METRICS + NAMESPACE
    store: type[SQLiteStore] = SQLiteStore

    def setUp(self) -> None:
        super().setUp()
        self.start(self.gate(self.text, store=self.store))
        self.engine = self.opened[0].engine
        [self.world] = self.opened[0].grants[0].worlds.values()

    def scrape(self) -> Samples:
        client = Client(self.reactor, 1)
        received = client.ask(b"/metrics")
        self.reactor.pump([0] * 20)
        return self.samples(received + client.answer())

    def samples(self, received: bytes) -> Samples:
        head, _, body = received.partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 200 OK"), head)
        self.assertIn(b"Content-Type: text/plain; version=", head)
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(body.decode())
            for sample in family.samples
        }

    def size(self, samples: Samples, queue: str, state: str = "ready") -> float:
        labels = (("queue", queue), ("state", state), ("world", "sample/hall"))
        return samples["mqgate_queue_messages", labels]

    def post(self, queue: str, count: int = 1, delay: int = 0) -> None:
        messages = [NewMessage(b"x", delay=delay)] * count
        posted = self.engine.post(self.world, queue, messages, policy="sample")
        self.reactor.pump([0] * 5)
        self.successResultOf(posted)


class FiguresTests(ScrapeCase):
    def test_requests_are_shown_by_dialect_operation_and_status(self) -> None:
        for path in (b"/healthz", b"/healthz", b"/nothing"):
            Client(self.reactor).ask(path)
        samples = self.scrape()
        for door, status, count in (("probes", "200", 2.0), ("nowhere", "404", 1.0)):
            labels = (("dialect", door), ("operation", "other"), ("status", status))
            self.assertEqual(samples["mqgate_requests_total", labels], count)
            pair = labels[:2]
            self.assertEqual(samples["mqgate_request_seconds_count", pair], count)

    def test_what_http_turned_down_is_shown(self) -> None:
        Client(self.reactor).ask(b"/ /")
        samples = self.scrape()
        self.assertEqual(samples["mqgate_refusals_total", (("kind", "malformed"),)], 1)

    def test_batches_are_shown_with_their_sizes_and_times(self) -> None:
        before = self.scrape()
        self.post("q")
        after = self.scrape()
        committed = ("mqgate_batches_total", (("outcome", "committed"),))
        self.assertGreater(after[committed], before.get(committed, 0))
        self.assertEqual(after["mqgate_batch_operations_count", ()], after[committed])
        everything = ("mqgate_commit_seconds_bucket", (("le", "+Inf"),))
        self.assertEqual(after[everything], after[committed])

    def test_pushes_are_shown_by_outcome(self) -> None:
        """The engine tells of them."""
        observer = self.gates[0]._monitoring.pushes
        assert observer is not None
        observer.push_began()
        observer.push_began()
        observer.push_ended("delivered", 0.2)
        samples = self.scrape()
        self.assertEqual(samples["mqgate_pushes_total", (("outcome", "delivered"),)], 1)
        self.assertEqual(samples["mqgate_pushes_under_way", ()], 1)
        self.assertEqual(samples["mqgate_push_seconds_count", ()], 1)

    def test_who_waits_for_a_message_is_shown(self) -> None:
        Client(self.reactor).ask(b"/sample/x")
        self.reactor.pump([0] * 5)
        samples = self.scrape()
        self.assertEqual(samples["mqgate_polls_waiting", ()], 1)
        self.assertEqual(samples["mqgate_operations_waiting", ()], 0)
        self.assertEqual(samples["mqgate_trouble", ()], 0)

    def test_queues_are_shown_with_their_sizes(self) -> None:
        self.post("q", 3)
        self.post('odd "name"\n')
        self.engine.reserve(self.world, "q", remove=True)
        self.reactor.pump([0] * 5)
        samples = self.scrape()
        self.assertEqual(self.size(samples, "q"), 2)
        labels = (("queue", "q"), ("world", "sample/hall"))
        self.assertEqual(samples["mqgate_queue_posted_total", labels], 3)
        self.assertEqual(self.size(samples, 'odd "name"\n'), 1)
        self.assertEqual(samples["mqgate_queues", ()], 2)

    def test_messages_are_shown_by_state(self) -> None:
        self.post("q", 4)
        self.post("q", 3, delay=60_000)
        self.engine.reserve(self.world, "q", 2)
        self.reactor.pump([0] * 5)
        samples = self.scrape()
        for state, count in (("ready", 2), ("reserved", 2), ("delayed", 3)):
            self.assertEqual(self.size(samples, "q", state), count, state)

    def test_what_has_come_due_is_ready(self) -> None:
        self.post("q", 3, delay=1000)
        self.reactor.advance(2)
        self.assertEqual(self.size(self.scrape(), "q", "ready"), 3)

    def test_the_process_is_shown(self) -> None:
        self.assertIn(("process_cpu_seconds_total", ()), self.scrape())

    def test_nothing_else_is_served_there(self) -> None:
        for path in (b"/", b"/metrics/", b"/healthz", b"/sample/x"):
            answered = Client(self.reactor, 1).ask(path)
            self.assertTrue(answered.startswith(b"HTTP/1.1 404 "), path)

    def test_metrics_are_not_served_to_clients(self) -> None:
        self.assertIn(b" 404 ", Client(self.reactor).ask(b"/metrics"))

    def test_metrics_can_only_be_read(self) -> None:
        client = Client(self.reactor, 1)
        client.protocol.dataReceived(b"DELETE /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
        answered = client.answer()
        self.assertIn(b" 405 ", answered)
        self.assertIn(b"Allow: GET, HEAD\r\n", answered)

    def test_what_http_turns_down_there_is_plain_text(self) -> None:
        client = Client(self.reactor, 1)
        client.protocol.dataReceived(b"nonsense\r\n\r\n")
        self.assertIn(b" 400 ", client.answer())

    def test_a_body_is_not_taken_there(self) -> None:
        client = Client(self.reactor, 1)
        client.protocol.dataReceived(b"GET /metrics HTTP/1.1\r\nContent-Length: 1\r\n\r\nx")
        self.assertIn(b" 413 ", client.answer())

    def test_its_room_has_a_name(self) -> None:
        entrance = self.reactor.tcpServers[1][1]
        assert isinstance(entrance, Entrance) and entrance.site is not None
        self.assertEqual(entrance.site.front.owner(b"/metrics"), "metrics")

    def test_the_operator_is_not_told_of_it_as_a_place_for_clients(self) -> None:
        [said] = self.terminal.said
        self.assertNotIn("9309", said)


class BoundedTests(ScrapeCase):
    text = PLAIN + "[metrics]\nqueues = 2\n" + NAMESPACE

    def test_the_fullest_queues_are_shown_where_there_are_too_many(self) -> None:
        for name, count in (("a", 1), ("b", 3), ("c", 2), ("d", 1)):
            self.post(name, count)
        samples = self.scrape()
        shown = {dict(labels)["queue"] for name, labels in samples if name.endswith("_messages")}
        self.assertEqual(shown, {"b", "c"})
        self.assertEqual(samples["mqgate_queues", ()], 4)


class TroubledTests(ScrapeCase):
    store = UnreadableStore

    def test_a_database_in_trouble_keeps_nobody_from_the_other_figures(self) -> None:
        self.scrape()
        samples = self.scrape()
        self.assertEqual(samples["mqgate_trouble", ()], 1)
        self.assertNotIn(("mqgate_queues", ()), samples)
        self.assertGreater(samples["mqgate_batches_total", (("outcome", "failed"),)], 0)


class SlowTests(ScrapeCase):
    store = PausingStore

    def test_a_database_that_does_not_answer_is_not_waited_for(self) -> None:
        self.patch(PausingStore, "paused", True)
        client = Client(self.reactor, 1)
        self.assertEqual(client.ask(b"/metrics"), b"")
        self.reactor.advance(READING_SECONDS)
        self.assertNotIn(("mqgate_queues", ()), self.samples(client.answer()))


class OffTests(GateTestCase):
    def test_without_its_table_there_is_no_listener_and_no_watch(self) -> None:
        self.start(self.gate())
        self.assertEqual(len(self.reactor.tcpServers), 1)


class LoggedTests(GateTestCase):
    def test_answers_are_in_the_access_log_when_the_server_has_stopped(self) -> None:
        table = '[access_log]\nfile = "log.json"\n'
        gate = self.start(self.gate(PLAIN + table + NAMESPACE))
        client = Client(self.reactor)
        client.ask(b"/healthz?oauth=s3cret")
        client.protocol.connectionLost(Failure(ConnectionDone()))
        self.successResultOf(self.stop(gate))
        [line] = Path(self.folder, "log.json").read_bytes().splitlines()
        entry = json.loads(line)
        self.assertEqual((entry["path"], entry["dialect"]), ("/healthz", "probes"))
        self.assertNotIn(b"s3cret", line)

    def test_a_log_that_cannot_be_written_keeps_the_server_from_starting(self) -> None:
        gate = self.gate(PLAIN + '[access_log]\nfile = "no/such/log"\n' + NAMESPACE)
        self.assertRaises(SystemExit, self.start, gate)
        [line] = self.terminal.complaints
        self.assertIn(os.path.join("no", "such", "log"), line)
