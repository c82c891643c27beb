"""POST: every property, what it becomes, and what is refused."""

from __future__ import annotations

from tests.dialects.robomq.case import AUTHORIZED, TOKEN, PublishCase, basic

#: Properties that are carried as the strings they are.
STRINGS = (
    "contentType", "contentEncoding", "correlationId", "replyTo", "messageId", "type", "appId",
)  # fmt: skip


class BodyTests(PublishCase):
    def test_a_post_is_answered_with_ok(self) -> None:
        answer = self.post("a")
        self.assertEqual((answer.status, answer.text), (200, "OK"))
        self.assertEqual(answer.headers["Content-Type"], "text/plain")
        for name in ("X-AMQP-Envelop", "X-AMQP-Properties"):
            self.assertNotIn(name, answer.headers)

    def test_the_body_is_taken_raw_whatever_its_type(self) -> None:
        """Curl's -d calls everything a form."""
        for kind in ("application/x-www-form-urlencoded", "multipart/form-data", "nonsense", ""):
            answer = self.ask("POST", self.where(), b"a=1&b=%20\xff", f"Content-Type: {kind}")
            self.assertEqual(answer.status, 200)
            got = self.get()
            self.assertEqual(got.body, b"a=1&b=%20\xff")
            self.assertNotIn("contentType", got.properties)

    def test_the_body_may_be_empty(self) -> None:
        self.assertEqual(self.ask("POST", self.where(), None).status, 200)
        self.assertEqual(self.ask("POST", self.where(), b"").status, 200)
        self.assertEqual(self.bodies(), ["", ""])

    def test_a_body_in_chunks_is_put_together(self) -> None:
        chunks = b"5\r\nHello\r\n6\r\n World\r\n0\r\n\r\n"
        head = f"POST {self.where()} HTTP/1.1\r\n{AUTHORIZED}\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.assertEqual(self.client().ask(head.encode() + chunks).status, 200)
        self.assertEqual(self.bodies(), ["Hello World"])


class HeaderTests(PublishCase):
    def test_the_header_is_optional(self) -> None:
        self.published("a")
        self.assertEqual(self.bodies(), ["a"])

    def test_its_name_has_no_case(self) -> None:
        self.ask("POST", self.where(), b"a", 'x-amqp-PROPERTIES: {"type":"t"}')
        self.assertEqual(self.get().properties["type"], "t")

    def test_what_is_no_json_object_is_refused(self) -> None:
        for text in ("[]", '"a"', "1", "null", "true"):
            self.refuse(text, "X-AMQP-Properties is not a JSON object")
        for text in ("{", "", "{'a': 1}", "{a: 1}", "{}{}", '{"a":1,}', '{"a":NaN}', "Infinity"):
            self.refuse(text)

    def test_bytes_that_are_no_utf_8_are_refused(self) -> None:
        header = b'X-AMQP-Properties: {"type":"\xff"}'
        text = "406 PRECONDITION_FAILED - X-AMQP-Properties is not UTF-8"
        self.assert_refused(self.ask("POST", self.where(), b"a", header), 400, text)

    def test_utf_8_is_taken(self) -> None:
        self.ask("POST", self.where(), b"a", 'X-AMQP-Properties: {"type":"ä"}'.encode())
        self.assertEqual(self.get().properties["type"], "ä")

    def test_the_header_given_twice_is_refused(self) -> None:
        twice = ("X-AMQP-Properties: {}", "X-AMQP-Properties: {}")
        self.assert_refused(self.ask("POST", self.where(), b"a", *twice), 400)

    def test_unknown_keys_are_ignored(self) -> None:
        found = self.back({"nothing": 1, "content_type": "x", "ContentType": 2, "clusterId": []})
        self.assertEqual(list(found), ["headers", "correlationId", "messageId"])

    def test_of_a_key_given_twice_the_last_one_counts(self) -> None:
        """As in JavaScript."""
        self.assertEqual(self.back('{"type":1,"type":"b"}')["type"], "b")

    def test_null_is_as_if_not_given(self) -> None:
        names = [
            *STRINGS, "headers", "deliveryMode", "persistent", "expiration", "timestamp",
            "priority",
            "userId", "CC", "BCC", "mandatory", "immediate",
        ]  # fmt: skip
        self.published("a")
        without = self.get().properties
        found = self.back(dict.fromkeys(names))
        self.assertEqual(list(found), list(without))
        self.assertEqual(found["headers"], {})


class StringTests(PublishCase):
    def test_strings_are_carried(self) -> None:
        for name in STRINGS:
            for value in ("text/plain", "", "ä", "a" * 255, "ä" * 127):
                self.assertEqual(self.back({name: value})[name], value)

    def test_strings_of_more_than_255_bytes_are_refused(self) -> None:
        for name in STRINGS:
            for value in ("a" * 256, "ä" * 128):
                self.refuse({name: value}, f"{name} is longer than 255 bytes")

    def test_what_is_no_string_is_refused(self) -> None:
        for name in STRINGS:
            for value, shown in (
                (1, "1"), (1.5, "1.5"), (True, "true"), (False, "false"), ({}, "an object"),
                (["a"], "an array"),
            ):  # fmt: skip
                self.refuse({name: value}, f"{name} is {shown}: use a string")


class DeliveryModeTests(PublishCase):
    def test_one_and_what_is_false_is_not_persistent(self) -> None:
        for value in (1, 1.0, 0, False, -0.0):
            self.assertEqual(self.back({"deliveryMode": value})["deliveryMode"], 1, value)

    def test_two_and_what_is_true_is_persistent(self) -> None:
        for value in (2, 3, True, -1, 0.5, 2.0, 1.5):
            self.assertEqual(self.back({"deliveryMode": value})["deliveryMode"], 2, value)

    def test_it_is_left_out_if_it_was_not_given(self) -> None:
        self.assertNotIn("deliveryMode", self.back({}))

    def test_a_string_is_refused(self) -> None:
        value: object
        for value in ("2", "persistent", [], {}):
            self.refuse({"deliveryMode": value})
            self.refuse({"deliveryMode": value, "persistent": True})

    def test_persistent_says_it_too_and_overrides_it(self) -> None:
        for persistent, mode in (
            (True, 2), (False, 1), (1, 2), (0, 1), ("yes", 2), ("", 1), ([], 2), ({}, 2)
        ):  # fmt: skip
            for given in ({}, {"deliveryMode": 1}, {"deliveryMode": 2}):
                found = self.back({"persistent": persistent, **given})
                self.assertEqual(found["deliveryMode"], mode)
                self.assertNotIn("persistent", found)
        self.assertEqual(self.back({"persistent": None, "deliveryMode": 2})["deliveryMode"], 2)


class ExpirationTests(PublishCase):
    def test_strings_and_numbers_come_back_as_strings(self) -> None:
        for given, text in (
            ('"60000"', "60000"), ("60000", "60000"), ("300.0", "300"), ("1e3", "1000"),
            ("6.5e4", "65000"), ('"+300"', "+300"), ('"007"', "007"), ("1e20", "1" + "0" * 20),
            ("99999999999999999999", "99999999999999999999"),
        ):  # fmt: skip
            self.assertEqual(self.back(f'{{"expiration":{given}}}')["expiration"], text)

    def test_what_is_no_whole_number_is_refused(self) -> None:
        for given in (
            '"abc"', '"-1"', "-1", "1.5", '"1.5"', '""', '" 1"', '"1 "', "true", "false", "{}",
            "[]",
            '"1e3"', "1e21", '"٣"', '"0x10"', '"1_000"', '"+"', "1e300", '"' + "1" * 256 + '"',
        ):  # fmt: skip
            self.refuse(f'{{"expiration":{given}}}')
        self.refuse(
            {"expiration": "abc"},
            "invalid expiration 'abc': use a whole number of milliseconds, 0 or more",
        )

    def test_a_message_that_lay_longer_is_dead(self) -> None:
        self.published("a", properties={"expiration": 5000})
        self.pass_time(5.001)
        self.assertEqual(self.get().status, 204)

    def test_a_message_that_did_not_is_not(self) -> None:
        self.published("a", properties={"expiration": 5000})
        self.pass_time(4.999)
        self.assertEqual(self.bodies(), ["a"])

    def test_zero_is_dead_at_once(self) -> None:
        for zero in (0, "0", -0.0, "+0"):
            self.published("a", properties={"expiration": zero})
            self.assertEqual(self.get().status, 204, zero)

    def test_a_number_without_end_is_never(self) -> None:
        for forever in ("9" * 255, 2**63, 2**62):
            self.published("a", properties={"expiration": forever})
            self.pass_time(86_400 * 365)
            self.assertEqual(self.bodies(), ["a"])

    def test_every_queue_s_copy_has_its_time(self) -> None:
        self.get("%23", "other")
        self.published("a", properties={"expiration": 5000})
        self.assertEqual(self.bodies(), ["a"])
        self.pass_time(6)
        self.assertEqual(self.bodies("%23", "other"), [])

    def test_expiry_does_not_change_the_order(self) -> None:
        for body, expiration in (("a", 9000), ("b", 1000), ("c", 5000), ("d", None)):
            self.published(body, properties={"expiration": expiration})
        self.pass_time(2)
        self.assertEqual(self.bodies(), ["a", "c", "d"])

    def test_without_it_a_message_lives_on(self) -> None:
        self.published("a")
        self.pass_time(86_400 * 365)
        self.assertEqual(self.bodies(), ["a"])


class NumberTests(PublishCase):
    def test_a_timestamp_is_a_whole_number(self) -> None:
        for given, number in (
            ("0", 0), ("1700000000", 1_700_000_000), ("1700000000123", 1_700_000_000_123),
            ("1.0", 1), ("1e3", 1000), (str(2**64 - 1), 2**64 - 1),
        ):  # fmt: skip
            self.assertEqual(repr(self.back(f'{{"timestamp":{given}}}')["timestamp"]), repr(number))

    def test_any_other_timestamp_is_refused(self) -> None:
        for given in ("-1", "1.5", '"1"', "true", "{}", "1e300", str(2**64)):
            self.refuse(f'{{"timestamp":{given}}}')
        self.refuse({"timestamp": -1}, "timestamp is -1: use a whole number, 0 or more")

    def test_a_priority_is_carried_and_has_no_effect_on_the_order(self) -> None:
        for priority in (0, 9, 5):
            self.published(str(priority), properties={"priority": priority})
        answers = [self.get() for _ in range(3)]
        self.assertEqual([each.text for each in answers], ["0", "9", "5"])
        self.assertEqual([each.properties["priority"] for each in answers], [0, 9, 5])

    def test_any_number_can_be_a_priority(self) -> None:
        for given, back in (("1.0", "1"), ("-1", "-1"), ("2.5", "2.5"), ("1e300", "1e+300")):
            found = self.back(f'{{"priority":{given}}}')["priority"]
            self.assertEqual(repr(found), back)

    def test_a_priority_that_is_no_number_is_refused(self) -> None:
        value: object
        for value in ("1", True, [], {}):
            self.refuse({"priority": value})


class UserTests(PublishCase):
    def test_the_own_name_is_carried(self) -> None:
        for who, name in (
            (basic("demo", "secret"), "demo"), (AUTHORIZED, "demo"),
            ("X-Secret-Token: t0ken-rw", "demoRW")
        ):  # fmt: skip
            self.get()
            answer = self.post("a", properties={"userId": name}, who=who)
            self.assertEqual(answer.status, 200)
            self.assertEqual(self.get().properties["userId"], name)

    def test_one_who_says_the_same_as_another_is_not_taken_for_him(self) -> None:
        properties = {"userId": "demo"}
        self.assertEqual(self.post("a", properties=properties).status, 200)
        answer = self.post("a", properties=properties, who=basic("demoRW", "pw-rw"))
        self.assert_refused(answer, 400)

    def test_any_other_name_is_refused(self) -> None:
        for name in ("other", "Demo", "", TOKEN):
            self.refuse(
                {"userId": name},
                f"user_id property set to '{name}' but authenticated user was 'demo'",
            )

    def test_what_is_no_string_is_refused(self) -> None:
        value: object
        for value in (1, True, [], {}):
            self.refuse({"userId": value})


class HeadersTests(PublishCase):
    def test_they_are_carried_unchanged(self) -> None:
        headers = {
            "object": {"nested": {"deep": [1, [2.5, None, True]]}}, "false": False, "null": None,
            "number": -1.25e-7, "text": "ä\0", "": "", "big": 2**70, "cc": ["x"], "bcc": 1,
        }  # fmt: skip
        self.assertEqual(self.back({"headers": headers})["headers"], headers)

    def test_what_is_no_object_is_refused(self) -> None:
        for value, shown in (("a", "'a'"), ([], "an array"), (1, "1"), (True, "true")):
            self.refuse({"headers": value}, f"headers is {shown}: use an object")


class OrderTests(PublishCase):
    def test_rights_come_before_properties(self) -> None:
        answer = self.post("a", properties="nonsense", who=basic("demoRead", "pw-r"))
        self.assertEqual(answer.status, 403)

    def test_properties_come_before_anything_is_made(self) -> None:
        self.refuse("nonsense")
        answer = self.post("a", "k", "refused", properties="[]", who=basic("demoRW", "pw-rw"))
        self.assertEqual(answer.status, 400)

    def test_a_message_survives_what_was_refused_beside_it(self) -> None:
        self.published("a")
        self.refuse({"expiration": "x"})
        self.assertEqual(self.bodies(), ["a"])
