"""``/rest/{vhost}/{exchange}/{queue}/{routingKey}``: how a path is read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mqgate.dialects.robomq.refusal import Refused
from mqgate.dialects.robomq.target import Target, read_target
from tests.dialects.robomq.case import RoboMQCase

FOUR = "404 NOT_FOUND - the path has to be /rest/{vhost}/{exchange}/{queue}/{routingKey}"


class SegmentTests(RoboMQCase):
    def test_it_owns_rest_and_nothing_else(self) -> None:
        self.assertTrue(self.door.owns(b"rest"))
        for segment in (b"", b"Rest", b"REST", b"%72est", b"rest2", b"1"):
            self.assertFalse(self.door.owns(segment), segment)

    def test_four_segments_after_rest(self) -> None:
        self.assertEqual(self.get().status, 204)

    def test_fewer_or_more_segments_are_not_found(self) -> None:
        for path in (
            "/rest", "/rest/", "/rest/demo", "/rest/demo/e", "/rest/demo/e/q", "/rest/demo/e/q/k/",
            "/rest/demo/e/q/k/l",
        ):  # fmt: skip
            for method in ("GET", "POST"):
                self.assert_refused(self.ask(method, path), 404, FOUR)
        self.assertEqual(self.queue_names(), [])

    def test_an_empty_vhost_or_queue_is_refused(self) -> None:
        for path, what in (("/rest//e/q/k", "vhost"), ("/rest/demo/e//k", "queue")):
            text = f"406 PRECONDITION_FAILED - the {what} in the path is empty"
            self.assert_refused(self.ask("GET", path), 400, text)

    def test_an_empty_exchange_is_the_default_exchange(self) -> None:
        self.assertEqual(self.ask("GET", "/rest/demo//q/k").status, 204)
        self.assertEqual(self.queue_names(), ["q"])

    def test_an_empty_routing_key_is_the_key_of_no_words(self) -> None:
        self.published("a", "")
        answer = self.get("")
        self.assertEqual((answer.text, answer.envelop["routingKey"]), ("a", ""))

    def test_the_query_is_ignored(self) -> None:
        answer = self.ask("POST", self.where() + "?X-Secret-Token=x&a=/b/c", b"a")
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.ask("GET", self.where() + "?").text, "a")

    def test_the_vhost_slash_is_written_with_an_escape(self) -> None:
        self.assertEqual(self.ask("POST", "/rest/%2F/e/q/k", b"a").status, 200)
        self.assertEqual(self.ask("GET", "/rest/%2f/e/q/k").text, "a")

    def test_a_star_may_stand_unescaped(self) -> None:
        self.published("a", "a.*")
        self.assertEqual(self.bodies("a.%2A"), ["a"])

    def test_names_are_split_first_and_decoded_once_afterwards(self) -> None:
        """And come back as they are, in JSON of ASCII alone."""
        for path, exchange, key, shown in (
            ("a%2Fb/q/c%2fd", "a/b", "c/d", b'"routingKey":"c/d"'),
            ("a%252Fb/q/c%25", "a%2Fb", "c%", b'"routingKey":"c%"'),
            ("a+b/q/c+d", "a+b", "c+d", b'"routingKey":"c+d"'),
            ("a%20b/q/%23", "a b", "#", b'"routingKey":"#"'),
            ("K%C3%A4se/q/k", "K\u00e4se", "k", b'"exchange":"K\\u00e4se"'),
            ("K\u00e4se2/q/k", "K\u00e4se2", "k", b'"exchange":"K\\u00e4se2"'),
            ("e/q/%F0%9F%98%80", "e", "\U0001f600", b'"routingKey":"\\ud83d\\ude00"'),
            ("e/q/a%0Ab%7F%22", "e", 'a\nb\x7f"', b'"routingKey":"a\\nb\\u007f\\""'),
            ("!$&'()*,;=:@-._~/q/k", "!$&'()*,;=:@-._~", "k", b'"routingKey":"k"'),
        ):
            self.assertEqual(self.ask("POST", f"/rest/demo/{path}", b"b").status, 200, path)
            answer = self.ask("GET", f"/rest/demo/{path}")
            self.assertEqual(answer.envelop["exchange"], exchange)
            self.assertEqual(answer.envelop["routingKey"], key)
            self.assertIn(shown, answer.headers["X-AMQP-Envelop"].encode())

    def test_escapes_that_are_no_utf_8_are_refused(self) -> None:
        for segment, part in (("%ff", "queue"), ("%C3", "queue"), ("%ED%A0%80", "queue")):
            text = f"406 PRECONDITION_FAILED - the {part} in the path is not UTF-8"
            self.assert_refused(self.ask("GET", f"/rest/demo/e/{segment}/k"), 400, text)
        self.assert_refused(self.ask("GET", b"/rest/demo/e/\xff/k"), 400)
        for path in ("%ff/e/q/k", "demo/%ff/q/k", "demo/e/q/%ff"):
            self.assert_refused(self.ask("POST", f"/rest/{path}", b""), 400)

    def test_escapes_that_are_none_are_refused(self) -> None:
        """Rather than taken for themselves: whoever meant a name with a percent sign is told."""
        for segment in ("%", "a%", "%2", "%zz", "%%41", "%+1"):
            self.assert_refused(self.ask("GET", f"/rest/demo/e/q/{segment}"), 400)

    def test_a_name_has_255_bytes_at_most(self) -> None:
        longest = "q" * 255
        self.published("a", longest, longest, longest)
        self.assertEqual(self.bodies(longest, longest, longest), ["a"])
        wide = "%C3%A4" * 127
        self.assertEqual(self.get(wide, wide, wide).status, 204)
        for name in (longest + "q", wide + "%C3%A4", "%F0%9F%98%80" * 64):
            for path, what in (
                (f"{name}/q/k", "exchange"), (f"e/{name}/k", "queue"),
                (f"e/q/{name}", "routing key")
            ):  # fmt: skip
                text = f"406 PRECONDITION_FAILED - the {what} in the path is longer than 255 bytes"
                self.assert_refused(self.ask("GET", f"/rest/demo/{path}"), 400, text)

    def test_a_nul_is_refused(self) -> None:
        for path in ("%00/q/k", "e/a%00/k", "e/q/%00b"):
            self.assert_refused(self.ask("GET", f"/rest/demo/{path}"), 400)
        self.assert_refused(self.ask("GET", "/rest/%00/e/q/k"), 404)


class ReadingTests(SynchronousTestCase):
    @given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=4, max_size=4))
    def test_whatever_is_escaped_comes_back(self, names: list[str]) -> None:
        """Or is refused for what it is."""
        path = "/rest/" + "/".join(
            "".join(f"%{byte:02x}" for byte in name.encode()) for name in names
        )
        vhost, _, queue, _ = names
        wrong = not vhost or not queue or any("\0" in name for name in names[1:])
        if wrong or any(len(name.encode()) > 255 for name in names[1:]):
            self.assertRaises(Refused, read_target, path.encode())
        else:
            self.assertEqual(read_target(path.encode()), Target(*names))

    @given(st.binary().map(lambda raw: b"/rest/" + raw))
    def test_whatever_comes_is_read_or_refused(self, path: bytes) -> None:
        try:
            read_target(path)
        except Refused as refused:
            self.assertIn(refused.status, (400, 404))
