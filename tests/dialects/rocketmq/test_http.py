"""The frame of every reply, and errors of HTTP itself."""

from __future__ import annotations

import re

from twisted.internet.defer import CancelledError
from twisted.web.http_headers import Headers

from mqgate.dialects.rocketmq.errors import refusal_for
from mqgate.engine.errors import InvalidRequest, LimitReached, OperationFailed, StoreUnavailable
from mqgate.web.values import (
    BUSY,
    FAILED,
    HEAD_TOO_LARGE,
    INSECURE,
    MALFORMED,
    TOO_LARGE,
    TOO_SLOW,
    Asked,
    Fault,
)
from tests.dialects.rocketmq.case import PROLOG, XMLNS, Answer, RocketMQCase, message


class FrameTests(RocketMQCase):
    def test_every_reply_has_these_headers_byte_for_byte(self) -> None:
        client = self.client()
        sent = self.signed_request("POST", self.target(), message("x"))
        client.send(sent)
        head, _, body = client.received().partition(b"\r\n\r\n")
        self.assertRegex(
            head,
            rb"\AHTTP/1\.1 201 Created\r\nDate: [^\r]+ GMT\r\n"
            rb"Content-Type: text/xml;charset=utf-8\r\nx-mq-request-id: [0-9A-F]{24}\r\n"
            rb"x-mq-version: 2015-06-06\r\nContent-Length: %d\Z" % len(body),
        )

    def replies(self) -> list[Answer]:
        """One of each kind, all on one connection."""
        client = self.client()

        def ask(method: str, target: str, body: bytes | None = None) -> Answer:
            return client.ask(self.signed_request(method, target, body))

        polled = self.target(consumer="g", numOfMessages=1)
        found = [ask("GET", polled), ask("POST", self.target(), message("x")), ask("GET", polled)]
        handle = found[-1].items[0]["ReceiptHandle"].encode()
        document = b"<ReceiptHandles><ReceiptHandle>%b</ReceiptHandle></ReceiptHandles>" % handle
        acknowledged = self.target(consumer="g")
        found += [ask("DELETE", acknowledged, document) for _ in range(2)]
        found += [ask("PUT", "/topics"), client.ask(b"GET /topics/a/messages HTTP/1.1\r\n\r\n")]
        return found

    def test_errors_and_empty_ones_too(self) -> None:
        replies = self.replies()
        self.assertEqual([each.status for each in replies], [404, 201, 200, 204, 404, 404, 400])
        ids = set()
        for reply in replies:
            self.assertEqual(reply.headers["x-mq-version"], "2015-06-06")
            self.assertRegex(reply.headers["x-mq-request-id"], r"\A[0-9A-F]{24}\Z")
            ids.add(reply.headers["x-mq-request-id"])
            self.assertNotIn("Connection", reply.headers)
            if reply.status != 204:
                self.assertEqual(reply.headers["Content-Type"], "text/xml;charset=utf-8")
                self.check_document(reply.text)
        self.assertEqual(len(ids), len(replies))

    def check_document(self, text: str) -> None:
        """No attribute but the namespace, no prefix, no CDATA, nothing empty."""
        self.assertTrue(text.startswith(PROLOG), text)
        tags = re.findall(r"<[^?/][^>]*>", text)
        self.assertRegex(tags[0], rf'\A<[A-Za-z]+ xmlns="{XMLNS}">\Z')
        for tag in tags[1:]:
            self.assertRegex(tag, r"\A<[A-Za-z0-9]+>\Z")
        self.assertNotRegex(text, r"<(\w+)[^>]*></\1>")

    def test_the_host_is_the_one_the_client_asked(self) -> None:
        answer = self.ask("GET", "/topics/a/messages")
        self.assertEqual(answer.fields["HostId"], "http://mq.example:8080")
        answer = self.client().ask(b"GET /topics/a/messages HTTP/1.1\r\n\r\n")
        self.assertNotEqual(answer.fields["HostId"], "")
        for host in (b"\x01<&>\xff", b"x" * 300):
            sent = b"GET /topics/a/messages HTTP/1.1\r\nHost: %b\r\n\r\n" % host
            self.assertTrue(self.client().ask(sent).fields["HostId"].startswith("http://"))


class WrongDoorTests(RocketMQCase):
    def test_another_path_is_not_found(self) -> None:
        for path in (
            *("/topics", "/topics/", "/topics/a", "/topics/a/", "/topics//messages"),
            *("/topics/a/messages/", "/topics/a/Messages", "/topics/a/messages/b", "/topics?a=b"),
        ):
            for method in ("GET", "POST", "DELETE"):
                answer = self.ask(method, path)
                self.assert_refused(answer, 404, "InvalidRequestURL")

    def test_another_method_is_told_which_there_are(self) -> None:
        for method in ("PUT", "PATCH", "OPTIONS"):
            answer = self.ask(method, self.target())
            self.assert_refused(answer, 405, "InvalidRequestURL")
            self.assertEqual(answer.headers["Allow"], "POST, GET, DELETE")
        answer = self.ask("HEAD", self.target())
        self.assertEqual((answer.status, answer.body), (405, b""))

    def test_a_head_that_is_too_long_is_told_so_in_xml(self) -> None:
        sent = b"GET /topics/a/messages HTTP/1.1\r\nX: %b\r\n\r\n" % (b"x" * 70_000)
        self.assert_refused(self.client().ask(sent), 400, "InvalidRequestURL")

    def test_what_is_no_http_is_told_so_in_xml(self) -> None:
        answer = self.client().ask(b"POST /topics/a/messages HTTP/1.1\r\nno colon\r\n\r\n")
        self.assert_refused(answer, 400, "InvalidRequestURL")


class BodyTests(RocketMQCase):
    def test_chunks_and_expectations_are_taken(self) -> None:
        body = message("in chunks")
        sent = self.signed_request("POST", self.target(), None)
        chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        head = sent[:-2] + b"Transfer-Encoding: chunked\r\n\r\n"
        self.assertEqual(self.client().ask(head + chunked).status, 201)
        client = self.client()
        sent = self.signed_request("POST", self.target(), b"").replace(
            b"Content-Length: 0", b"Content-Length: %d\r\nExpect: 100-continue" % len(body)
        )
        client.send(sent)
        self.assertEqual(client.received(), b"HTTP/1.1 100 Continue\r\n\r\n")
        self.assertEqual(client.ask(body).status, 201)

    def test_others_have_their_turn_while_a_long_one_is_read(self) -> None:
        client = self.client()
        long = message("<" * 2**20)
        client.channel.dataReceived(self.signed_request("POST", self.target(), long))
        answered = []
        for _ in range(2):
            self.clock.callLater(0, lambda: answered.append(client.received() != b""))
        self.settle()
        self.assertEqual(answered, [False, False])
        self.assertIn(b" 201 ", client.received())


class ErrorTests(RocketMQCase):
    def test_each_fault_of_http_has_its_status(self) -> None:
        for kind, status, code in (
            (MALFORMED, 400, "InvalidRequestURL"),
            (TOO_LARGE, 400, "InvalidArgument"),
            (HEAD_TOO_LARGE, 400, "InvalidRequestURL"),
            (INSECURE, 403, "HTTPForbidden"),
            (TOO_SLOW, 408, "InvalidArgument"),
            (BUSY, 503, "InternalServerError"),
            (FAILED, 500, "InternalError"),
        ):
            reply = self.door.refuse(Fault(kind, "the <reason>"))
            headers = {name.decode(): value.decode() for name, value in reply.headers}
            headers["Content-Type"] = reply.content_type.decode()
            self.assert_refused(Answer(reply.status, headers, reply.body), status, code)

    def test_each_failure_of_the_engine_has_its_code(self) -> None:
        asked = Asked(b"GET", b"/topics", b"", Headers(), b"", False, "192.0.2.1")
        for error, status, code in (
            (StoreUnavailable(), 503, "InternalServerError"),
            (LimitReached("full"), 400, "QpsLimitExceeded"),
            (InvalidRequest("no"), 400, "InvalidArgument"),
            (OperationFailed(), 500, "InternalError"),
            (CancelledError(), 503, "InternalServerError"),
        ):
            refused = refusal_for(error, asked)
            self.assertEqual((refused.status, refused.code), (status, code))
            self.assertNotEqual(refused.text, "")

    def test_what_nobody_foresaw_is_logged_without_its_text(self) -> None:
        asked = Asked(b"GET", b"/topics", b"", Headers(), b"", False, "192.0.2.1")
        refused = refusal_for(RuntimeError("s3cret"), asked)
        self.assertEqual((refused.status, refused.code), (500, "InternalError"))
        self.assertNotIn("s3cret", refused.text)
        self.assertEqual(len(self.flushLoggedErrors()), 0)
