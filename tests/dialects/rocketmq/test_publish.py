"""Publishing: documents, properties, times, sizes."""

from __future__ import annotations

from hashlib import md5

from mqgate.dialects.rocketmq.properties import read_properties
from mqgate.dialects.rocketmq.refusal import Refused
from tests.dialects.rocketmq.case import PROLOG, START, XMLNS, RocketMQCase, message

DAY = 86_400
NOW = START * 1000


class ReplyTests(RocketMQCase):
    def test_the_reply_has_id_and_digest(self) -> None:
        """The digest is that of the documented example."""
        answer = self.publish("h\u00e9llo")
        self.assertEqual(answer.status, 201)
        found = answer.fields
        self.assertEqual(list(found), ["MessageId", "MessageBodyMD5"])
        self.assertRegex(found["MessageId"], r"\A[0-9A-F]{32}\Z")
        self.assertEqual(found["MessageBodyMD5"], "BE50E8478CF24FF3595BC7307FB91B50")
        self.assertEqual(
            answer.text,
            f'{PROLOG}<Message xmlns="{XMLNS}"><MessageId>{found["MessageId"]}</MessageId>'
            "<MessageBodyMD5>BE50E8478CF24FF3595BC7307FB91B50</MessageBodyMD5></Message>",
        )

    def test_ids_differ(self) -> None:
        ids = {self.published("x")["MessageId"] for _ in range(5)}
        self.assertEqual(len(ids), 5)


class DocumentTests(RocketMQCase):
    def body_of(self, document: bytes | str) -> str:
        """The body that comes out when this is published."""
        data = document if isinstance(document, bytes) else document.encode()
        answer = self.ask("POST", self.target(), data)
        self.assertEqual(answer.status, 201, answer.text)
        (found,) = self.consumed()
        self.acknowledged(found)
        self.assertEqual(
            found["MessageBodyMD5"], md5(found["MessageBody"].encode()).hexdigest().upper()
        )
        return found["MessageBody"]

    def test_the_namespace_is_spelled_in_many_ways(self) -> None:
        for xmlns in ("", ' xmlns=""', f' xmlns="{XMLNS}"', f' xmlns="{XMLNS}/"', ' xmlns="urn:x"'):
            self.assertEqual(self.body_of(message("b", xmlns=xmlns)), "b")
        prefixed = f'<m:Message xmlns:m="{XMLNS}"><m:MessageBody>b</m:MessageBody></m:Message>'
        self.assertEqual(self.body_of(prefixed), "b")

    def test_text_may_be_escaped_or_cdata(self) -> None:
        for inner, expected in (
            ("a &lt;b&gt; &amp; &quot;c&apos;", "a <b> & \"c'"),
            ("<![CDATA[a <b> & ]] >]]>", "a <b> & ]] >"),
            ("one<![CDATA[<two>]]>three<!-- no -->four<?no pi?>five", "one<two>threefourfive"),
            ("&#x4e2d;&#128512;", "\u4e2d\U0001f600"),
            ("a&#13;b&#10;c&#9;d", "a\rb\nc\td"),
            ("  blank  ", "  blank  "),
            (" ", " "),
        ):
            document = f"<Message><MessageBody>{inner}</MessageBody></Message>"
            self.assertEqual(self.body_of(document), expected)

    def test_children_may_stand_in_any_order_among_others(self) -> None:
        document = (
            "<Message>\n <Unknown><MessageBody>no</MessageBody></Unknown>\n <MessageTag>t"
            "</MessageTag><MessageBody>first</MessageBody><MessageBody>last</MessageBody></Message>"
        )
        self.assertEqual(self.body_of(document), "last")

    def test_other_encodings_are_read(self) -> None:
        text = "<Message><MessageBody>\u4e2d\u00e9</MessageBody></Message>"
        self.assertEqual(self.body_of(b"\xef\xbb\xbf" + text.encode()), "\u4e2d\u00e9")
        self.assertEqual(self.body_of(text.encode("utf-16")), "\u4e2d\u00e9")
        for encoding in ("UTF-8", "utf8", "gb18030", "UTF-16"):
            declared = f'<?xml version="1.0" encoding="{encoding}"?>{text}'
            data = declared.encode(encoding)
            self.assertEqual(self.body_of(data), "\u4e2d\u00e9", encoding)

    def test_what_is_not_a_message_is_refused(self) -> None:
        for document in (
            "<Message/>",
            "<Message><MessageBody/></Message>",
            "<Message><MessageBody></MessageBody></Message>",
            "<Message><MessageBody>a<b/>c</MessageBody></Message>",
            "<Message><MessageBody>a</MessageBody><Properties><a/></Properties></Message>",
            "<message><MessageBody>a</MessageBody></message>",
            "<Messages><Message><MessageBody>a</MessageBody></Message></Messages>",
            "<MessageBody>a</MessageBody>",
        ):
            answer = self.ask("POST", self.target(), document.encode())
            self.assert_refused(answer, 400, "InvalidArgument")
        self.assertEqual(self.bodies(), [])

    def test_what_is_no_xml_is_refused(self) -> None:
        for data in (
            *(b"", b" ", b"<", b"<Message>", b"<Message></message>", b"\0", b"{}", b"\xff\xfe"),
            b"<Message><MessageBody>&undefined;</MessageBody></Message>",
            b"<Message><MessageBody>&#0;</MessageBody></Message>",
            b"<Message><MessageBody>&#xD800;</MessageBody></Message>",
            b"<Message><MessageBody>\x01</MessageBody></Message>",
            b"<Message><MessageBody>\xff</MessageBody></Message>",
            b"<Message><MessageBody>a</MessageBody></Message>x",
            b"<? xml version='1.0' ? ><Message><MessageBody>a</MessageBody></Message>",
            b'<?xml version="1.0" encoding="no-such"?><Message/>',
            b'<?xml version="1.0" encoding="utf-7"?><Message/>',
        ):
            answer = self.ask("POST", self.target(), data)
            self.assert_refused(answer, 400, "MalformedXML")


class TagTests(RocketMQCase):
    def test_a_tag_comes_back(self) -> None:
        self.published("x", tag="T" * 64)
        self.published("y", tag="\u00e4 &")
        self.assertEqual([each["MessageTag"] for each in self.consumed()], ["T" * 64, "\u00e4 &"])

    def test_one_that_is_too_long_or_two_is_refused(self) -> None:
        for tag in ("T" * 65, "A||B"):
            self.assert_refused(self.publish("x", tag=tag), 400, "InvalidArgument")

    def test_an_empty_one_is_none(self) -> None:
        document = b"<Message><MessageBody>b</MessageBody><MessageTag/><Properties/></Message>"
        self.assertEqual(self.ask("POST", self.target(), document).status, 201)
        (found,) = self.consumed()
        self.assertNotIn("MessageTag", found)
        self.assertNotIn("Properties", found)


class PropertiesTests(RocketMQCase):
    def test_they_come_back_with_a_bar_at_the_end(self) -> None:
        for sent, expected in (
            ("KEYS:k1|a:b", "KEYS:k1|a:b|"),
            ("KEYS:k1|a:b|", "KEYS:k1|a:b|"),
            ("a:b:c||:x|y:|z|k:v", "a:b:c|k:v|"),
            ("a:1|a:2", "a:2|"),
            ("\u00e4:&<", "\u00e4:&<|"),
        ):
            self.published("x", properties=sent)
            (found,) = self.consumed()
            self.acknowledged(found)
            self.assertEqual(found["Properties"], expected)

    def test_special_ones_come_back_too(self) -> None:
        past = f"__STARTDELIVERTIME:{NOW - 1}|__SHARDINGKEY:s|KEYS:k|"
        self.published("x", properties=past)
        self.assertEqual(self.consumed()[0]["Properties"], past)

    def test_they_may_have_16_kb(self) -> None:
        self.published("x", properties="k:" + "v" * 16_382)
        self.published("x", properties="k:" + "\u00e4" * 8_191)
        for properties in ("k:" + "v" * 16_383, "k:" + "\u00e4" * 8_192):
            answer = self.publish("x", properties=properties)
            self.assert_refused(answer, 400, "InvalidArgument")

    def test_whatever_is_read_is_written_so_that_it_is_read_again(self) -> None:
        properties = read_properties("a:b|c:d:e|x|:|")
        self.assertEqual(read_properties(properties.text), properties)


class ScheduleTests(RocketMQCase):
    def test_it_is_hidden_until_then(self) -> None:
        self.published("later", properties=f"__STARTDELIVERTIME:{NOW + 60_000}")
        self.assertEqual(self.bodies(), [])
        self.pass_time(59.9)
        self.assertEqual(self.bodies(), [])
        self.pass_time(0.2)
        self.assertEqual(self.bodies(), ["later"])

    def test_a_poll_is_woken_by_it(self) -> None:
        self.published("later", properties=f"__STARTDELIVERTIME:{NOW + 5_000}")
        client = self.poll()
        self.pass_time(4.9)
        self.assertEqual(client.received(), b"")
        self.pass_time(0.2)
        self.assertIn(b"later", client.received())

    def test_the_past_is_at_once(self) -> None:
        for start in (NOW, NOW - 1, 0, -5):
            self.published("now", properties=f"__STARTDELIVERTIME:{start}")
        self.assertEqual(self.bodies(), ["now"] * 4)

    def test_forty_days_are_the_most(self) -> None:
        self.published("x", properties=f"__STARTDELIVERTIME:{NOW + 40 * DAY * 1000}")
        for start in (f"{NOW + 40 * DAY * 1000 + 1}", "9" * 30, "soon", "1.5", "+1", "\u0661"):
            answer = self.publish("x", properties=f"__STARTDELIVERTIME:{start}")
            self.assert_refused(answer, 400, "InvalidArgument", "__STARTDELIVERTIME")

    def test_it_is_kept_for_three_days_from_then(self) -> None:
        self.published("later", properties=f"__STARTDELIVERTIME:{NOW + 39 * DAY * 1000}")
        self.pass_time(39 * DAY + 3 * DAY - 60)
        self.assertEqual(self.bodies(), ["later"])


class SizeTests(RocketMQCase):
    def sized(self, size: int, properties: str = "") -> tuple[int, str]:
        """The answer to a body of so many bytes."""
        answer = self.publish("x" * size, properties=properties)
        if answer.status == 201:
            (found,) = self.consumed() or [{}]
            if found:
                self.acknowledged(found)
            return 201, ""
        return answer.status, answer.code

    def test_an_ordinary_body_may_have_4_mib(self) -> None:
        for properties in ("", "__SHARDINGKEY:s", f"__STARTDELIVERTIME:{NOW}"):
            self.assertEqual(self.sized(4 * 2**20, properties), (201, ""))
            self.assertEqual(self.sized(4 * 2**20 + 1, properties), (400, "InvalidArgument"))
        self.assertEqual(self.sized(20 * 2**20), (400, "InvalidArgument"))

    def test_a_half_or_scheduled_one_may_have_64_kib(self) -> None:
        for properties in ("__TransCheckT:10", f"__STARTDELIVERTIME:{NOW + 1000}"):
            self.assertEqual(self.sized(65_536, properties), (201, ""))
            self.assertEqual(self.sized(65_537, properties), (400, "InvalidArgument"))

    def test_bytes_are_counted_after_unescaping(self) -> None:
        document = b"<Message><MessageBody>%b</MessageBody></Message>"
        fits = document % (b"&quot;" * (4 * 2**20))
        self.assertEqual(self.ask("POST", self.target(), fits).status, 201)
        beyond = document % (b"&#228;" * (2 * 2**20) + b"x")
        answer = self.ask("POST", self.target(), beyond)
        self.assert_refused(answer, 400, "InvalidArgument")

    def test_a_request_of_more_than_32_mib_is_refused_or_cut(self) -> None:
        body = b"<Message><MessageBody>" + b"x" * (32 * 2**20)
        client = self.client()
        answer = client.ask(self.signed_request("POST", self.target(), body))
        self.assert_refused(answer, 400, "InvalidArgument")
        sent = self.signed_request("POST", self.target(), b"").replace(b"th: 0", b"th: 99999999")
        self.assert_refused(client.ask(sent), 400, "InvalidArgument")
        self.assertTrue(client.transport.disconnecting)


class TopicTests(RocketMQCase):
    def test_names_have_letters_digits_and_a_few_signs(self) -> None:
        for name in ("a", "A_b-9", "x" * 64, "%25DLQ%25GID_a", "%DLQ%GID_b", "%DLQ%DE%AB"):
            self.assertEqual(self.publish("x", name).status, 201, name)
        for name in ("x" * 65, "a.b", "a%2Fb", "%C3%A4", "a+b", "%00", "%ff", "a%20b"):
            self.assert_refused(self.publish("x", name), 400, "InvalidArgument")

    def test_a_dead_letter_topic_may_be_written_both_ways(self) -> None:
        self.published("x", "%DLQ%GID_a")
        self.assertEqual(self.bodies(topic="%25DLQ%25GID_a"), ["x"])


class DelayTests(RocketMQCase):
    def test_the_error_says_what_was_wrong(self) -> None:
        error = self.assertRaises(
            Refused, read_properties("__STARTDELIVERTIME:5000").delay, 1000, 3999
        )
        self.assertEqual((error.status, error.code), (400, "InvalidArgument"))
