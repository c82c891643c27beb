"""Request headers, which stand in for Twisted's."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from mqgate.web.headers import ReceivedHeaders


class ReceivedHeadersTests(SynchronousTestCase):
    """They answer as a `Headers` of the same content does."""

    def setUp(self) -> None:
        content = {b"host": (b"h",), b"x-a": (b"1", b"\xc3\xa9")}
        self.received = ReceivedHeaders(content)
        self.plain = Headers({name: list(values) for name, values in content.items()})

    def test_lookups_are_those_of_plain_headers(self) -> None:
        """By bytes or text, in any case, with or without a default."""
        for name in (b"Host", b"HOST", b"x-a", b"none"):
            self.assertEqual(self.received.hasHeader(name), self.plain.hasHeader(name))
            self.assertEqual(
                list(self.received.getRawHeaders(name, ())),
                list(self.plain.getRawHeaders(name, ())),
            )
            text = name.decode()
            self.assertEqual(self.received.hasHeader(text), self.plain.hasHeader(text))
            self.assertEqual(self.received.getRawHeaders(text), self.plain.getRawHeaders(text))

    def test_all_of_them_can_be_read(self) -> None:
        """As pairs of a name and its values."""
        all_of_them = dict(self.received.getAllRawHeaders())
        self.assertEqual(all_of_them, {b"host": (b"h",), b"x-a": (b"1", b"\xc3\xa9")})

    def test_they_are_equal_to_plain_headers(self) -> None:
        """And not to others, nor to anything else."""
        self.assertEqual(self.received, self.plain)
        self.assertNotEqual(self.received, Headers())
        self.assertNotEqual(self.received, {})

    def test_they_cannot_be_changed_but_a_copy_can(self) -> None:
        """One head may serve many requests."""
        with self.assertRaises(TypeError):
            self.received.setRawHeaders(b"Host", [b"x"])
        with self.assertRaises(TypeError):
            self.received.addRawHeader(b"Host", b"x")
        with self.assertRaises(TypeError):
            self.received.removeHeader(b"Host")
        copy = self.received.copy()
        copy.removeHeader(b"Host")
        self.assertTrue(self.received.hasHeader(b"Host"))

    def test_their_text_holds_no_values(self) -> None:
        """It may get into a log, and values may be secrets."""
        self.assertEqual(repr(self.received), "<ReceivedHeaders [b'host', b'x-a']>")
