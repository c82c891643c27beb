"""``X-AMQP-Properties`` from strangers: what comes is read or refused, and comes back safely."""

from __future__ import annotations

import json
import math
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from twisted.trial.unittest import SynchronousTestCase

from mqgate.dialects.robomq.properties import Publish, read_properties
from mqgate.dialects.robomq.refusal import Refused
from mqgate.dialects.robomq.wire import (
    LONGEST_ANSWER,
    envelop,
    one_line,
    pack,
    properties_text,
    unpack,
)

#: What may go out as the value of a header: visible ASCII and blanks.
_SAFE = frozenset(range(0x20, 0x7F))

#: Whatever JSON knows, and some of it large.
_VALUES: SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=300),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
_NAMES = (
    "contentType", "contentEncoding", "headers", "deliveryMode", "priority", "correlationId",
    "replyTo", "expiration", "messageId", "timestamp", "type", "userId", "appId", "mandatory",
    "immediate", "persistent", "CC", "BCC", "cc", "",
)  # fmt: skip
_GIVEN = st.dictionaries(st.sampled_from(_NAMES), _VALUES, max_size=6)

#: The first of such values takes seconds to make where others use the machine.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def read(header: bytes) -> Publish:
    """What the user ``demo`` says."""
    return read_properties(header, "demo", "id")


def handed_out(publish: Publish) -> bytes:
    """The header that a consumer gets."""
    text = properties_text(publish.properties)
    return unpack(pack("ex", "key", b"a/b", text), "q").properties


class HostileTests(SynchronousTestCase):
    def assert_read_or_refused(self, header: bytes) -> None:
        """It is refused with a status of ours, or what comes of it is fit for a header."""
        try:
            publish = read(header)
            text = handed_out(publish)
        except Refused as refused:
            self.assertIn(refused.status, (400, 431, 501))
            self.assertTrue(one_line(refused.text).isprintable())
            one_line(refused.text).encode()
            return
        self.assertTrue(_SAFE.issuperset(text), text)
        self.assertIsInstance(json.loads(text), dict)
        self.assertLessEqual(len(text), LONGEST_ANSWER)
        self.assertTrue(publish.expires_in is None or 0 <= publish.expires_in <= 1 << 53)

    @given(st.binary())
    def test_bytes_of_all_kinds(self, header: bytes) -> None:
        self.assert_read_or_refused(header)

    @given(_GIVEN, st.booleans())
    @_PATIENT
    def test_values_of_all_kinds_at_every_name(self, given: dict[str, Any], ascii: bool) -> None:
        text = json.dumps(given, ensure_ascii=ascii)
        self.assert_read_or_refused(text.encode("utf-8", "surrogatepass"))

    @given(_GIVEN.map(json.dumps), st.data())
    @_PATIENT
    def test_damaged_json(self, text: str, data: st.DataObject) -> None:
        header = bytearray(text.encode())
        for _ in range(data.draw(st.integers(1, 3))):
            at = data.draw(st.integers(0, len(header) - 1))
            header[at] = data.draw(st.integers(0, 255))
        self.assert_read_or_refused(bytes(header))

    def test_a_table_of_known_horrors(self) -> None:
        for text in (
            b'{"headers":' + b"[" * 10_000,
            b'{"headers":' + b'{"a":' * 500 + b"1" + b"}" * 501,
            b'{"headers":{"a":' + b"[" * 900 + b"]" * 900 + b"}}",
            b'{"headers":{"a":' + b"[" * 900 + '"ä"'.encode() + b"]" * 900 + b"}}",
            b'{"type":' + b"[" * 5000 + b"]" * 5000 + b"}",
            b'{"timestamp":1e999}', b'{"timestamp":-1e999}', b'{"priority":1e999}',
            b'{"timestamp":' + b"9" * 5000 + b"}", b'{"priority":' + b"9" * 400 + b"}",
            b'{"expiration":' + b"9" * 400 + b"}", b'{"CC":[' + b"9" * 400 + b"]}",
            b'{"deliveryMode":' + b"9" * 400 + b"}", b'{"CC":1e-7}', b'{"priority":1e-400}',
            b'{"headers":{"a":NaN}}', b'{"headers":{"a":Infinity}}',
            b'{"type":"\\ud800"}', b'{"type":"\\udc00\\ud800"}', b'{"\\ud800":1}',
            b'{"headers":{"\\ud800":1}}', b'{"type":"\xed\xa0\x80"}', b'{"type":"\xc0\x80"}',
            b'{"type":"\xf5\x80\x80\x80"}', b'{"type":"\xff"}', b'{"nothing":"\xff"}',
            b'{"type":"a\nb"}', b'{"type":"a\\nb"}', b'{"type":"\x7f"}', b'\xef\xbb\xbf{}',
            b'{"headers":{"a":1,"a":2},"headers":{"b":3}}', b'{"type":"\\u0000"}', b"\0",
            b'{"CC":' + json.dumps(["k" * 20] * 2000).encode() + b"}",
            b'{"headers":{"a":"' + "\U0001f600".encode() * 8000 + b'"}}',
        ):  # fmt: skip
            self.assert_read_or_refused(text)

    def test_nesting_of_any_depth(self) -> None:
        """Also where reading comes to its end just after writing, which depends on the stack."""
        for depth in range(1000):
            inner = b"[" * depth + '"ä"'.encode() + b"]" * depth
            self.assert_read_or_refused(b'{"headers":{"a":' + inner + b"}}")

    def test_the_last_of_equal_keys_counts(self) -> None:
        publish = read(b'{"headers":{"a":1,"a":2},"type":"x","headers":{"b":3,"b":4}}')
        self.assertEqual(publish.properties["headers"], {"b": 4})

    def test_surrogates_that_are_half_a_character_are_refused(self) -> None:
        for text in (b'{"type":"\\ud800"}', b'{"headers":{"\\udfff":1}}'):
            refused = self.assertRaises(Refused, read, text)
            self.assertEqual(refused.status, 400)
        self.assertEqual(read(b'{"type":"\\ud83d\\ude00"}').properties["type"], "\U0001f600")


class RoundTripTests(SynchronousTestCase):
    @given(
        st.dictionaries(st.text(max_size=20).filter(lambda key: key not in ("CC", "BCC")), _VALUES)
    )
    def test_headers_come_back_as_they_were(self, headers: dict[str, Any]) -> None:
        header = json.dumps({"headers": headers}).encode()
        try:
            text = handed_out(read(header))
        except Refused as refused:
            self.assertEqual(refused.status, 431)
        else:
            self.assertEqual(json.loads(text)["headers"], headers)

    @given(st.text(), st.text(), st.booleans(), st.integers(0, 1 << 63))
    def test_an_envelop_says_what_was_published(
        self, exchange: str, key: str, redelivered: bool, left: int
    ) -> None:
        kept = unpack(pack(exchange, key, b"a/b", b"{}"), "q")
        text = envelop(kept, redelivered=redelivered, left=left)
        self.assertTrue(_SAFE.issuperset(text), text)
        self.assertEqual(
            json.loads(text),
            {
                "deliveryTag": 1,
                "redelivered": redelivered,
                "exchange": exchange,
                "routingKey": key,
                "messageCount": left,
            },
        )

    @given(st.floats(0, 1e20).map(math.floor) | st.integers(0, 10**21 - 1))
    def test_an_expiration_is_the_same_as_number_and_as_text(self, number: int) -> None:
        as_number = read(b'{"expiration":%d}' % number)
        as_text = read(b'{"expiration":"%d"}' % number)
        self.assertEqual(as_number, as_text)
        self.assertEqual(as_number.expires_in, min(number, 1 << 53))

    @given(st.none() | st.binary(), st.text())
    def test_whatever_others_keep_with_a_message_is_harmless(
        self, props: bytes | None, queue: str
    ) -> None:
        kept = unpack(props, queue)
        if props is None or not props.startswith(b"amqp\n"):
            self.assertEqual(kept.properties, b'{"headers":{}}')
            self.assertEqual(json.loads(kept.key), queue)


class OneLineTests(SynchronousTestCase):
    @given(st.text())
    def test_it_is_one_line_and_can_be_seen(self, text: str) -> None:
        line = one_line(text)
        self.assertTrue(line.isprintable())
        self.assertEqual(line == text, text.isprintable())
