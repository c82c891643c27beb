"""Hostile requests over the whole server but for sockets; how many of them is for others to say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from mqgate.dialects.ironmq import limits
from tests.fuzz import hostile
from tests.fuzz.case import KNOWN, HostileCase
from tests.fuzz.rig import (
    ALL_DEADLINES,
    AUTHORIZED,
    PROJECT,
    QUEUES,
    SUSPENDED,
    get,
    post,
    request,
)

_POSTED = json.dumps(hostile.VALID["/messages"]).encode()
_SMUGGLED = post("/smuggled/messages", _POSTED)
#: The head of a post in chunks.
_WEBHOOK = f"{QUEUES}/q/messages/webhook"
_CHUNKS = request("POST", _WEBHOOK, None, AUTHORIZED, b"Transfer-Encoding: chunked")
#: Further from the limit, the server stops reading and ends the connection.
_READ_BEYOND = 4 * 1024 * 1024


class HostileRequests(HostileCase):
    """Hostile requests to IronMQ, and to no dialect."""

    def samples(self) -> list[bytes]:
        """A valid request for each endpoint, and some beside."""
        message = KNOWN.decode()
        return [
            request("GET", f"{QUEUES}?page=0&per_page=10", None, AUTHORIZED),
            get("/q"),
            post("/new", b"{}"),
            post("/q/clear", b""),
            get("/q/messages?n=2&timeout=30&wait=5&delete=true"),
            post("/q/messages", _POSTED),
            request("DELETE", f"{QUEUES}/q", None, AUTHORIZED),
            request(
                "DELETE",
                f"{QUEUES}/q/messages",
                json.dumps({"ids": [message]}).encode(),
                AUTHORIZED,
            ),
            get("/q/messages/peek?n=3"),
            post("/q/messages/webhook", b"any text"),
            get(f"/q/messages/{message}"),
            post(f"/q/messages/{message}/touch", b""),
            post(f"/q/messages/{message}/release", b'{"delay": 60}', b"Expect: 100-continue"),
            request("GET", "/openapi.json"),
            request("GET", "/healthz"),
        ]

    def any_requests(self, most: int) -> SearchStrategy[bytes]:
        """Some valid requests, one behind the other."""
        samples = st.lists(st.sampled_from(self.samples()), min_size=1, max_size=most)
        return samples.map(b"".join)

    # The tests

    def test_damaged_requests(self) -> None:
        """Bytes flipped, cut, doubled, moved or inserted, in up to three requests in a row."""
        self.try_all(
            self.any_requests(3).flatmap(hostile.damaged).flatmap(hostile.in_pieces), dialect=False
        )

    def test_unfinished_requests(self) -> None:
        """Whatever its beginning was, and however damaged: at the last deadline it is over."""
        unfinished = st.one_of(
            self.any_requests(2), self.any_requests(2).flatmap(hostile.damaged)
        ).flatmap(lambda whole: st.integers(0, len(whole)).map(lambda end: (whole[:end],)))
        self.try_all(unfinished, dialect=False, ends=True, seconds=ALL_DEADLINES)

    def test_slow_heads_and_bodies(self) -> None:
        """A byte a second is not fast enough, however many there are: 400 and an end."""
        slow_head = get("/q/messages", b"X: " + b"x" * 100)
        slow_body = [b"x"] * 100
        for why, pieces in {
            "head": [slow_head[at : at + 1] for at in range(len(slow_head))],
            "body": [post("/q/messages/webhook", b"x" * 100)[:-100], *slow_body],
            "chunks": [_CHUNKS, *[b"1\r\nx\r\n"] * 100],
            "one chunk": [_CHUNKS, b"64\r\n", *slow_body],
            "trailers": [_CHUNKS, b"0\r\n", *[b"X: y\r\n"] * 100],
        }.items():
            with self.subTest(why):
                self.expect(*pieces, statuses=(400,), ends=True, every=1)

    def test_hostile_values_at_every_place_of_a_body(self) -> None:
        """Refused in the dialect's shape, by a connection that stays; or a value it can take."""
        for below, valid in hostile.VALID.items():
            path = "/q" + below.format(id=KNOWN.decode())
            bodies = hostile.hostile_bodies(valid)
            self.each(bodies, partial(self._value_is_taken_or_refused, path))

    def _value_is_taken_or_refused(self, path: str, body: bytes) -> None:
        exchange = self.expect(post(path, body), statuses=(201, 400, 403, 406))
        self.assertFalse(exchange.closed)

    def test_hostile_queries(self) -> None:
        """Numbers that are none, and bytes of all kinds, where a query is read."""
        value = st.one_of(
            st.integers().map(lambda number: b"%d" % number),
            st.sampled_from([b"", b"1.0", b"%00", b"%ff", b"+1", b"1e3", b"9" * 5000, b"\xd9\xa3"]),
            st.binary(max_size=8).map(lambda raw: b"".join(b"%%%02x" % byte for byte in raw)),
        )
        name = st.sampled_from([b"n", b"timeout", b"delete", b"page", b"per_page", b"", b"%6e"])
        queries = st.lists(st.tuples(name, value).map(b"=".join), max_size=4).map(b"&".join)
        paths = st.sampled_from([b"", b"/q/messages", b"/q/messages/peek", b"/q"])
        line = b"GET " + QUEUES.encode() + b"%b?%b HTTP/1.1\r\n" + AUTHORIZED + b"\r\n\r\n"
        requests = st.tuples(paths, queries).map(lambda parts: (line % parts,))
        self.try_all(requests, statuses=(200, 400))

    def test_hostile_names(self) -> None:
        """Bytes of all kinds as the name of a project, a queue and a message."""
        raw = st.binary(min_size=1, max_size=12).map(
            lambda name: b"".join(b"%%%02X" % byte for byte in name)
        ) | st.sampled_from([b"..", b".", b"%2e%2e", b"%2F", b"%", b"\xff", b"a%00", b"q" * 9000])
        line = b"%b /1/projects/%b/queues/%b/messages/%b HTTP/1.1\r\n" + AUTHORIZED + b"\r\n\r\n"
        requests = st.tuples(
            st.sampled_from([b"GET", b"DELETE"]),
            raw | st.just(PROJECT.encode()),
            raw | st.just(b"q"),
            raw,
        ).map(lambda parts: (line % parts,))
        self.try_all(requests, statuses=(400, 404, 401, 405))

    def test_wrong_doors(self) -> None:
        """Wrong tokens, verbs and paths: what each of them gets, whatever else the request has."""
        nobody, stranger = request("GET", QUEUES), b"Authorization: OAuth wrong"
        for sent, statuses, dialect in [
            (nobody, (401,), True),
            (request("GET", QUEUES, None, stranger), (401,), True),
            (request("GET", f"{QUEUES}?oauth=wrong"), (401,), True),
            (request("GET", QUEUES, None, AUTHORIZED, stranger), (401,), True),
            (request("GET", QUEUES, None, b"Authorization: Basic eDp5"), (401,), True),
            (request("POST", QUEUES + "/q/clear", b"", stranger), (401,), True),
            (request("GET", f"/1/projects/{SUSPENDED}/queues", None, AUTHORIZED), (403,), True),
            (request("GET", "/1/projects/unknown/queues", None, AUTHORIZED), (404,), True),
            (request("GET", "/1/", None, AUTHORIZED), (404,), True),
            (request("GET", "/3/projects", None, AUTHORIZED), (404,), True),
            (request("GET", QUEUES + "/q/subscribers", None, AUTHORIZED), (405,), True),
            (request("GET", QUEUES + "/q/nothing", None, AUTHORIZED), (404,), True),
            (request("GET", "/", None, AUTHORIZED), (404,), False),
            (request("GET", "//1/projects", None, AUTHORIZED), (404,), False),
            (request("POST", "/openapi.json", b"{}"), (405,), True),
        ]:
            with self.subTest(sent=sent):
                self.expect(sent, statuses=statuses, dialect=dialect)
                slowly = [sent[at : at + 1] for at in range(len(sent))]
                self.expect(*slowly, statuses=statuses, dialect=dialect)

    def test_wrong_verbs(self) -> None:
        """Any token may be a verb; HEAD is none of this dialect's."""
        verbs = st.sampled_from(["HEAD", "PUT", "PATCH", "OPTIONS", "TRACE", "get", "PURGE"])
        sent = verbs.map(lambda verb: (request(verb, QUEUES + "/q", None, AUTHORIZED),))
        self.try_all(sent, statuses=(405,))

    def test_requests_that_two_readers_could_end_in_different_places(self) -> None:
        """One refusal and an end: what is hidden behind it is never looked at."""
        line = f"POST {_WEBHOOK} HTTP/1.1\r\n".encode() + AUTHORIZED + b"\r\n"
        for why, rest in hostile.SMUGGLING.items():
            sent = line + rest.replace(b"{smuggled}", _SMUGGLED)
            with self.subTest(why):
                self.expect(sent, statuses=(400,), ends=True)
                self.expect(*(sent[at : at + 1] for at in range(len(sent))), statuses=(400,))
        anyhow = st.sampled_from(sorted(hostile.SMUGGLING.values())).map(
            lambda rest: line + rest.replace(b"{smuggled}", _SMUGGLED)
        )
        self.try_all(anyhow.flatmap(hostile.in_pieces), statuses=(400,), ends=True)

    def test_odd_chunks(self) -> None:
        """However a body is cut into chunks that are allowed, it arrives as it was sent."""
        body = b'{"chunks": "0\\r\\n\\r\\n"}' + "\u00e9\r\n0\r\n\r\n".encode()
        sent = hostile.chunked(body).map(lambda chunks: _CHUNKS + chunks)
        self.each(sent.flatmap(hostile.in_pieces), lambda pieces: self._arrives(pieces, body))

    def _arrives(self, pieces: Sequence[bytes], body: bytes) -> None:
        exchange = self.world.exchange(*pieces, compared=False)
        self.assertEqual([answer.status for answer in exchange.answers], [201], exchange)
        (number,) = exchange.answers[0].json["ids"]
        shown = self.world.exchange(get(f"/q/messages/{number}"), compared=False).answers[0]
        self.assertEqual(shown.json["body"].encode(), body)

    def test_bodies_beyond_the_limit(self) -> None:
        """By length and in chunks, told or found out: 403, and the limit itself is allowed."""
        for size, status in [
            (limits.BODY_BYTES, 201),
            (limits.BODY_BYTES + 1, 403),
            (limits.BODY_BYTES + _READ_BEYOND, 403),
            (limits.BODY_BYTES + _READ_BEYOND + 1, 403),
            (1 << 62, 403),
        ]:
            body = b"x" * min(size, limits.BODY_BYTES + _READ_BEYOND)
            told = request("POST", _WEBHOOK, None, AUTHORIZED, b"Content-Length: %d" % size)
            with self.subTest(size=size):
                self.expect(told + body, statuses=(status,))
                self.expect(_CHUNKS + b"%x\r\n%b\r\n0\r\n\r\n" % (size, body), statuses=(status,))
        small = b"1000\r\n" + b"x" * 0x1000 + b"\r\n"
        self.expect(_CHUNKS, *[small] * 2000, statuses=(403,), ends=True)

    def test_pipelines(self) -> None:
        """Answers come in the order of the questions, one for each."""
        asked = {
            get("/q/messages/peek"): 200,
            get("/missing"): 404,
            request("GET", QUEUES): 401,
            request("HEAD", QUEUES, None, AUTHORIZED): 405,
            post("/q/messages", b"{}"): 406,
            post("/q/messages", b"{"): 400,
            request("GET", "/healthz"): 200,
            request("GET", "/nowhere"): 404,
        }
        lists = st.lists(st.sampled_from(sorted(asked)), min_size=2, max_size=20)

        def is_answered(sent: Sequence[bytes]) -> None:
            exchange = self.expect(b"".join(sent), dialect=False)
            wanted = [asked[each] for each in sent]
            self.assertEqual([answer.status for answer in exchange.answers], wanted)

        self.each(lists, is_answered)

    def test_http_1_0(self) -> None:
        """One answer, of which the end of the connection is a part."""
        for extra in ((), (b"Connection: keep-alive",)):
            sent = request("GET", f"{QUEUES}/q", None, AUTHORIZED, *extra, version="1.0")
            self.expect(sent + sent, statuses=(200,), ends=True)
