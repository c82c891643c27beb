"""Any bytes, cut in any way: the same answers, or a refusal, and always an end."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mqgate.web.limits import HTTPLimits
from tests.web.world import Connection, SiteCase

METHODS = st.sampled_from([b"GET", b"POST", b"PUT", b"DELETE", b"HEAD"])
PATHS = st.text("abc/%2F.~", max_size=20).map(lambda text: b"/" + text.encode())
HEADERS = st.lists(
    st.tuples(
        st.sampled_from([b"Host", b"x-a", b"AUTHORIZATION"]),
        st.binary(max_size=20).map(lambda value: value.translate(None, b"\0\r\n")),
    ),
    max_size=4,
)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """One request in order, its body within the limit or somewhat beyond."""
    lines = [b"%s %s HTTP/1.1" % (draw(METHODS), draw(PATHS))]
    lines += [b"%s: %s" % header for header in draw(HEADERS)]
    body = draw(st.binary(max_size=60))
    if draw(st.booleans()):
        lines.append(b"Content-Length: %d" % len(body))
        return b"\r\n".join(lines) + b"\r\n\r\n" + body
    lines.append(b"Transfer-Encoding: chunked")
    cut = draw(st.integers(0, len(body)))
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (body[:cut], body[cut:]) if piece
    )
    return b"\r\n".join(lines) + b"\r\n\r\n" + chunks + b"0\r\n\r\n"


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    """The stream, cut at these places."""
    places = sorted({cut % (len(stream) + 1) for cut in cuts} | {0, len(stream)})
    return [stream[a:b] for a, b in pairwise(places)]


CUTS = st.lists(st.integers(0, 10_000), max_size=12)
#: Bytes that are nearly HTTP get further than any bytes.
FRAGMENTS = st.sampled_from(
    [
        b"GET ", b"POST /1 ", b"/", b"http://h", b" HTTP/1.1", b" HTTP/1.0", b"\r\n", b"\r", b"\n",
        b"\r\n\r\n", b"Content-Length: ", b"Transfer-Encoding: chunked\r\n", b"Connection: close",
        b"Expect: 100-continue\r\n", b": ", b"a: b\r\n", b"0\r\n", b"5\r\n", b"ffffffff", b"12",
        b"\0", b"x" * 300, b" ", b"\xff",
    ]
)  # fmt: skip
STREAMS = st.lists(st.one_of(FRAGMENTS, st.binary(max_size=8)), max_size=25).map(b"".join)


class World(SiteCase):
    """What a hypothesis example needs of `SiteCase`, made anew for each."""

    limits = HTTPLimits(head_bytes=600, discard_bytes=20, linger_bytes=1000)

    def runTest(self) -> None:
        """Nothing by itself."""

    def opened(self) -> Connection:
        """A connection to a fresh site."""
        self.setUp()
        self.front.limit = 40
        return self.connect()


class PiecesTests(SynchronousTestCase):
    """What the network does to a stream must not show in the answers."""

    @settings(deadline=None)
    @given(st.lists(requests(), min_size=1, max_size=4), CUTS)
    def test_however_requests_are_cut_they_get_the_same_answers(
        self, sent: list[bytes], cuts: list[int]
    ) -> None:
        """All of them, in order, on a connection that stays open."""
        whole, cut = World(), World()
        one, other = whole.opened(), cut.opened()
        stream = b"".join(sent)
        one.send(stream)
        other.send(*pieces(stream, cuts))
        answers = one.received()
        self.assertEqual(other.received(), answers)
        self.assertFalse(one.closing or other.closing)
        self.assertEqual(len(whole.front.asked) + len(whole.front.faults), len(sent))
        whole.doCleanups()
        cut.doCleanups()

    @settings(deadline=None, max_examples=300)
    @given(STREAMS, CUTS)
    def test_whatever_comes_there_is_an_end(self, stream: bytes, cuts: list[int]) -> None:
        """No exception, nothing but answers, and no connection beyond its deadlines."""
        world = World()
        connection = world.opened()
        for piece in pieces(stream, cuts):
            if not connection.closing:
                connection.send(piece)
        world.seconds_pass(80)
        self.assertTrue(connection.closing)
        data = connection.received()
        if data:
            self.assertTrue(data.startswith(b"HTTP/1.1 "))
        world.doCleanups()
