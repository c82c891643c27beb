"""A server whose configuration says what its worlds may hold."""

from __future__ import annotations

from tests.live.case import LiveTestCase
from tests.live.server import Server

NAMESPACE = '[namespaces.demo.ironmq]\nprojects = ["p"]\ntokens = ["t0ken"]\n'
LIMITS = NAMESPACE + "[namespaces.demo.limits]\nqueues = 2\nmessages = 10\nbytes = 1000\n"
RING = (
    '[[namespaces.demo.queues]]\nmatch = "log-*"\nmax_length = 3\noverflow = "drop-head"\n'
    '[[namespaces.demo.queues]]\nmatch = "brief"\nmax_age_seconds = 1\n'
)


class LimitsTests(LiveTestCase):
    """From one run to the next, in the same folder."""

    def post(self, server: Server, *bodies: str, queue: str = "q") -> tuple[int, str]:
        messages = {"messages": [{"body": body} for body in bodies]}
        answer = server.ask_queue("POST", queue, "/messages", messages)
        return answer.status, answer.json["msg"]

    def configured(self, server: Server, text: str) -> None:
        server.stop()
        (server.folder / "mqgate.toml").write_text(text)
        server.start()

    def test_limits_come_and_go_with_the_configuration(self) -> None:
        server = self.started(config=NAMESPACE)
        self.assertEqual(self.post(server, *["x" * 300] * 3)[0], 201)
        self.configured(server, LIMITS)
        # What was there before counts; what does not fit is refused whole, and makes no queue.
        refused = (403, "the limit of 1000 bytes is reached")
        self.assertEqual(self.post(server, "x" * 101, queue="r"), refused)
        self.assertEqual(self.post(server, "x" * 100)[0], 201)
        self.assertEqual(server.ask_queue("POST", "q", "/clear").status, 201)
        self.assertEqual(self.post(server, *"abcdefghij", queue="r")[0], 201)
        refused = (403, "the limit of 10 messages is reached")
        self.assertEqual(self.post(server, "k", queue="r"), refused)
        (one,) = server.ask_queue("GET", "r", "/messages").json["messages"]
        server.ask_queue("DELETE", "r", f"/messages/{one['id']}")
        refused = (403, "the limit of 2 queues is reached")
        self.assertEqual(self.post(server, "k", queue="s"), refused)
        self.assertEqual(self.post(server, "k", queue="q")[0], 201)
        self.configured(server, NAMESPACE)
        self.assertEqual(self.post(server, *["x" * 1000] * 20, queue="s")[0], 201)

    def test_queues_nobody_reads_stay_short(self) -> None:
        server = self.started(config=NAMESPACE + RING)
        for body in "abcde":
            self.assertEqual(self.post(server, body, queue="log-1")[0], 201)
        found = server.ask_queue("GET", "log-1", "/messages/peek?n=100").json["messages"]
        self.assertEqual([each["body"] for each in found], ["c", "d", "e"])
        self.assertEqual(server.ask_queue("GET", "log-1").json["size"], 3)
        self.post(server, "a", queue="brief")
        connection = server.connect()
        self.addCleanup(connection.close)
        size = 1
        while size:  # until it has expired
            size = server.ask_queue("GET", "brief").json["size"]
