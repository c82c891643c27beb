"""The documented table of topic matching, and the tree of patterns against a naive matcher."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mqgate.engine.patterns import AMQP, MQTT, PatternTree, Syntax

#: Pattern, keys that it matches, keys that it does not: as RabbitMQ has it.
TABLE: list[tuple[str, list[str], list[str]]] = [
    ("a.#", ["a", "a.b", "a.b.c", "a."], ["aa", "b.a", ""]),
    ("#.a", ["a", "b.a", ".a"], ["x.a.y"]),
    ("a.#.b", ["a.b", "a.x.b", "a.x.y.b", "a..b"], ["a", "b"]),
    ("a.*", ["a.b", "a.", "a.*", "a.#"], ["a", "a.b.c"]),
    ("*", ["a", "a b", "a/b", "*", "#"], ["", "a.b"]),
    ("#", ["", "a", "a.b", ".", "#", "*"], []),
    ("*.#", ["a", "a.b", "a.b.c", ".", "*"], [""]),
    ("#.*", ["a", "a.b", "a.b.c", ".", "#"], [""]),
    ("#.#", ["", "a", "a.b", "."], []),
    ("a.#.#", ["a", "a.b", "a.b.c", "a."], ["aa", "b.a", ""]),
    ("a..b", ["a..b"], ["a.b", "a.x.b"]),
    ("a*", ["a*"], ["ab", "a", "a.b"]),
    ("*a", ["*a"], ["ba", "a"]),
    ("**", ["**"], ["ab", "a.b", "*"]),
    ("##", ["##"], ["ab", "a.b", "#", ""]),
    ("a.**", ["a.**"], ["a.b", "a.b.c", "a.*"]),
    ("", [""], ["a", ".", "#"]),
    (".", ["."], ["", "a.", ".a", ".."]),
    ("*.*", [".", "a.", ".a", "a.b"], ["", "a", ".."]),
    ("*.*.*", ["..", "a.b.c"], [".", "a.b"]),
    ("A", ["A"], ["a"]),
]


def naive(syntax: Syntax, pattern: Sequence[str], key: Sequence[str]) -> bool:
    """Whether the words of a pattern match those of a key, by trying everything."""
    if not pattern:
        return not key
    word, *others = pattern
    if word == syntax.rest:
        return any(naive(syntax, others, key[taken:]) for taken in range(len(key) + 1))
    return bool(key) and word in (syntax.one, key[0]) and naive(syntax, others, key[1:])


class TableTests(SynchronousTestCase):
    """What matches what, row by row."""

    def test_every_row_of_the_table(self) -> None:
        for pattern, keys, others in TABLE:
            tree: PatternTree[str] = PatternTree(AMQP)
            tree.add(pattern, pattern)
            for key in keys:
                self.assertEqual(tree.match(key), {pattern}, f"{pattern!r} should match {key!r}")
            for key in others:
                self.assertEqual(tree.match(key), set(), f"{pattern!r} should not match {key!r}")

    def test_all_rows_in_one_tree(self) -> None:
        tree: PatternTree[str] = PatternTree(AMQP)
        for pattern, _, _ in TABLE:
            tree.add(pattern, pattern)
        for pattern, keys, others in TABLE:
            for key in keys:
                self.assertIn(pattern, tree.match(key))
            for key in others:
                self.assertNotIn(pattern, tree.match(key))

    def test_another_syntax_has_other_words(self) -> None:
        tree: PatternTree[int] = PatternTree(MQTT)
        tree.add("home/+/temperature", 1)
        tree.add("home/#", 2)
        self.assertEqual(tree.match("home/kitchen/temperature"), {1, 2})
        self.assertEqual(tree.match("home"), {2})
        self.assertEqual(tree.match("home.kitchen.temperature"), set())


words = st.sampled_from(["a", "b", "", "*", "#", "a*"])
texts = st.lists(words, max_size=6).map(".".join)


class TreeTests(SynchronousTestCase):
    """The tree finds what trying everything finds."""

    @given(st.lists(texts, max_size=12), st.lists(texts, min_size=1, max_size=6))
    @settings(deadline=None, max_examples=400)
    def test_it_agrees_with_a_naive_matcher(self, patterns: list[str], keys: list[str]) -> None:
        tree: PatternTree[str] = PatternTree(AMQP)
        for pattern in patterns:
            tree.add(pattern, pattern)
        for key in keys:
            wanted = {
                pattern for pattern in patterns if naive(AMQP, AMQP.words(pattern), AMQP.words(key))
            }
            self.assertEqual(tree.match(key), wanted)

    @given(st.lists(st.tuples(st.booleans(), texts, st.integers(1, 2)), max_size=20), texts)
    @settings(deadline=None, max_examples=400)
    def test_it_is_the_same_whatever_was_in_it_before(
        self, steps: list[tuple[bool, str, int]], key: str
    ) -> None:
        tree: PatternTree[tuple[str, int]] = PatternTree(AMQP)
        left = set()
        for added, pattern, value in steps:
            if added:
                tree.add(pattern, (pattern, value))
                left.add((pattern, value))
            else:
                tree.discard(pattern, (pattern, value))
                left.discard((pattern, value))
        wanted = {it for it in left if naive(AMQP, AMQP.words(it[0]), AMQP.words(key))}
        self.assertEqual(tree.match(key), wanted)
        for pattern, value in left:
            tree.discard(pattern, (pattern, value))
        self.assertEqual(tree._root.below, {})

    def test_patterns_that_do_not_match_cost_nothing(self) -> None:
        """Counted in nodes visited, which time would only tell on a quiet machine."""

        def visited(patterns: int) -> int:
            tree: PatternTree[int] = PatternTree(AMQP)
            for number in range(patterns):
                tree.add(f"device.{number}.state.#", number)
                tree.add(f"#.alarm.{number}", number)
            steps = 0
            step = tree._after

            def counted(reached, word):  # type: ignore[no-untyped-def]
                nonlocal steps
                reached = list(reached)
                steps += len(reached)
                return step(reached, word)

            tree._after = counted  # type: ignore[method-assign]
            self.assertEqual(tree.match("device.7.state.on"), {7})
            return steps

        self.assertEqual(visited(10), visited(5000))

    def test_a_pattern_of_many_wildcards_is_no_trap(self) -> None:
        """128 words are the most that fit a key; trying everything would not end."""
        tree: PatternTree[str] = PatternTree(AMQP)
        keys = [".".join([word] * 128) for word in "ab"]
        for pattern, matched in ((["#", "a"] * 64, [True, False]), (["#"] * 128, [True, True])):
            tree.add(".".join(pattern), pattern[1])
            self.assertEqual([pattern[1] in tree.match(key) for key in keys], matched)
        self.assertLess(len(list(tree._with_none_more([tree._root]))), 3)

    def test_patterns_that_mean_the_same_are_one(self) -> None:
        for patterns in (["#", "#.#", "#.#.#"], ["*.*.#", "*.#.*", "#.*.*", "#.*.#.*.#"]):
            self.assertEqual(len({tuple(AMQP.plain(pattern)) for pattern in patterns}), 1)
        self.assertNotEqual(AMQP.plain("*.a.#"), AMQP.plain("#.a.*"))
