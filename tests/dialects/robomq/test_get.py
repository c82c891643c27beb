"""GET: messages and the two headers that they come with."""

from __future__ import annotations

import json

from mqgate.dialects.robomq.settings import Settings
from tests.dialects.robomq.case import AUTHORIZED, RoboMQCase, request

#: The two headers of the documentation's example, byte for byte but for the UUID.
ENVELOP = (
    '{"deliveryTag":1,"redelivered":false,"exchange":"testEx","routingKey":"testKey",'
    '"messageCount":0}'
)
FIRST_ID = "00000000-0000-4000-8000-000000000001"
PROPERTIES = (
    '{"contentType":"text/plain","headers":{},"deliveryMode":2,'
    f'"correlationId":"{FIRST_ID}","messageId":"{FIRST_ID}"}}'
)
#: All that is carried, in another order than it comes back.
ALL = {
    "appId": "app", "userId": "demo", "type": "t", "timestamp": 1, "messageId": "m",
    "expiration": "60000", "replyTo": "r", "correlationId": "c", "priority": 9, "deliveryMode": 1,
    "headers": {"h": 1}, "contentEncoding": "gzip", "contentType": "a/b",
}  # fmt: skip


class AnswerTests(RoboMQCase):
    def test_the_example_of_the_documentation_byte_for_byte(self) -> None:
        self.published("Hello World", properties={"contentType": "text/plain", "deliveryMode": 2})
        received = self.client().send(request("GET", self.where(), None, AUTHORIZED))
        head, _, body = received.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.assertEqual(lines[0], "HTTP/1.1 200 OK")
        self.assertEqual(
            [line for line in lines[1:] if not line.startswith("Date: ")],
            [
                "Content-Type: text/plain",
                f"X-AMQP-Envelop: {ENVELOP}",
                f"X-AMQP-Properties: {PROPERTIES}",
                "Access-Control-Allow-Origin: *",
                "Access-Control-Expose-Headers: X-AMQP-Envelop, X-AMQP-Properties",
                "Cache-Control: no-store",
                "Content-Length: 11",
            ],
        )
        self.assertEqual(body, b"Hello World")

    def test_an_empty_queue_has_no_body_and_none_of_the_headers(self) -> None:
        """Also one that was just made."""
        for _ in range(2):
            received = self.client().send(request("GET", self.where(), None, AUTHORIZED))
            head, _, body = received.partition(b"\r\n\r\n")
            self.assertTrue(head.startswith(b"HTTP/1.1 204 No Content\r\n"), head)
            self.assertNotIn(b"\r\nX-AMQP-", head)
            self.assertNotIn(b"Content-Type", head)
            self.assertEqual(body, b"")

    def test_the_body_comes_back_unchanged(self) -> None:
        for body in (b"", b"\0\xff\r\n\r\n", bytes(range(256)) * 100, "ü".encode()):
            self.assertEqual(self.ask("POST", self.where(), body).status, 200)
            self.assertEqual(self.ask("GET", self.where()).body, body)

    def test_a_taken_message_is_gone(self) -> None:
        self.published("a")
        self.assertEqual([self.get().status, self.get().status], [200, 204])
        self.pass_time(3600)
        self.assertEqual(self.get().status, 204)

    def test_one_message_a_request_first_in_first_out(self) -> None:
        for body in "abc":
            self.published(body)
        answers = [self.get() for _ in range(3)]
        self.assertEqual([answer.text for answer in answers], ["a", "b", "c"])
        self.assertEqual([answer.envelop["messageCount"] for answer in answers], [2, 1, 0])
        self.assertEqual({answer.envelop["deliveryTag"] for answer in answers}, {1})

    def test_expired_messages_are_not_counted(self) -> None:
        self.published("a")
        self.published("b", properties={"expiration": 1000})
        self.published("c")
        self.pass_time(2)
        self.assertEqual(self.get().envelop["messageCount"], 1)

    def test_the_envelop_has_exchange_and_key_of_the_publish(self) -> None:
        """Whatever URL it is fetched by, and however it got there."""
        self.get("far.*", "far", "testEx")
        self.published("a", "near", properties={"CC": ["far.one"], "BCC": "far.two"})
        for names in (("near",), ("other", "far", "another")):
            found = self.get(*names).envelop
            self.assertEqual((found["exchange"], found["routingKey"]), ("testEx", "near"))

    def test_the_keys_of_the_envelop_have_the_order_of_the_documentation(self) -> None:
        self.published("a")
        self.assertEqual(
            list(self.get().envelop),
            ["deliveryTag", "redelivered", "exchange", "routingKey", "messageCount"],
        )

    def test_the_keys_of_the_properties_have_their_order(self) -> None:
        self.assertEqual(
            list(self.back(ALL)),
            [
                "contentType", "contentEncoding", "headers", "deliveryMode", "priority",
                "correlationId", "replyTo", "expiration", "messageId", "timestamp", "type",
                "userId",
                "appId",
            ],
        )  # fmt: skip

    def test_json_in_headers_is_ascii_without_blanks(self) -> None:
        properties = {"type": "ä 😀\x7f", "headers": {"ü": [1, {"b": None}], "c": "d, e: f"}}
        self.published("a", properties=properties)
        answer = self.get()
        text = answer.headers["X-AMQP-Properties"]
        self.assertIn(r'"headers":{"\u00fc":[1,{"b":null}],"c":"d, e: f"}', text)
        self.assertIn(r'"type":"\u00e4 \ud83d\ude00\u007f"', text)
        self.assertEqual(answer.properties["type"], properties["type"])

    def test_headers_are_always_there(self) -> None:
        self.assertEqual(self.back({})["headers"], {})
        self.assertEqual(self.back({"headers": None})["headers"], {})

    def test_switches_never_come_back(self) -> None:
        given = {"mandatory": True, "immediate": False, "persistent": True, "CC": "a", "BCC": "b"}
        found = self.back(given)
        self.assertEqual(list(found), ["headers", "deliveryMode", "correlationId", "messageId"])
        self.assertEqual(found["headers"], {"CC": ["a"]})

    def test_the_content_type_is_the_property(self) -> None:
        for given, kind in (
            ("text/html", "text/html"),
            ("text/plain; charset=utf-8", "text/plain; charset=utf-8"),
            ("", "application/octet-stream"),
            ("a\r\nX-Evil: b", "application/octet-stream"),
            ("a\tb", "application/octet-stream"),
            ("tëxt/plain", "application/octet-stream"),
            (" text/plain", "application/octet-stream"),
            ("text/plain\x7f", "application/octet-stream"),
        ):
            self.published("a", properties={"contentType": given})
            answer = self.get()
            self.assertEqual(answer.headers["Content-Type"], kind)
            self.assertEqual(answer.properties["contentType"], given)

    def test_without_that_property_it_is_any_bytes(self) -> None:
        self.published("a")
        self.assertEqual(self.get().headers["Content-Type"], "application/octet-stream")

    def test_the_content_encoding_stays_a_property(self) -> None:
        """As a header, it would have clients unpack the body."""
        self.published("a", properties={"contentEncoding": "gzip"})
        answer = self.get()
        self.assertNotIn("Content-Encoding", answer.headers)
        self.assertEqual(answer.properties["contentEncoding"], "gzip")

    def test_answers_are_not_to_be_cached(self) -> None:
        self.published("a")
        for _ in range(2):
            self.assertEqual(self.get().headers["Cache-Control"], "no-store")

    def test_a_message_of_another_dialect_has_no_properties(self) -> None:
        """It looks as if it had come by the default exchange, by which it could have come."""
        self.put("testQ", b"from elsewhere")
        answer = self.get()
        self.assertEqual(answer.text, "from elsewhere")
        self.assertEqual(
            answer.headers["X-AMQP-Envelop"],
            '{"deliveryTag":1,"redelivered":false,"exchange":"","routingKey":"testQ",'
            '"messageCount":0}',
        )
        self.assertEqual(answer.headers["X-AMQP-Properties"], '{"headers":{}}')

    def test_other_dialects_keep_what_they_like_with_their_messages(self) -> None:
        for props in (b"", b"amqp", b"amqp\n", b"amqp\n1\n2\n3", b"\0\n\xff\n\n\n\n", b"{}"):
            self.put("testQ", b"x", props=props)
            self.assertEqual(self.get().headers["X-AMQP-Properties"], '{"headers":{}}')


class IdTests(RoboMQCase):
    """The documentation's example has one UUID as both ids of a message posted with neither."""

    def test_missing_ids_are_filled_in(self) -> None:
        for given, wanted in (
            ({}, {"correlationId": FIRST_ID, "messageId": FIRST_ID}),
            ({"messageId": "m"}, {"correlationId": "m", "messageId": "m"}),
            ({"correlationId": "c"}, {"correlationId": "c", "messageId": FIRST_ID[:-1] + "2"}),
            ({"correlationId": "c", "messageId": ""}, {"correlationId": "c", "messageId": ""}),
            (
                {"messageId": None},
                dict.fromkeys(("correlationId", "messageId"), FIRST_ID[:-1] + "3"),
            ),
        ):
            found = self.back(given)
            self.assertEqual({key: found[key] for key in wanted}, wanted)

    def test_every_message_has_ids_of_its_own(self) -> None:
        """Also if it was posted with the same properties as another one, or all alone."""
        found = [self.back({"type": "t"})["messageId"] for _ in range(3)]
        self.assertEqual(len(set(found)), 3)
        long = {"headers": {"x": "x" * 2000}}
        found += [self.back(long)["messageId"] for _ in range(2)]
        self.assertEqual(len(set(found)), 5)

    def test_every_copy_has_the_same_ids(self) -> None:
        self.get("%23", "other")
        self.published("a")
        self.assertEqual(self.get().properties, self.get("k", "other").properties)


class UnfilledTests(RoboMQCase):
    """With the switch off."""

    settings = Settings(fill_ids=False)

    def test_missing_ids_stay_missing(self) -> None:
        self.assertEqual(self.back({}), {"headers": {}})
        self.assertEqual(self.back({"messageId": "m"}), {"headers": {}, "messageId": "m"})

    def test_without_the_header_there_are_no_properties(self) -> None:
        self.published("a")
        self.assertEqual(self.get().headers["X-AMQP-Properties"], '{"headers":{}}')


class PutBackTests(RoboMQCase):
    def lose(self, *names: str) -> None:
        """Get, and be gone before the answer can be written."""
        client = self.client()
        client.channel.dataReceived(request("GET", self.where(*names), None, AUTHORIZED))
        client.hang_up()

    def test_what_nobody_got_is_put_back_in_its_old_place(self) -> None:
        for body in "abc":
            self.published(body, properties={"type": body})
        self.lose()
        answers = [self.get() for _ in range(3)]
        self.assertEqual([answer.text for answer in answers], ["a", "b", "c"])
        redelivered = [answer.envelop["redelivered"] for answer in answers]
        self.assertEqual(redelivered, [True, False, False])
        self.assertEqual([answer.properties["type"] for answer in answers], ["a", "b", "c"])
        self.assertEqual([each.envelop["messageCount"] for each in answers], [2, 1, 0])

    def test_it_keeps_its_time_to_live(self) -> None:
        self.published("a", properties={"expiration": "1000"})
        self.lose()
        self.pass_time(2)
        self.assertEqual(self.get().status, 204)

    def test_who_loses_nothing_takes_nothing(self) -> None:
        self.lose()
        self.published("a")
        self.assertEqual(json.loads(self.get().headers["X-AMQP-Envelop"])["redelivered"], False)
