"""The dialect over the real HTTP room: bytes in, bytes out."""

from __future__ import annotations

import re

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocol
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from mqgate.web.front import Front
from mqgate.web.site import GateSite
from tests.dialects.ironmq_case import OTHER_PROJECT, PROJECT, TOKEN, IronMQCase


class Healthy:
    """A server in the best of health."""

    def ready(self) -> str | None:
        """See `mqgate.web.front.Health`."""
        return None


class Client:
    """One connection."""

    def __init__(self, case: IronMQCase, site: GateSite) -> None:
        self._case = case
        channel = site.buildProtocol(IPv4Address("TCP", "192.0.2.1", 1))
        assert channel is not None
        self.channel: IProtocol = channel
        self.transport = StringTransport()
        channel.makeConnection(self.transport)

    def send(self, data: bytes) -> bytes:
        """Send bytes; what comes back at once, without the date."""
        self.channel.dataReceived(data)
        self._case.settle()
        return self.received()

    def received(self) -> bytes:
        """What has come since the last look, without the date."""
        received = self.transport.value()
        self.transport.clear()
        return re.sub(rb"Date: [^\r]+\r\n", b"", received)

    def hang_up(self) -> None:
        """Lose the connection."""
        self.channel.connectionLost(Failure(ConnectionDone()))
        self._case.settle()


def request(method: str, below: str, body: bytes | None = None, *headers: str) -> bytes:
    """A request as a client writes it."""
    lines = [
        f"{method} /1/projects/{PROJECT}/{below} HTTP/1.1",
        "Host: mq-aws-us-east-1.iron.io",
        f"Authorization: OAuth {TOKEN}",
        *headers,
        *([] if body is None else [f"Content-Length: {len(body)}"]),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


ONE = b'{"messages":[{"body":"a"}]}'
NOTHING = b'{"messages":[]}'


class HTTPTests(IronMQCase):
    def setUp(self) -> None:
        super().setUp()
        self.site = GateSite(Front([self.dialect], Healthy()), self.clock)
        self.addCleanup(self.site.drain)

    def client(self) -> Client:
        """A new connection, closed at the end."""
        client = Client(self, self.site)
        self.addCleanup(client.hang_up)
        return client

    def assert_answered(self, received: bytes, status: str, body: bytes, *headers: bytes) -> None:
        """Status, JSON content type, length and body; and these headers."""
        head, _, rest = received.partition(b"\r\n\r\n")
        first, *fields = head.split(b"\r\n")
        self.assertEqual(first, f"HTTP/1.1 {status}".encode())
        self.assertEqual(rest, body)
        self.assertIn(b"Content-Type: application/json", fields)
        self.assertIn(b"Content-Length: %d" % len(body), fields)
        for header in headers:
            self.assertIn(header, fields)

    def test_the_life_of_a_message_on_one_connection(self) -> None:
        """Post, get, delete; kept alive, as Node and Go clients do."""
        client = self.client()
        received = client.send(request("POST", "queues/q/messages", ONE))
        (message,) = re.findall(rb'"(\d{19})"', received)
        self.assert_answered(
            received,
            "201 Created",
            b'{"ids":["%s"],"msg":"Messages put on queue."}' % message,
        )
        self.assert_answered(
            client.send(request("GET", "queues/q/messages?n=1")),
            "200 OK",
            b'{"messages":[{"id":"%s","body":"a","timeout":60,"reserved_count":1,'
            b'"push_status":{}}]}' % message,
        )
        self.assert_answered(
            client.send(request("DELETE", f"queues/q/messages/{message.decode()}", b"")),
            "200 OK",
            b'{"msg":"Deleted"}',
        )
        self.assert_answered(
            client.send(request("DELETE", f"queues/q/messages/{message.decode()}")),
            "404 Not Found",
            b'{"msg":"Message not found"}',
        )

    def test_lower_case_header_names_are_read(self) -> None:
        sent = request("GET", "queues/q/messages").replace(b"Authorization:", b"authorization:")
        self.assert_answered(self.client().send(sent), "200 OK", NOTHING)

    def test_expect_continue_is_answered(self) -> None:
        """PHP's curl asks before it sends a body."""
        client = self.client()
        sent = request("POST", "queues/q/messages", ONE, "Expect: 100-continue")
        head = sent.removesuffix(ONE)
        self.assertEqual(client.send(head), b"HTTP/1.1 100 Continue\r\n\r\n")
        self.assertIn(b"201 Created", client.send(ONE))

    def test_a_body_may_come_in_chunks(self) -> None:
        sent = request("POST", "queues/q/messages", None, "Transfer-Encoding: chunked")
        chunks = b"5\r\n" + ONE[:5] + b"\r\n%x\r\n" % len(ONE[5:]) + ONE[5:] + b"\r\n0\r\n\r\n"
        self.assertIn(b"201 Created", self.client().send(sent + chunks))

    def test_a_connection_is_closed_when_asked_to(self) -> None:
        client = self.client()
        received = client.send(request("GET", "queues/q/messages", None, "Connection: close"))
        self.assert_answered(received, "200 OK", NOTHING)
        self.assertTrue(client.transport.disconnecting)

    def test_a_delete_may_carry_a_body_that_means_nothing(self) -> None:
        """Node and Ruby send ``{}``, Python a Content-Type without a body."""
        client = self.client()
        for body in (b"{}", b""):
            (message,) = self.post("a")
            sent = request(
                "DELETE", f"queues/q/messages/{message}", body, "Content-Type: application/json"
            )
            self.assert_answered(client.send(sent), "200 OK", b'{"msg":"Deleted"}')

    def test_a_form_does_not_reach_the_query(self) -> None:
        """A webhook's form may well have a field called ``oauth``."""
        client = self.client()
        form = "Content-Type: application/x-www-form-urlencoded"
        sent = request("POST", "queues/q/messages/webhook", b"oauth=x&n=5", form)
        self.assertIn(b"201 Created", client.send(sent))
        self.assertEqual(self.bodies(), ["oauth=x&n=5"])

    def test_head_is_not_allowed_and_gets_no_body(self) -> None:
        received = self.client().send(request("HEAD", "queues/q"))
        head, _, body = received.partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 405 "), head)
        self.assertIn(b"\r\nAllow: GET, POST, DELETE", head)
        self.assertEqual(body, b"")

    def test_put_is_not_allowed_in_the_dialects_form(self) -> None:
        """Twisted's own would be 501 and HTML."""
        received = self.client().send(request("PUT", "queues/q", b"{}"))
        self.assert_answered(
            received,
            "405 Method Not Allowed",
            b'{"msg":"Method not allowed"}',
            b"Allow: GET, POST, DELETE",
        )

    def test_a_request_of_256_kilobytes_is_taken_and_one_byte_more_is_not(self) -> None:
        """403, the seed's "resource limits"."""
        envelope = len(ONE) - 1
        for size, expected in ((262_144, b"201 Created"), (262_145, b"403 Forbidden")):
            body = b'{"messages":[{"body":"%s"}]}' % (b"a" * (size - envelope))
            self.assertEqual(len(body), size)
            received = self.client().send(request("POST", "queues/q/messages", body))
            self.assertIn(expected, received)
            self.assertIn(b"Content-Type: application/json", received)
        self.assertEqual(self.size(), 1)

    def test_other_versions_get_json_and_other_paths_do_not(self) -> None:
        get = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"
        self.assert_answered(
            self.client().send(get % b"/3/projects/p/queues"),
            "404 Not Found",
            b'{"msg":"Not found"}',
        )
        self.assertIn(b"text/plain", self.client().send(get % b"/else"))

    def test_what_is_no_http_gets_json_if_its_path_can_be_seen(self) -> None:
        sent = request("GET", "queues", None, "Content-Length: nonsense")
        received = self.client().send(sent)
        self.assertTrue(received.startswith(b"HTTP/1.1 400 "), received)
        self.assertIn(b"Content-Type: application/json", received)
        self.assertIn(b'{"msg":"', received)

    def test_a_refusal_has_the_same_form_as_any_answer(self) -> None:
        sent = request("GET", "queues").replace(PROJECT.encode(), OTHER_PROJECT.encode())
        self.assert_answered(
            self.client().send(sent),
            "401 Unauthorized",
            b'{"msg":"Invalid project/token combination"}',
        )

    def test_who_hangs_up_while_waiting_takes_nothing(self) -> None:
        gone, stays = self.client(), self.client()
        for client in (gone, stays):
            self.assertEqual(client.send(request("GET", "queues/q/messages?wait=30")), b"")
        gone.hang_up()
        self.post("a")
        self.assertIn(b'"reserved_count":1', stays.received())

    def test_who_hangs_up_before_the_answer_leaves_the_message_to_others(self) -> None:
        """The get is under way: what it takes is given back at once, removed or not."""
        for number, query in enumerate(("", "?wait=30", "?delete=true", "?wait=30&delete=true")):
            queue = f"q{number}"
            self.post("a", queue=queue)
            gone = self.client()
            gone.channel.dataReceived(request("GET", f"queues/{queue}/messages{query}"))
            gone.hang_up()
            self.assertEqual(self.bodies(queue=queue), ["a"], query)
