"""Paths and queries: pure functions, so hostile bytes are cheap to try."""

from __future__ import annotations

from urllib.parse import quote_from_bytes

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mqgate.dialects.ironmq import limits, target
from mqgate.dialects.ironmq.refusal import Refused

segments = st.lists(st.binary(), min_size=1).filter(lambda each: each[-1] != b"")


class PathTests(SynchronousTestCase):
    def test_a_trailing_slash_is_nothing(self) -> None:
        """The vendor's page writes ``/alerts/``, every client ``/alerts``."""
        self.assertEqual(
            target.split_path(b"/1/projects/p/queues/"), [b"1", b"projects", b"p", b"queues"]
        )
        self.assertEqual(
            target.split_path(b"/1/projects/p/queues"), [b"1", b"projects", b"p", b"queues"]
        )

    def test_empty_segments_are_kept_but_for_one_at_the_end(self) -> None:
        self.assertEqual(target.split_path(b"/1//q//"), [b"1", b"", b"q", b""])
        self.assertEqual(target.split_path(b"/"), [])
        self.assertEqual(target.split_path(b""), [])

    def test_segments_are_decoded_after_the_split(self) -> None:
        """An encoded slash belongs to the name (Ruby and PHP encode names)."""
        self.assertEqual(target.split_path(b"/a%2Fb/c%20d/+"), [b"a/b", b"c d", b"+"])

    def test_a_stray_percent_sign_stands_for_itself(self) -> None:
        """Python, Node and Java put the name into the path as it is."""
        self.assertEqual(target.split_path(b"/100%/%zz/a%20b%"), [b"100%", b"%zz", b"a b%"])

    @given(segments)
    @settings(deadline=None)
    def test_what_is_quoted_comes_back(self, names: list[bytes]) -> None:
        path = "".join("/" + quote_from_bytes(name, safe="") for name in names)
        self.assertEqual(target.split_path(path.encode()), names)

    @given(st.binary())
    @settings(deadline=None)
    def test_no_path_is_too_odd_to_be_split(self, path: bytes) -> None:
        for segment in target.split_path(b"/" + path):
            self.assertIsInstance(segment, bytes)

    def test_names_are_utf_8(self) -> None:
        self.assertEqual(target.name_of("Käse 😀".encode()), "Käse 😀")

    def test_names_that_are_no_text_are_refused(self) -> None:
        for segment in (b"\xff", b"\xed\xa0\x80", b"\xc0\xaf", b"a\0b", b"\0"):
            refused = self.assertRaises(Refused, target.name_of, segment)
            self.assertEqual(refused.status, 400)


class MessageIdTests(SynchronousTestCase):
    def test_ids_are_decimal_digits(self) -> None:
        self.assertEqual(target.message_id("5924625841136130921"), 5924625841136130921)
        self.assertEqual(target.message_id("1"), 1)
        self.assertEqual(target.message_id("9223372036854775807"), (1 << 63) - 1)

    def test_anything_else_is_no_id(self) -> None:
        """Ids of 64 bits and more too: no database could look for them."""
        for text in ("0", "01", "-1", "+1", "1.0", "abc", " 1", "1 ", "1_0", "٣", "²"):
            self.assertIsNone(target.message_id(text), text)
        for text in ("9223372036854775808", "9" * 19, "1" * 20, "9" * 5000):
            self.assertIsNone(target.message_id(text), text)

    @given(st.integers(1, (1 << 63) - 1))
    @settings(deadline=None)
    def test_every_id_is_read_back(self, number: int) -> None:
        self.assertEqual(target.message_id(str(number)), number)

    @given(
        st.lists(
            st.integers(10**18, 2 * 10**18).map(str)
            | st.integers(0, 10**19).map(str)
            | st.sampled_from(["", "0" * 19, "9" * 19, "٣" * 19, " " + "1" * 18, "5" * 19]),
            max_size=4,
        )
    )
    @settings(deadline=None)
    def test_many_are_read_as_each_is(self, texts: list[str]) -> None:
        each = [number for number in map(target.message_id, texts) if number is not None]
        self.assertEqual(target.message_ids(texts), list(dict.fromkeys(each)))


class QueryTests(SynchronousTestCase):
    def test_the_oddities_of_clients_do_no_harm(self) -> None:
        """Python 0.3 and 0.4 send ``?`` alone and ``?&n=2``."""
        plain = target.get_options(b"")
        self.assertEqual(plain, target.GetOptions(n=1, lease=None, wait=0, remove=False))
        for query in (b"&", b"&&=&", b"x", b"x=1&y=%ff&%00=2", b"=5", b"n", b"n=&timeout=&wait="):
            self.assertEqual(target.get_options(query), plain, query)
        self.assertEqual(target.get_options(b"&n=2").n, 2)

    def test_of_a_repeated_name_the_first_counts(self) -> None:
        """As it is with Go's ``Query().Get``, in which the hosted service was written."""
        self.assertEqual(target.get_options(b"n=2&n=x").n, 2)
        self.assertEqual(target.parse_query(b"a=&a=1"), {b"a": b""})

    def test_names_and_values_are_decoded(self) -> None:
        self.assertEqual(
            target.parse_query(b"a+b=c%20d+e&%6e=%32&f=g=h"),
            {b"a b": b"c d e", b"n": b"2", b"f": b"g=h"},
        )

    def test_only_the_word_true_is_true(self) -> None:
        """The seed knows ``true`` and ``false``."""
        self.assertTrue(target.get_options(b"delete=true").remove)
        for value in (b"false", b"True", b"TRUE", b"1", b"yes", b"", b"true%20"):
            self.assertFalse(target.get_options(b"delete=" + value).remove, value)

    def test_numbers_are_brought_into_their_bounds(self) -> None:
        """Section 2's table: clamped, not refused."""
        huge = b"9" * 5000
        for query, expected in (
            (b"n=0", 1), (b"n=1", 1), (b"n=100", 100), (b"n=101", 100), (b"n=" + huge, 100),
            (b"n=007", 7),
        ):  # fmt: skip
            self.assertEqual(target.get_options(query).n, expected, query)
            self.assertEqual(target.peek_count(query), expected, query)
        for query, wait in ((b"wait=0", 0), (b"wait=30", 30_000), (b"wait=31", 30_000)):
            self.assertEqual(target.get_options(query).wait, wait, query)
        for query, lease in (
            (b"timeout=0", None), (b"timeout=1", 30_000), (b"timeout=30", 30_000),
            (b"timeout=86400", 86_400_000), (b"timeout=" + huge, 86_400_000),
        ):  # fmt: skip
            self.assertEqual(target.get_options(query).lease, lease, query)

    def test_zeros_in_front_mean_nothing(self) -> None:
        options = target.get_options(b"n=" + b"0" * 30 + b"2&timeout=" + b"0" * 30)
        self.assertEqual((options.n, options.lease), (2, None))

    def test_go_sends_zeros_for_what_is_not_set(self) -> None:
        """``timeout=0&wait=0`` always: the message's own timeout, and no wait."""
        self.assertEqual(
            target.get_options(b"n=1&timeout=0&wait=0&delete=false"), target.get_options(b"")
        )

    def test_pages_have_bounds_too(self) -> None:
        for query, expected in (
            (b"", (0, 30)), (b"page=1", (30, 30)), (b"page=2&per_page=5", (10, 5)),
            (b"per_page=0", (0, 1)), (b"per_page=101", (0, 100)),
            (b"page=101&per_page=100", (10_000, 100)),
        ):  # fmt: skip
            self.assertEqual(target.paging(query), expected, query)

    def test_what_is_no_number_is_refused(self) -> None:
        """Wrong types are 400 in the seed."""
        for value in (
            b"-1",
            b"x",
            b"1.5",
            b"1e2",
            b"0x1",
            b"true",
            b"%ff",
            b"+5",
            b"1%002",
            b"\xb2",
        ):
            for name, read in (
                (b"n", target.get_options), (b"timeout", target.get_options),
                (b"wait", target.get_options), (b"n", target.peek_count),
                (b"page", target.paging), (b"per_page", target.paging),
            ):  # fmt: skip
                refused = self.assertRaises(Refused, read, name + b"=" + value)
                self.assertEqual(refused.status, 400)
                self.assertIn(name.decode(), refused.text)

    @given(st.binary())
    @settings(deadline=None)
    def test_no_query_does_worse_than_being_refused(self, query: bytes) -> None:
        try:
            options = target.get_options(query)
        except Refused as refused:
            self.assertEqual(refused.status, 400)
        else:
            self.assertIn(options.n, range(1, 101))

    @given(st.integers(0), st.sampled_from([limits.COUNT, limits.WAIT, limits.TIMEOUT]))
    @settings(deadline=None)
    def test_clamped_numbers_are_in_bounds(self, value: int, limit: limits.Limit) -> None:
        self.assertTrue(limit.low <= limit.clamp(value) <= limit.high)
