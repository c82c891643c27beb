"""Hostile requests to shiftr's paths; how many of them is for others to say."""

from __future__ import annotations

from functools import partial

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.fuzz import hostile
from tests.fuzz.answers import Answer, check_broker
from tests.fuzz.case import HostileCase
from tests.fuzz.rig import ALL_DEADLINES, request

#: ``demo:secret``
_BASIC = b"Authorization: Basic ZGVtbzpzZWNyZXQ="
_PATH = "/broker/a/b"
#: What may stand in a topic.
_PARTS = st.sampled_from(
    [
        b"",
        b"a",
        b"+",
        b"*",
        b"@",
        b"#",
        b"%23",
        b"%2B",
        b"%2F",
        b"%",
        b"%zz",
        b"%00",
        b"%ff",
        b"\xff",
        b"$SYS",
        b"%24",
        b"a" * 127,
        b"%C3%A4" * 20,
        b".",
        b"..",
        b"%0D%0AX:%20y",
        b"+a",
        b"a%25b",
        b";",
        b"a%3Fretained=true",
    ]
) | st.binary(min_size=1, max_size=12).map(lambda raw: b"".join(b"%%%02X" % byte for byte in raw))
_QUERIES = st.lists(
    st.sampled_from(
        [
            b"retained=true",
            b"retained=1",
            b"retained",
            b"retained=%00",
            b"qos=2",
            b"qos=9",
            b"qos=\xff",
            b"=",
            b"",
            b"%",
            b"a=b;retained=true",
            b"retained=true=",
            b"x" * 999,
        ]
    ),
    max_size=4,
).map(b"&".join)


class HostileBroker(HostileCase):
    """Whatever comes: the right status with a line of text, nothing changed, never 5xx."""

    def check(self, answer: Answer, *, dialect: bool) -> None:
        """See `HostileCase`."""
        check_broker(answer, dialect=dialect)

    def samples(self) -> list[bytes]:
        """A valid request of each kind."""
        return [
            request("GET", _PATH, None, _BASIC),
            request("GET", "/broker/+/@?retained=true", None, _BASIC),
            request("POST", _PATH, b"any bytes \xff", _BASIC),
            request("POST", _PATH + "?retained=true&qos=1", b"", _BASIC),
            request("OPTIONS", _PATH, None, b"Origin: https://a.example"),
        ]

    def any_requests(self, most: int) -> SearchStrategy[bytes]:
        """Some valid requests, one behind the other."""
        samples = st.lists(st.sampled_from(self.samples()), min_size=1, max_size=most)
        return samples.map(b"".join)

    def test_damaged_requests(self) -> None:
        """Bytes flipped, cut, doubled, moved or inserted, in up to three requests in a row."""
        self.try_all(
            self.any_requests(3).flatmap(hostile.damaged).flatmap(hostile.in_pieces), dialect=False
        )

    def test_unfinished_requests(self) -> None:
        """Whatever its beginning was: at the last deadline it is over."""
        unfinished = self.any_requests(2).flatmap(
            lambda whole: st.integers(0, len(whole)).map(lambda end: (whole[:end],))
        )
        self.try_all(unfinished, dialect=False, ends=True, seconds=ALL_DEADLINES)

    def test_hostile_targets(self) -> None:
        """Topics of all kinds, and parameters."""
        parts = st.lists(_PARTS, max_size=5).map(b"/".join)
        for method in (b"GET", b"POST", b"HEAD"):
            line = method + b" /broker/%b?%b HTTP/1.1\r\n" + _BASIC + b"\r\n\r\n"
            sent = st.tuples(parts, _QUERIES).map(partial(_filled, line))
            self.try_all(sent, statuses=(200, 400, 404), dialect=False)

    def test_what_was_published_is_read(self) -> None:
        """Whatever the payload is."""
        self.each(st.binary(max_size=300), self._comes_back)

    def _comes_back(self, payload: bytes) -> None:
        sent = request("POST", _PATH, payload, _BASIC) + request("GET", "/broker/@", None, _BASIC)
        posted, got = self.expect(sent).answers
        self.assertEqual((posted.body, got.body), (b"OK", payload))

    def test_wrong_doors(self) -> None:
        """Wrong credentials, methods and sizes: what each gets, in one piece or in many."""
        for sent, status in [
            (request("GET", _PATH), 401),
            (request("POST", _PATH, b"x", b"Authorization: Basic ===="), 401),
            (request("POST", _PATH, b"x", _BASIC, _BASIC), 401),
            (request("PUT", _PATH, b"", _BASIC), 405),
            (request("GET", "/broker", None, _BASIC), 404),
            (request("POST", "/broker/+", b"x", _BASIC), 400),
            (request("POST", _PATH, b"x" * 65_537, _BASIC), 413),
            (request("GET", _PATH, None, _BASIC, b"X: " + b"x" * 70_000), 431),
        ]:
            with self.subTest(sent=sent[:80]):
                self.expect(sent, statuses=(status,))
                slowly = [sent[at : at + 997] for at in range(0, len(sent), 997)]
                self.expect(*slowly, statuses=(status,))


def _filled(line: bytes, target: tuple[bytes, bytes]) -> tuple[bytes]:
    return (line % target,)
