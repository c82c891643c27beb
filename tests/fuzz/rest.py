"""Hostile requests to RoboMQ's paths; how many of them is for others to say."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.fuzz import hostile
from tests.fuzz.answers import Answer, check_rest
from tests.fuzz.case import HostileCase
from tests.fuzz.rig import ALL_DEADLINES, TOKEN, request

_TOKEN = f"X-Secret-Token: {TOKEN}".encode()
_PATH = "/rest/demo/ex/q/a.b"
#: Properties that are granted.
_VALID: dict[str, Any] = {
    "contentType": "text/plain", "headers": {"a": [1, {"b": None}], "CC": ["x"]}, "deliveryMode": 2,
    "priority": 1, "correlationId": "c", "expiration": "60000", "timestamp": 1, "userId": "demo",
    "CC": "a", "BCC": ["b"], "mandatory": True, "immediate": False, "persistent": True,
}  # fmt: skip
#: What may stand in a part of a path.
_KNOWN_PARTS = [
    b"", b"demo", b"%2F", b"ex", b"q", b"%", b"%zz", b"%00", b"%ff", b"\xff", b"amq.x",
    b"amq.topic", b"%23", b"*", b"a" * 256, b"%C3%A4" * 200, b".", b"..", b"%0D%0AX:%20y", b"+",
    b"%25",
]  # fmt: skip
_PARTS = st.sampled_from(_KNOWN_PARTS) | st.binary(min_size=1, max_size=12).map(
    lambda raw: b"".join(b"%%%02X" % byte for byte in raw)
)


def _properties(text: bytes) -> bytes:
    return b"X-AMQP-Properties: " + text


class HostileRest(HostileCase):
    """Whatever comes: the right status with a line of text, nothing changed, never 5xx but 501."""

    def check(self, answer: Answer, *, dialect: bool) -> None:
        """See `HostileCase`."""
        check_rest(answer, dialect=dialect)

    def samples(self) -> list[bytes]:
        """A valid request of each kind."""
        given = _properties(json.dumps(_VALID).encode())
        return [
            request("GET", _PATH, None, _TOKEN),
            request("GET", _PATH, None, b"Authorization: Basic ZGVtbzpzZWNyZXQ="),
            request("POST", _PATH, b"any bytes \xff", _TOKEN, given),
            request("POST", "/rest/demo//q/q", b"", _TOKEN),
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

    def test_hostile_values_at_every_place_of_the_properties(self) -> None:
        """Refused, or taken and handed out as JSON that can be read."""
        self.each(hostile.hostile_bodies(_VALID), self._are_taken_or_refused)

    def _are_taken_or_refused(self, text: bytes) -> None:
        sent = request("POST", _PATH, b"x", _TOKEN, _properties(text))
        statuses = (200, 400, 404, 431, 501)
        [answer] = self.expect(sent + request("GET", _PATH, None, _TOKEN)).answers[:1]
        self.assertIn(answer.status, statuses)

    def test_hostile_paths(self) -> None:
        """Names of all kinds, in any number."""
        for method in (b"GET", b"POST"):
            line = method + b" /rest/%b HTTP/1.1\r\n" + _TOKEN + b"\r\n\r\n"
            paths = st.lists(_PARTS, min_size=3, max_size=5).map(b"/".join)
            sent = paths.map(partial(_filled, line))
            self.try_all(sent, statuses=(200, 204, 400, 403, 404, 431))

    def test_wrong_doors(self) -> None:
        """Wrong credentials, methods and vhosts: what each gets, in one piece or in many."""
        for sent, status in [
            (request("GET", _PATH), 401),
            (request("POST", _PATH, b"", b"X-Secret-Token: wrong"), 401),
            (request("GET", _PATH, None, _TOKEN, _TOKEN), 401),
            (request("GET", _PATH, None, b"Authorization: Basic ===="), 401),
            (request("HEAD", _PATH, None, _TOKEN), 405),
            (request("PUT", _PATH, b"", _TOKEN), 405),
            (request("GET", "/rest/other/ex/q/k", None, _TOKEN), 404),
            (request("GET", "/rest", None, _TOKEN), 404),
            (request("POST", _PATH, b"", _TOKEN, _properties(b"x" * 60_000)), 431),
            (request("POST", _PATH, b"", _TOKEN, _properties(b"x" * 70_000)), 431),
        ]:
            with self.subTest(sent=sent[:80]):
                self.expect(sent, statuses=(status,))
                slowly = [sent[at : at + 997] for at in range(0, len(sent), 997)]
                self.expect(*slowly, statuses=(status,))


def _filled(line: bytes, path: bytes) -> tuple[bytes]:
    return (line % path,)
