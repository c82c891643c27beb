"""XML from strangers: read, or refused, and never slowly."""

from __future__ import annotations

import time
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mqgate.dialects.rocketmq import wire
from mqgate.dialects.rocketmq.refusal import Refused
from mqgate.dialects.rocketmq.xml import Reading, read
from tests.dialects.rocketmq.case import message

MIB = 2**20
#: Generous: a busy machine may be ten times slower than a quiet one, where it is a tenth.
LONGEST_STEP = 1.0

#: Pieces of documents; an underscore stands for a blank.
_WORDS = """
    <Message> </Message> <MessageBody> </MessageBody> <a/> <b_c='d'> </b> <![CDATA[ ]]> <!-- -->
    <?xml_version='1.0'?> <?xml_version='1.0'_encoding='gbk'?> <?p ?> &amp; &#65; &#0; &x; < > & '
    <!DOCTYPE_a> <!DOCTYPE_a_[<!ENTITY_x_'y'>]> <m:Message_xmlns:m='x'> <ReceiptHandles> xmlns='' _
    <xi:include_href='file:///etc/passwd'/> text \u4e2d "
"""
_PIECES = st.sampled_from([*(word.replace("_", " ") for word in _WORDS.split()), "\0", "\n"])
_DOCUMENTS = st.one_of(
    st.lists(_PIECES, max_size=30).map("".join).map(str.encode),
    st.binary(max_size=200),
    st.lists(_PIECES, max_size=10).map("".join).map(lambda text: text.encode("utf-16")),
    st.tuples(st.just(message("body", tag="t")), st.integers(0, 150), st.binary(max_size=4)).map(
        lambda made: made[0][: made[1]] + made[2] + made[0][made[1] + 1 :]
    ),
)


def _refused(body: bytes) -> str:
    """The code with which it is refused; empty if it is read."""
    try:
        read(body)
    except Refused as refused:
        return refused.code
    return ""


class AnyDocumentTests(SynchronousTestCase):
    @settings(max_examples=500, deadline=2000)
    @given(_DOCUMENTS)
    def test_any_bytes_are_read_or_refused(self, body: bytes) -> None:
        for interpret in (wire.publication, wire.handles):
            self.interpret(body, interpret)

    def interpret(self, body: bytes, interpret: Callable[..., object]) -> None:
        """No exception but the one that is answered with 400."""
        try:
            interpret(read(body))
        except Refused as refused:
            self.assertEqual(refused.status, 400)

    @settings(max_examples=200, deadline=2000)
    @given(
        st.text(
            st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"),
            min_size=1,
        )
    )
    def test_any_text_comes_back(self, text: str) -> None:
        self.assertEqual(wire.publication(read(message(text))).body.decode(), text)
        escaped = wire.error("C", text, "I", "H")
        (_, found, _, _) = read(escaped)
        self.assertEqual(found.text, text)


class DangerTests(SynchronousTestCase):
    def test_a_document_type_is_refused_however_harmless(self) -> None:
        document = "<Message><MessageBody>x</MessageBody></Message>"
        for before in (
            "<!DOCTYPE Message>",
            '<!DOCTYPE Message SYSTEM "file:///etc/passwd">',
            "<!-- a -->\n<!DOCTYPE Message [<!ENTITY a 'b'>]>",
            "<?xml version='1.0'?><!DOCTYPE Message [<!ELEMENT Message ANY>]>",
            "<!doctype Message>",
        ):
            self.assertEqual(_refused((before + document).encode()), "MalformedXML", before)
            self.assertEqual(_refused((before + document).encode("utf-16")), "MalformedXML")

    def test_one_in_a_message_is_text(self) -> None:
        text = "<!DOCTYPE html><p class='a'>"
        document = f"<Message><MessageBody><![CDATA[{text}]]></MessageBody></Message>"
        self.assertEqual(wire.publication(read(document.encode())).body.decode(), text)

    def test_bombs_of_entities_stop_at_once(self) -> None:
        entities = "".join(f"<!ENTITY e{n} '{f'&e{n - 1};' * 10}'>" for n in range(1, 12))
        bomb = f"<!DOCTYPE Message [<!ENTITY e0 'x'>{entities}]><Message>&e11;</Message>"
        self.assertEqual(_refused(bomb.encode()), "MalformedXML")
        attribute = bomb.replace("<Message>&e11;", "<Message a='&e11;'>")
        began = time.monotonic()
        self.assertEqual(_refused(attribute.encode()), "MalformedXML")
        self.assertLess(time.monotonic() - began, LONGEST_STEP)

    def test_depth_has_a_limit(self) -> None:
        for depth, code in ((200, ""), (257, "MalformedXML"), (100_000, "MalformedXML")):
            self.assertEqual(_refused(b"<a>" * depth + b"</a>" * depth), code)

    def test_nothing_is_loaded(self) -> None:
        document = (
            "<Message xmlns:xi='http://www.w3.org/2001/XInclude'><MessageBody>x</MessageBody>"
            "<MessageTag><xi:include href='file:///etc/passwd' parse='text'/></MessageTag>"
            "</Message>"
        )
        self.assertEqual(_refused(document.encode()), "")
        self.assertRaises(Refused, wire.publication, read(document.encode()))


class PaceTests(SynchronousTestCase):
    def longest_step(self, body: bytes) -> float:
        """Seconds, in the slowest step of the reading."""
        longest = 0.0
        began = time.monotonic()
        try:
            steps = Reading(body).steps()
            while True:
                before = time.monotonic()
                next(steps)
                longest = max(longest, time.monotonic() - before)
        except (Refused, StopIteration):
            longest = max(longest, time.monotonic() - before)
        self.assertLess(time.monotonic() - began, 10 * LONGEST_STEP)
        return longest

    def test_no_step_takes_long(self) -> None:
        whole = b"<Message><MessageBody>%b</MessageBody></Message>"
        for body in (
            *(
                whole % (b"x" * 31 * MIB),
                whole % (b"&quot;" * 5 * MIB),
                whole % (b"<a/>" * 7 * MIB),
            ),
            *(whole % (b"<![CDATA[x]]>" * 2 * MIB), whole % (b"<!---->" * 4 * MIB)),
            *(whole % (b"<?a?>" * 6 * MIB), b"<" * 31 * MIB, b"<a" + b"a" * 31 * MIB),
            b"<a " + b" ".join(b'a%d=""' % number for number in range(2_000_000)) + b"/>",
            b"<a " + b" ".join(b'xmlns:a%d="b"' % number for number in range(500_000)) + b"/>",
            *(b"<!--" + b"x" * 31 * MIB, b"<a b='" + b"x" * 31 * MIB, b"<a b=\"'" * 4 * MIB),
            b"<!DOCTYPE a [" + b"<!ENTITY b 'c'>" * MIB,
        ):
            self.assertLess(self.longest_step(body), LONGEST_STEP, body[:60])
