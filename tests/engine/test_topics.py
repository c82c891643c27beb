"""What filters find among topics, compared with looking at one topic after the other."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mqgate.engine.topics import Names, Recency
from mqgate.storage.interface import Found, TopicRow
from tests.engine.topic_model import matches

WORDS = st.sampled_from(["a", "b", "c", "$d", "long-word", "a.b", "axb"])
TOPICS = st.lists(WORDS, min_size=1, max_size=5).map("/".join)
FILTERS = st.tuples(
    st.lists(st.one_of(WORDS, st.just("+")), max_size=5), st.sampled_from([[], ["#"]])
).map(lambda parts: "/".join(parts[0] + parts[1]) or "#")


class FilterTests(SynchronousTestCase):
    @settings(max_examples=400, deadline=None)
    @given(
        st.lists(st.tuples(TOPICS, st.booleans()), max_size=60),
        st.lists(FILTERS, min_size=1, max_size=20),
    )
    def test_a_filter_finds_what_a_naive_matcher_finds(
        self, changes: list[tuple[str, bool]], filters: list[str]
    ) -> None:
        """Topics come, are published to again, and go."""
        recency, numbers = Recency(), dict[str, int]()
        for number, (topic, stays) in enumerate(changes, 1):
            if stays:
                recency.put(topic, number)
                numbers[topic] = number
            else:
                recency.remove(topic, number)
                numbers.pop(topic, None)
        self.assertEqual(len(recency), len(numbers))
        for pattern in filters:
            found = [topic for topic in numbers if matches(pattern, topic)]
            expected = max(found, key=numbers.__getitem__, default=None)
            self.assertEqual(recency.newest(pattern), expected, pattern)

    def test_the_documented_cases_of_wildcards(self) -> None:
        """As a Mosquitto 2.0.11 answers them."""
        for pattern, topic, expected in (
            ("a/#", "a", True),
            ("a/#", "a/b/c", True),
            ("a/#", "ab", False),
            ("+/#", "a", True),
            ("+/#", "a/b", True),
            ("+/+", "a", False),
            ("+/+", "a/b", True),
            ("+/+", "a/b/c", False),
            ("#", "$d/x", False),
            ("+/x", "$d/x", False),
            ("+/#", "$d/x", False),
            ("$d/#", "$d/x", True),
            ("$d/+", "$d/x", True),
            ("a/#", "a/$d", True),
            ("a/+", "a/$d", True),
            ("+/$d", "a/$d", True),
            ("A", "a", False),
            ("a/+/c", "a/b/c", True),
            ("a/+/c", "a/c", False),
            ("a.b/+", "a.b/c", True),
        ):
            with self.subTest(pattern=pattern, topic=topic):
                recency = Recency()
                recency.put(topic, 1)
                self.assertEqual(recency.newest(pattern) is not None, expected)
                self.assertEqual(matches(pattern, topic), expected)

    def test_a_topic_that_was_published_to_since_is_not_removed(self) -> None:
        recency = Recency()
        recency.put("a", 7)
        recency.remove("a", 6)
        self.assertEqual(recency.newest("#"), "a")
        recency.remove("a", 8)
        self.assertIsNone(recency.newest("#"))

    def test_what_was_asked_before_all_was_forgotten_does_not_pass_for_all(self) -> None:
        """Two reads of one batch: the first one has everything read anew."""
        rows = (TopicRow("a", 1, True), TopicRow("b", 2, True))
        names = Names()
        names.take(0, Found(rows, 2, False, 2, None))
        self.assertEqual(names.newest("#"), "b")
        names.start_over()
        names.take(2, Found((TopicRow("c", 3, True),), 3, False, 3, None))
        self.assertFalse(names.is_complete)
        names.take(0, Found(rows[:1], 1, True, 3, None))
        self.assertIsNone(names.newest("#"))
        names.take(1, Found((*rows[1:], TopicRow("c", 3, True)), 3, False, 3, None))
        self.assertEqual((names.newest("#"), len(names)), ("c", 3))

    def test_what_is_known_already_is_not_taken_in_again(self) -> None:
        """Else older numbers would pass for the newest."""
        names = Names()
        names.take(0, Found((), 0, False, 0, None))
        for number, topic in enumerate("aba", 1):
            names.note(number, TopicRow(topic, number, True), ())
        names.take(0, Found((TopicRow("a", 1, True),), 1, True, 2, None))
        self.assertTrue(names.is_complete)
        names.take(2, Found((TopicRow("a", 3, True),), 3, False, 2, None))
        self.assertEqual(names.newest("#"), "a")

    def test_nothing_is_left_of_topics_that_went(self) -> None:
        recency = Recency()
        for number, topic in enumerate(["a/b/c", "a/b", "a", "$x/b/c", "a/b/c"], 1):
            recency.put(topic, number)
        for topic in ("a/b/c", "a/b", "a", "$x/b/c"):
            recency.remove(topic, 9)
        self.assertEqual(vars(recency), vars(Recency()))
