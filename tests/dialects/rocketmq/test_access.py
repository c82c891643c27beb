"""Who may come in, and what is looked at first."""

from __future__ import annotations

from base64 import b64encode
from hashlib import md5

from mqgate.dialects.rocketmq.signature import signature, signed_text
from tests.dialects.rocketmq.case import INSTANCE, RocketMQCase, message, request, signed

DATE = "Sat, 21 Nov 2026 16:00:00 GMT"
EXAMPLES = [
    (
        "POST",
        "/topics/orders/messages?ns=MQ_INST_demo",
        "text/xml;charset=utf-8",
        "hGT2XVvIVM2/DHArTfzSE9A6niM=",
    ),
    (
        "GET",
        "/topics/orders/messages?consumer=GID_a&numOfMessages=3&ns=MQ_INST_demo&tag=A%7C%7CB",
        "",
        "lTyFYbd8wXAUB9H7AAA1tE1Thwo=",
    ),
]


class ExampleTests(RocketMQCase):
    def test_the_worked_examples_have_these_signatures(self) -> None:
        for method, target, kind, expected in EXAMPLES:
            more = [(b"x-mq-version", b"2015-06-06")]
            text = signed_text(
                *(method.encode(), b"", kind.encode(), DATE.encode(), more, target.encode())
            )
            self.assertEqual(signature(b"demo-secret", text).decode(), expected)

    def test_the_worked_examples_are_let_in(self) -> None:
        for (method, target, kind, expected), status in zip(EXAMPLES, (201, 200), strict=True):
            headers = {
                "Authorization": f"MQ demo-id:{expected}",
                "Date": DATE,
                "X-MQ-Version": "2015-06-06",
            }
            if kind:
                headers["Content-Type"] = kind
            body = message("hello", tag="B") if kind else None
            answer = self.client().ask(request(method, target, headers, body))
            self.assertEqual(answer.status, status, answer.text)


class SignatureTests(RocketMQCase):
    def test_the_target_is_signed_as_it_was_sent(self) -> None:
        """Escapes, order and empty parts untouched, an empty query's question mark included."""
        for target in (
            "/topics/orders/messages?numOfMessages=1&consumer=GID%5fa&ns=MQ_INST_demo",
            "/topics/orders/messages?consumer=a&&numOfMessages=1&x=%zz&ns=MQ%5FINST_demo&",
            "/topics/%6frders/messages?consumer=a&numOfMessages=1&tag=a+b",
        ):
            self.assert_refused(self.ask("GET", target), 404, "MessageNotExist")
        self.assertEqual(self.ask("POST", "/topics/o/messages?", message("x")).status, 201)

    def test_another_target_does_not_fit(self) -> None:
        target = self.target(consumer="GID_a", numOfMessages=1)
        sent = self.signed_request("GET", target).replace(b"GID_a", b"GID_b")
        self.assert_refused(self.client().ask(sent), 403, "SignatureDoesNotMatch")

    def test_an_absolute_target_is_signed_without_its_host(self) -> None:
        sent = self.signed_request("POST", self.target(), message("x"))
        sent = sent.replace(b"POST /", b"POST http://mq.example:8080/")
        self.assertEqual(self.client().ask(sent).status, 201)

    def test_all_headers_of_the_service_are_signed_by_name(self) -> None:
        headers = self.headers() | {"X-MQ-Zebra": "z", "x-mq-a": "1", "security-token": "sts"}
        target = self.target()
        sent = self.signed_request("POST", target, message("x"), headers=headers)
        self.assertEqual(self.client().ask(sent).status, 201)
        for old, new in ((b"zebra: z", b"zebra: y"), (b"x-mq-a: 1\r\n", b"")):
            changed = sent.replace(
                old.replace(b"zebra", b"Zebra").replace(b"x-mq-Z", b"X-MQ-Z"),
                new.replace(b"zebra", b"Zebra"),
            )
            self.assertNotEqual(changed, sent)
            self.assert_refused(self.client().ask(changed), 403, "SignatureDoesNotMatch")
        unsigned = sent.replace(b"sts", b"another")
        self.assertEqual(self.client().ask(unsigned).status, 201)

    def test_the_content_type_is_signed_as_sent_and_never_refused(self) -> None:
        for kind in ("text/xml;charset=utf-8", "text/xml;charset=UTF-8", "text/xml", "a/b", ""):
            headers = self.headers() | ({"Content-Type": kind} if kind else {})
            answer = self.ask("POST", self.target(), message("x"), headers=headers)
            self.assertEqual(answer.status, 201)
        headers = self.headers(content_type="text/xml;charset=utf-8")
        answer = self.ask("GET", self.target(consumer="g", numOfMessages=1), headers=headers)
        self.assertEqual(answer.status, 200)

    def test_another_version_or_none_is_taken(self) -> None:
        for version in ({"x-mq-version": "1999-01-01"}, {}):
            headers = {"Date": DATE} | version
            answer = self.ask("POST", self.target(), message("x"), headers=headers)
            self.assertEqual(answer.status, 201)

    def test_a_secret_is_utf_8(self) -> None:
        answer = self.ask(
            "POST", self.target(), message("x"), key="second", secret="schl\u00fcssel"
        )
        self.assertEqual(answer.status, 201)

    def test_a_wrong_secret_or_another_keys_is_refused(self) -> None:
        for secret in ("wrong", "schl\u00fcssel", "other-secret", ""):
            answer = self.ask("POST", self.target(), message("x"), secret=secret)
            self.assert_refused(answer, 403, "SignatureDoesNotMatch")
        self.assertEqual(self.bodies(), [])

    def test_an_unknown_key_is_refused(self) -> None:
        answer = self.ask("POST", self.target(), message("x"), key="nobody")
        self.assert_refused(answer, 403, "InvalidAccessKeyId")


class AuthorizationTests(RocketMQCase):
    def refused(self, headers: dict[str, str], status: int, code: str) -> None:
        answer = self.client().ask(request("POST", self.target(), headers, message("x")))
        self.assert_refused(answer, status, code)

    def test_it_must_be_there(self) -> None:
        self.refused(self.headers(), 400, "MissingAuthorizationHeader")

    def test_it_must_be_well_formed(self) -> None:
        fitting = signed("POST", self.target(), self.headers())
        for value in (
            *("", "MQ", "MQ demo-id", "MQ demo-id:", f"MQ :{fitting}", f"mq demo-id:{fitting}"),
            *(f"MQ  demo-id:{fitting}", f"MQ demo-id: {fitting}", "Basic eDp5", "MQ a b:c"),
        ):
            headers = self.headers() | {"Authorization": value}
            self.refused(headers, 400, "InvalidAuthorizationHeader")

    def test_two_of_them_are_one_too_many(self) -> None:
        sent = self.signed_request("POST", self.target(), message("x"))
        sent = sent.replace(b"Host:", b"authorization: MQ demo-id:x\r\nHost:")
        self.assert_refused(self.client().ask(sent), 400, "InvalidAuthorizationHeader")


class DateTests(RocketMQCase):
    def ask_at(self, date: str | None) -> tuple[int, str]:
        """The answer to a request of that date."""
        headers = {} if date is None else {"Date": date}
        answer = self.ask("POST", self.target(), message("x"), headers=headers)
        return answer.status, "" if answer.status == 201 else answer.code

    def test_a_clock_may_be_off_by_fifteen_minutes(self) -> None:
        for date, expected in (
            ("Sat, 21 Nov 2026 16:15:00 GMT", (201, "")),
            ("Sat, 21 Nov 2026 15:45:00 GMT", (201, "")),
            ("Sat, 21 Nov 2026 16:15:01 GMT", (408, "TimeExpired")),
            ("Sat, 21 Nov 2026 15:44:59 GMT", (408, "TimeExpired")),
            ("Thu, 01 Jan 1970 00:00:00 GMT", (408, "TimeExpired")),
            ("Fri, 31 Dec 9999 23:59:59 GMT", (408, "TimeExpired")),
        ):
            self.assertEqual(self.ask_at(date), expected, date)

    def test_it_must_be_there_and_readable(self) -> None:
        self.assertEqual(self.ask_at(None), (400, "MissingDateHeader"))
        for date in (
            *("now", "1795276800", "2026-11-21T16:00:00Z", "Sat, 21 Nov 2026 16:00:00", "-"),
            *("Sat, 21 Foo 2026 16:00:00 GMT", "Sat, 99 Nov 2026 16:00:00 GMT"),
            *("Sat, 21 Nov 0000 16:00:00 GMT", "Sat, 21 Nov 2026 29:00:00 GMT"),
        ):
            self.assertEqual(self.ask_at(date), (400, "InvalidDateHeader"), date)


class DigestTests(RocketMQCase):
    def ask_with(self, digest: str, body: bytes | None) -> int:
        """The status of a request with that header."""
        headers = self.headers(content_md5=digest)
        if body is None:
            target = self.target(consumer="GID_a", numOfMessages=1)
            return self.ask("GET", target, headers=headers).status
        answer = self.ask("POST", self.target(), body, headers=headers)
        if answer.status != 201:
            self.assert_refused(answer, 400, "InvalidDigest")
        return answer.status

    def test_both_spellings_are_taken(self) -> None:
        """Of the digest's bytes, as the standard has it; of its hex digits, as Node and Go do."""
        body = message("hello")
        digest = md5(body)
        self.assertEqual(self.ask_with(b64encode(digest.digest()).decode(), body), 201)
        self.assertEqual(self.ask_with(b64encode(digest.hexdigest().encode()).decode(), body), 201)
        nothing = b64encode(md5(b"").hexdigest().encode()).decode()
        self.assertEqual(self.ask_with(nothing, None), 200)

    def test_anything_else_is_refused(self) -> None:
        body = message("hello")
        upper = b64encode(md5(body).hexdigest().upper().encode()).decode()
        for digest in (md5(body).hexdigest(), upper, "x", b64encode(md5(b"").digest()).decode()):
            self.assertEqual(self.ask_with(digest, body), 400)
        self.assertEqual(self.bodies(), [])


class InstanceTests(RocketMQCase):
    def test_a_key_opens_the_instances_of_its_namespace(self) -> None:
        for instance in (INSTANCE, ""):
            self.published("x", instance=instance)
        for instance in ("strict", "unknown", "MQ_INST_DEMO"):
            answer = self.publish("x", instance=instance)
            self.assert_refused(answer, 403, "AccessDenied")
        answer = self.ask(
            "POST", self.target(), message("x"), key="other-id", secret="other-secret"
        )
        self.assert_refused(answer, 403, "AccessDenied")

    def test_one_id_with_two_secrets_is_two_keys(self) -> None:
        strict = self.target("declared", "strict")
        for secret, target, status in (
            ("another", strict, 201),
            ("another", self.target(), 403),
            ("schl\u00fcssel", self.target(), 201),
            ("schl\u00fcssel", strict, 403),
        ):
            answer = self.ask("POST", target, message("x"), key="second", secret=secret)
            self.assertEqual(answer.status, status)

    def test_one_name_in_two_instances_is_two_topics(self) -> None:
        self.published("here")
        self.published("there", instance="")
        self.assertEqual(self.bodies(), ["here"])
        self.assertEqual(self.bodies(ns=""), ["there"])

    def test_an_empty_instance_is_the_default_one(self) -> None:
        self.assertEqual(self.ask("POST", "/topics/t/messages?ns=", message("x")).status, 201)
        self.assertEqual(self.bodies(topic="t", ns=""), ["x"])


class OrderTests(RocketMQCase):
    def test_the_first_thing_that_is_wrong_decides(self) -> None:
        """Each step mends one thing more of a request in which everything is wrong."""
        good = self.headers()
        for headers, target, body, status, code in (
            ({}, "/topics/a/b", b"<", 404, "InvalidRequestURL"),
            ({}, "/topics/+/messages?ns=no", b"<", 400, "MissingAuthorizationHeader"),
            ({"Authorization": "x"}, self.target(), b"<", 400, "InvalidAuthorizationHeader"),
            ({"Authorization": "MQ no:x"}, self.target(), b"<", 400, "MissingDateHeader"),
            (
                {"Authorization": "MQ no:x", "Date": "x"},
                self.target(),
                b"<",
                400,
                "InvalidDateHeader",
            ),
            (
                {"Authorization": "MQ no:x", "Date": "Sat, 21 Nov 2026 16:20:00 GMT"},
                *(self.target(), b"<", 408, "TimeExpired"),
            ),
            (good | {"Authorization": "MQ no:x"}, self.target(), b"<", 403, "InvalidAccessKeyId"),
            (
                good | {"Authorization": "MQ demo-id:x"},
                self.target(),
                b"<",
                403,
                "SignatureDoesNotMatch",
            ),
        ):
            sent = headers | {"Content-MD5": "x"}
            answer = self.client().ask(request("POST", target, sent, body))
            self.assert_refused(answer, status, code)
        wrong = self.headers(content_md5="x")
        answer = self.ask("POST", self.target("a.b", "no"), b"<", headers=wrong)
        self.assert_refused(answer, 400, "InvalidDigest")
        self.assert_refused(self.ask("POST", self.target("a.b", "no"), b"<"), 403, "AccessDenied")
        self.assert_refused(self.ask("POST", self.target("a.b"), b"<"), 400, "InvalidArgument")
        self.assert_refused(self.ask("POST", self.target(), b"<"), 400, "MalformedXML")
