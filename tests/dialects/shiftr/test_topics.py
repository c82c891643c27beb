"""Topics, filters, and the two values of a topic: the tables of the documentation, row by row."""

from __future__ import annotations

from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mqgate.dialects.shiftr import wire
from mqgate.dialects.shiftr.refusal import Refused
from mqgate.engine.intake import Limits
from tests.dialects.robomq.case import basic
from tests.dialects.shiftr.case import ShiftrCase
from tests.engine.topic_model import matches

#: All characters that a topic can have.
LEGAL = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;-_$"


class TopicTests(ShiftrCase):
    def test_the_path_is_decoded_once(self) -> None:
        self.publish("foo%2Fbar%2d1", b"1")
        self.assertEqual(self.value("foo/bar-1"), b"1")
        self.assert_error(self.broker("GET", "foo%252Fbar"), 400, "invalid-topic")

    def test_a_question_mark_that_is_encoded_begins_no_query(self) -> None:
        self.assert_error(self.broker("POST", "foo%3Fretained=true", b"x"), 400, "invalid-topic")

    def test_a_plus_stays_a_plus(self) -> None:
        self.publish("foo/bar", b"1")
        self.assertEqual(self.value("foo/+"), b"1")
        self.assertEqual(self.value("foo/%2B"), b"1")

    def test_an_at_sign_is_the_other_wildcard(self) -> None:
        self.publish("foo/bar/baz", b"1")
        for pattern in ("@", "foo/@", "%40", "%23", "foo/%23"):
            self.assertEqual(self.value(pattern), b"1", pattern)
        self.assertEqual(self.broker("GET", b"foo/#").body, b"1")

    def test_a_star_is_a_plus(self) -> None:
        self.publish("foo/bar", b"1")
        for pattern in ("*/bar", "foo/*", "*/*", "foo/%2A", "*/@"):
            self.assertEqual(self.value(pattern), b"1", pattern)

    def test_all_legal_characters(self) -> None:
        self.publish(LEGAL, b"1")
        self.assertEqual(self.value(LEGAL), b"1")
        self.assertEqual(self.value(quote(LEGAL, safe="")), b"1")

    def test_a_topic_has_at_most_128_characters(self) -> None:
        """As they stand in the path: before it is known that some of them mean nothing."""
        longest = "x" * 126 + "/y"
        self.publish(longest, b"1")
        self.assertEqual(self.value(longest), b"1")
        self.assertEqual(self.value("%78" * 126 + "/y"), b"1")
        for topic in ("x" * 129, "x" * 128 + "/", "/" * 129, "\u00e9" * 129, "@" * 129):
            for method in ("GET", "POST"):
                answer = self.broker(method, quote(topic), b"x")
                self.assert_error(answer, 400, "topic-limit")
        self.assert_error(self.broker("GET", quote("\u00e9" * 128)), 400, "invalid-topic")

    def test_other_characters_are_refused(self) -> None:
        for text in (
            " ",
            "!",
            "\u00e9",
            "\uff21",
            "%",
            "&",
            "=",
            "\0",
            "\n",
            "\x7f",
            '"',
            "\\",
            "~",
        ):
            for method in ("GET", "POST"):
                with self.subTest(text=text, method=method):
                    answer = self.broker(method, f"a{quote(text)}b", b"x")
                    self.assert_error(answer, 400, "invalid-topic")

    def test_what_is_no_utf_8_is_refused(self) -> None:
        for raw in (b"%ff", b"%C3", b"\xff", b"%ed%a0%80"):
            self.assert_error(self.broker("GET", raw), 400, "invalid-topic")

    def test_one_topic_however_its_slashes_are_written(self) -> None:
        self.publish("a/b", b"1")
        for number, topic in enumerate(["/a/b", "a/b/", "a//b", "///a///b///", "%2Fa%2F%2Fb"], 1):
            self.assertEqual(self.value(topic), b"%d" % number, topic)
            self.publish(topic, b"%d" % (number + 1))
            self.assertEqual(self.value("a/b"), b"%d" % (number + 1))
        self.assertEqual(self.value("//a//+/"), b"6")

    def test_an_empty_topic_is_refused(self) -> None:
        for topic in ("", "/", "//", "%2F"):
            for method in ("GET", "POST"):
                answer = self.broker(method, topic, b"x")
                self.assert_error(answer, 400, "invalid-topic")

    def test_system_topics_of_the_service_are_plain_topics(self) -> None:
        for topic in ("$events", "$action/x", "$info"):
            self.publish(topic, topic.encode())
            self.assertEqual(self.value(topic), topic.encode())


class FilterTests(ShiftrCase):
    def test_wildcards_match_as_a_mosquitto_has_it(self) -> None:
        for pattern, topic, expected in (
            ("a/+", "a/b", True),
            ("a/+", "a", False),
            ("a/+", "a/b/c", False),
            ("a/@", "a", True),
            ("a/@", "a/b", True),
            ("a/@", "a/b/c", True),
            ("+/@", "a", True),
            ("+/@", "a/b", True),
            ("+/+", "a/b", True),
            ("+/+", "a", False),
            ("@", "$d/x", False),
            ("+/x", "$d/x", False),
            ("$d/@", "$d/x", True),
            ("a/@", "a/$d", True),
            ("A/+", "a/b", False),
            ("a.b/+", "axb/c", False),
        ):
            with self.subTest(pattern=pattern, topic=topic):
                self.publish(topic, b"1")
                self.assertEqual(self.value(pattern) is not None, expected)
                forgotten = self.engine.topics.forget(self.worlds["demo"])
                self.settle()
                self.assertEqual(self.successResultOf(forgotten), 1)

    def test_wildcards_stand_alone_and_the_open_one_at_the_end(self) -> None:
        for pattern in (
            "a/@/b", "@/a", "a@", "+a", "a+", "a/+b/c", "@@", "++", "a/@@", "@/", "a/@/", "a**",
        ):  # fmt: skip
            with self.subTest(pattern=pattern):
                answer = self.broker("GET", pattern)
                if pattern in ("@/", "a/@/"):  # whose slash goes
                    self.assertEqual(answer.status, 404)
                else:
                    self.assert_error(answer, 400, "invalid-topic")

    def test_nothing_can_be_published_to_a_wildcard(self) -> None:
        self.publish("a/b", b"1")
        for topic in ("+", "@", "*", "%23", "a/+", "a/@", "a/*", "a/b@"):
            for query in ("", "?retained=true"):
                answer = self.broker("POST", topic + query, b"2")
                self.assert_error(answer, 400, "invalid-topic")
        self.assertEqual(self.value("@"), b"1")


class ReadingTests(SynchronousTestCase):
    """Pure functions."""

    @settings(deadline=None)
    @given(st.binary(max_size=40))
    def test_whatever_stands_in_the_path_is_a_filter_or_refused(self, raw: bytes) -> None:
        try:
            pattern = wire.read_filter(raw)
        except Refused as refused:
            self.assertEqual(refused.status, 400)
            return
        self.assertTrue(all(pattern.split("/")))
        self.assertEqual(wire.read_filter(pattern.encode()), pattern)
        if "+" not in pattern and "#" not in pattern:
            self.assertTrue(matches(pattern, wire.read_topic(raw)))

    @settings(deadline=None)
    @given(st.binary(max_size=40), st.booleans())
    def test_whatever_stands_in_the_query_is_understood_or_refused(
        self, query: bytes, publishing: bool
    ) -> None:
        try:
            wire.read_parameters(query, publishing=publishing)
        except Refused as refused:
            self.assertEqual(refused.status, 400)


class ValueTests(ShiftrCase):
    """The latest and the retained store."""

    def both(self, topic: str) -> tuple[bytes | None, bytes | None]:
        return self.value(topic), self.value(f"{topic}?retained=true")

    def test_a_plain_publish(self) -> None:
        self.publish("a?retained=true", b"1")
        self.publish("a", b"2")
        self.assertEqual(self.both("a"), (b"2", b"1"))

    def test_a_retained_publish(self) -> None:
        self.publish("a?retained=true", b"1")
        self.publish("a?retained=true", b"2")
        self.assertEqual(self.both("a"), (b"2", b"2"))

    def test_a_retained_publish_of_nothing(self) -> None:
        self.publish("a?retained=true", b"1")
        self.publish("a?retained=true", b"")
        self.assertEqual(self.both("a"), (b"", None))

    def test_a_plain_publish_of_nothing(self) -> None:
        self.publish("a?retained=true", b"1")
        self.publish("a", b"")
        self.assertEqual(self.both("a"), (b"", b"1"))

    def test_of_all_retained_ones_the_last_is_found(self) -> None:
        for topic in ("a", "b", "c", "a"):
            self.publish(f"t/{topic}?retained=true", topic.encode())
        self.assertEqual(self.value("t/+?retained=true"), b"a")

    def test_retained_works_with_every_quality_of_service(self) -> None:
        for qos in "012":
            self.publish(f"q{qos}?retained=true&qos={qos}", qos.encode())
            self.assertEqual(self.value(f"q{qos}?retained=true"), qos.encode())

    def test_instances_are_separate_worlds(self) -> None:
        self.publish("a", b"1")
        for who in (basic("demo-2", "s3cret"), basic("far", "far-secret")):
            self.assertIsNone(self.value("a", who=who))
            self.assertIsNone(self.value("@", who=who))
            self.publish("a", b"2", who=who)
        self.assertEqual(self.value("@"), b"1")

    def test_who_waits_for_each_answer_is_seen_in_order(self) -> None:
        """Two clients in turns, and a third one that looks after each."""
        first, second, third = self.client(), self.client(), self.client()
        head = f"/ HTTP/1.1\r\n{basic('demo', 's3cret')}\r\n"
        for number in range(10):
            sender = (first, second)[number % 2]
            body = b"%d" % number
            post = head.replace("/ ", f"/broker/log/{number % 3} ", 1)
            answer = sender.ask(f"POST {post}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            self.assertEqual(answer.body, b"OK")
            get = head.replace("/ ", "/broker/log/+ ", 1)
            self.assertEqual(third.ask(f"GET {get}\r\n".encode()).body, body)


class FullTests(ShiftrCase):
    limits = Limits(topics=2)

    def test_the_oldest_topic_makes_room_but_none_that_is_retained(self) -> None:
        self.publish("kept?retained=true", b"1")
        for topic in ("a", "b", "c"):
            self.publish(topic, topic.encode())
        self.assertIsNone(self.value("b"))
        self.assertEqual((self.value("kept"), self.value("c")), (b"1", b"c"))

    def test_where_all_are_retained_a_new_topic_is_507(self) -> None:
        for topic in ("a", "b"):
            self.publish(f"{topic}?retained=true", b"1")
        self.assert_error(self.broker("POST", "c", b"x"), 507, "topics-limit")
        self.assertIsNone(self.value("c"))
        self.publish("a", b"2")
        self.assertEqual(self.value("@"), b"2")
