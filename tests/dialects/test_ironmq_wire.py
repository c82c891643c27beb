"""Request bodies: pure functions, from bytes to values."""

from __future__ import annotations

import json
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mqgate.dialects.ironmq import wire
from mqgate.dialects.ironmq.refusal import Refused
from mqgate.engine.values import NewMessage

#: What JSON can carry: no half of a surrogate pair.
texts = st.text(st.characters(exclude_categories=["Cs"]))

READERS: tuple[Callable[[bytes], object], ...] = (
    wire.new_messages,
    wire.known_ids,
    wire.release_delay,
)


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def posting(**options: object) -> bytes:
    return as_json({"messages": [{"body": "b", **options}]})


class ReadingCase(SynchronousTestCase):
    def assert_refused(self, status: int, read: Callable[[bytes], object], body: bytes) -> Refused:
        refused: Refused = self.assertRaises(Refused, read, body)
        self.assertEqual(refused.status, status, (body[:80], refused.text))
        return refused


class AnyBodyTests(ReadingCase):
    def assert_read_or_refused(self, body: bytes) -> None:
        for read in READERS:
            try:
                read(body)
            except Refused as refused:
                self.assertIn(refused.status, (400, 406))

    def test_what_is_no_json_object_is_refused(self) -> None:
        """400: "can't be parsed or has wrong types" (seed). An empty body is no JSON either."""
        for body in (
            b"", b" ", b"{", b"[]", b'[{"body":"x"}]', b"null", b"1", b'"x"', b"{}{}", b"{'a':1}",
            b"\xff", b"\xef\xbb\xbf{}", "{}".encode("utf-16"), b"messages=1", b"NaN", b"\0",
        ):  # fmt: skip
            for read in READERS:
                self.assert_refused(400, read, body)

    def test_deep_nesting_is_refused_like_any_other_nonsense(self) -> None:
        for body in (b'{"x":' + b"[" * 200_000, b'{"x":' * 40_000, b"[" * 200_000):
            for read in READERS:
                self.assert_refused(400, read, body)

    def test_unknown_keys_are_ignored(self) -> None:
        """PHP puts its token into every body; Java adds keys of its own."""
        extra = {"oauth": "abc4c7c627376858", "reserved_count": 0, "pushType": None, "x": [{}]}
        self.assertEqual(wire.release_delay(as_json({**extra, "delay": 2})), 2000)
        self.assertEqual(wire.known_ids(as_json({**extra, "ids": ["7"]})), [7])
        (message,) = wire.new_messages(as_json({**extra, "messages": [{"body": "b", **extra}]}))
        self.assertEqual(message.body, b"b")

    @given(st.binary())
    @settings(deadline=None)
    def test_no_bytes_do_worse_than_being_refused(self, body: bytes) -> None:
        self.assert_read_or_refused(body)

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        [
                            "messages",
                            "body",
                            "timeout",
                            "delay",
                            "ids",
                            "subscribers",
                            "url",
                            "retries",
                        ]
                    ),
                    inner,
                    max_size=3,
                )
            ),
            max_leaves=8,
        )
    )
    @settings(deadline=None)
    def test_no_json_does_worse_than_being_refused(self, value: object) -> None:
        self.assert_read_or_refused(as_json(value))


class PostTests(ReadingCase):
    def test_a_message_has_the_defaults_of_the_page(self) -> None:
        """60 s of timeout, no delay, 7 days of life (seed)."""
        (message,) = wire.new_messages(posting())
        self.assertEqual(message, NewMessage(b"b", 60_000, 0, 604_800_000))

    def test_numbers_are_brought_into_their_bounds(self) -> None:
        """Java posts a timeout of 10 and of 0, Ruby one of 2: all of them must succeed."""
        for key, field, given_and_used in (
            ("timeout", "timeout", {0: 60, 2: 30, 10: 30, 30: 30, 86400: 86400, 86401: 86400}),
            ("delay", "delay", {0: 0, 1: 1, 604800: 604800, 604801: 604800}),
            ("expires_in", "expires_in", {0: 604800, 1: 1, 2592000: 2592000, 2592001: 2592000}),
        ):
            for value, used in {**given_and_used, 10**30: max(given_and_used.values())}.items():
                (message,) = wire.new_messages(posting(**{key: value}))
                self.assertEqual(getattr(message, field), used * 1000, (key, value))

    def test_null_is_the_same_as_leaving_it_out(self) -> None:
        """Clients that serialize every field send null for what their user did not set."""
        (plain,) = wire.new_messages(posting())
        (nulls,) = wire.new_messages(posting(timeout=None, delay=None, expires_in=None))
        self.assertEqual(plain, nulls)

    def test_wrong_types_are_refused(self) -> None:
        """400 (seed)."""
        numbers: list[object] = [-1, "60", True, False, 1.5, 1.0, [], {}, "", -(10**30)]
        for value in numbers:
            for key in ("timeout", "delay", "expires_in"):
                self.assert_refused(400, wire.new_messages, posting(**{key: value}))
        bodies: list[object] = [None, 1, True, [], {}, 1.5]
        for body in bodies:
            self.assert_refused(400, wire.new_messages, posting(body=body))
        lists: list[object] = [None, {}, "x", 1, [None], ["text"], [[]], [1]]
        for messages in lists:
            self.assert_refused(400, wire.new_messages, as_json({"messages": messages}))

    def test_numbers_that_python_will_not_read_are_refused(self) -> None:
        for number in (b"1e2", b"9" * 5000, b"NaN", b"Infinity", b"0x10", b"01", b"-0.0"):
            body = b'{"messages":[{"body":"b","delay":%s}]}' % number
            self.assert_refused(400, wire.new_messages, body)

    def test_what_is_missing_is_not_acceptable(self) -> None:
        """406: "Required fields are missing" (seed)."""
        self.assert_refused(406, wire.new_messages, b"{}")
        self.assert_refused(406, wire.new_messages, b'{"oauth":"x"}')
        self.assert_refused(406, wire.new_messages, b'{"messages":[{}]}')
        self.assert_refused(406, wire.new_messages, b'{"messages":[{"body":"x"},{"delay":1}]}')

    def test_an_empty_list_is_refused(self) -> None:
        self.assert_refused(400, wire.new_messages, b'{"messages":[]}')

    def test_bodies_may_be_any_text(self) -> None:
        for text in ("", " ", "\0", "a\0b", "😀", "\\", '"', "\u2028", "</script>", "é", "\x7f"):
            (message,) = wire.new_messages(posting(body=text))
            self.assertEqual(message.body, text.encode())

    def test_half_a_surrogate_pair_is_refused(self) -> None:
        """It is no character: UTF-8 has no bytes for it, so it could not be given back."""
        for escape in (rb"\ud800", rb"\udc00", rb"\ud800\ud800", rb"\udc00\ud800", rb"x\ud83dx"):
            body = b'{"messages":[{"body":"%s"}]}' % escape
            self.assert_refused(400, wire.new_messages, body)
        for raw in (b"\xed\xa0\x80", b"\xff", b"\xc0\x80", b"\xe9"):
            self.assert_refused(400, wire.new_messages, b'{"messages":[{"body":"%s"}]}' % raw)
            ignored = b'{"messages":[{"body":"a"}],"%s":"%s"}' % (raw, raw)
            self.assert_refused(400, wire.new_messages, ignored)

    @given(st.lists(texts, min_size=1))
    @settings(deadline=None)
    def test_bodies_are_kept_byte_for_byte_and_in_order(self, bodies: list[str]) -> None:
        messages = [{"body": body} for body in bodies]
        for ascii_only in (True, False):
            sent = json.dumps({"messages": messages}, ensure_ascii=ascii_only).encode()
            self.assertEqual([message.body.decode() for message in wire.new_messages(sent)], bodies)


class WebhookTests(ReadingCase):
    def test_the_request_body_is_the_message(self) -> None:
        """Content-Type and form are irrelevant (seed: "the request body as is")."""
        for body in (b"", b"a=1&b=2", b'{"messages":[]}', "é😀".encode(), b"\0", b"\xef\xbb\xbf"):
            message = wire.webhook_message(body)
            self.assertEqual(message, NewMessage(body, 60_000, 0, 604_800_000))

    def test_what_is_no_utf_8_is_refused(self) -> None:
        """JSON could not carry it to whoever gets the message."""
        for body in (b"\xff", b"\xe9t\xe9", b"\xed\xa0\x80"):
            self.assert_refused(400, wire.webhook_message, body)


class DeleteTests(ReadingCase):
    def test_ids_are_strings_of_digits(self) -> None:
        ids = ["5924625841136130921", "2", "2", "nonsense", "", "0", "9223372036854775808"]
        self.assertEqual(wire.known_ids(as_json({"ids": ids})), [5924625841136130921, 2])
        self.assertEqual(wire.known_ids(as_json({"ids": ["nonsense"]})), [])

    def test_wrong_types_are_refused(self) -> None:
        lists: list[object] = [None, 1, "1", {}, [1], [None], [["1"]], [{"id": "1"}]]
        for ids in lists:
            self.assert_refused(400, wire.known_ids, as_json({"ids": ids}))

    def test_missing_ids_are_not_acceptable_and_none_are_refused(self) -> None:
        self.assert_refused(406, wire.known_ids, b"{}")
        self.assert_refused(400, wire.known_ids, b'{"ids":[]}')


class ReleaseTests(ReadingCase):
    def test_the_delay_is_optional_and_has_bounds(self) -> None:
        for body, delay in (
            (b"{}", 0), (b'{"delay":null}', 0), (b'{"delay":0}', 0), (b'{"delay":60}', 60),
            (b'{"delay":604800}', 604800), (b'{"delay":604801}', 604800),
        ):  # fmt: skip
            self.assertEqual(wire.release_delay(body), delay * 1000, body)

    def test_wrong_types_are_refused(self) -> None:
        delays: list[object] = [-1, "60", True, 1.5, [], {}]
        for delay in delays:
            self.assert_refused(400, wire.release_delay, as_json({"delay": delay}))
