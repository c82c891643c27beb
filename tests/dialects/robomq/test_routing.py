"""Missing resources, topic matching, default and reserved names: sections on what is made."""

from __future__ import annotations

from urllib.parse import quote

from mqgate.engine.values import Topology
from tests.dialects.robomq.case import RoboMQCase

#: Patterns, keys that they match and keys that they do not: seen on a RabbitMQ.
MATCHING = {
    "a.#": (["a", "a.b", "a.b.c", "a."], ["aa", "b.a"]),
    "#.a": (["a", "b.a", ".a"], ["x.a.y"]),
    "a.#.b": (["a.b", "a.x.b", "a.x.y.b", "a..b"], ["a", "b"]),
    "a.*": (["a.b", "a.", "a.*", "a.#"], ["a", "a.b.c"]),
    "*": (["a", "a b", "a/b", "*", "#"], ["", "a.b"]),
    "#": (["a", "a.b", "", ".", "*"], []),
    "*.#": (["a", "a.b", ".", "a.b.c"], [""]),
    "#.*": (["a", "a.b", ".", "a.b.c"], [""]),
    "#.#": (["a", "a.b", "", "."], []),
    "a.#.#": (["a", "a.b", "a.b.c", "a."], ["aa", "b.a"]),
    "a..b": (["a..b"], ["a.b"]),
    "a*": (["a*"], ["ab", "a"]),
    "*a": (["*a"], ["ba", "a"]),
    "**": (["**"], ["ab", "a"]),
    "##": (["##"], ["ab", "a"]),
    "a.**": (["a.**"], ["a.b"]),
    "": ([""], ["a", "."]),
    "A": (["A"], ["a"]),
}


class MissingTests(RoboMQCase):
    def topology(self) -> tuple[dict[str, str], list[tuple[str, str, str]]]:
        """Exchanges with their types, and bindings, as the database has them."""
        exchanges = self.rows("SELECT name, type FROM exchange WHERE removed = 0")
        bindings = self.rows(
            "SELECT exchange, queue.name, key FROM binding JOIN queue"
            " ON queue.world = binding.world AND queue.number = binding.queue"
            " WHERE binding.removed = 0 ORDER BY 1, 2, 3"
        )
        return dict(exchanges), bindings

    def test_a_get_makes_exchange_queue_and_binding(self) -> None:
        self.assertEqual(self.get().status, 204)
        self.assertEqual(self.topology(), ({"testEx": "topic"}, [("testEx", "testQ", "testKey")]))
        self.assertEqual(self.queue_names(), ["testQ"])

    def test_a_post_makes_exchange_queue_and_binding(self) -> None:
        self.published("a")
        self.assertEqual(self.topology(), ({"testEx": "topic"}, [("testEx", "testQ", "testKey")]))
        self.assertEqual(self.bodies(), ["a"])

    def test_what_is_there_is_not_made_again(self) -> None:
        self.published("a")
        before = self.rows("SELECT version FROM world")
        self.published("b")
        self.assertEqual(self.bodies(), ["a", "b"])
        self.assertEqual(self.rows("SELECT version FROM world"), before)

    def test_every_key_of_a_url_stays_bound(self) -> None:
        for key in ("one", "two", "one"):
            self.get(key)
        self.assertEqual(
            self.topology()[1], [("testEx", "testQ", "one"), ("testEx", "testQ", "two")]
        )
        self.published("a", "one", "other")
        self.published("b", "two", "other")
        self.assertEqual(self.bodies(), ["a", "b"])

    def test_one_queue_under_two_exchanges_is_one_queue(self) -> None:
        self.published("a", "k", "q", "one")
        self.published("b", "k", "q", "two")
        self.assertEqual(self.bodies("k", "q", "three"), ["a", "b"])

    def test_an_exchange_of_another_type_is_used_as_it_is(self) -> None:
        self.engine.declare(self.worlds["demo"], Topology({"d": "direct"}, {}, ()))
        self.get("a.*", "patterned", "d")
        self.published("x", "a.b", "exact", "d")
        self.assertEqual(self.bodies("a.*", "patterned", "d"), [])
        self.assertEqual(self.bodies("a.b", "exact", "d"), ["x"])
        self.assertEqual(self.topology()[0], {"d": "direct"})

    def test_nothing_is_deleted(self) -> None:
        self.get()
        self.assert_refused(self.ask("DELETE", self.where()), 405)


class MatchingTests(RoboMQCase):
    def test_every_row_of_the_table(self) -> None:
        for pattern, (matching, others) in MATCHING.items():
            for key in matching + others:
                # An exchange of its own for each, as every key that was tried stays bound.
                with self.subTest(pattern=pattern, key=key):
                    exchange = quote(f"{pattern}|{key}", "")
                    self.get(quote(pattern, ""), f"{exchange}-bound", exchange)
                    self.published("a", quote(key, ""), f"{exchange}-own", exchange)
                    got = self.bodies(quote(pattern, ""), f"{exchange}-bound", exchange)
                    self.assertEqual(got, ["a"] if key in matching else [])

    def test_several_bindings_of_one_queue_that_match_give_one_copy(self) -> None:
        for pattern in ("a.%23", "%23", "a.*", "*.b"):
            self.get(pattern)
        self.published("x", "a.b")
        self.assertEqual(self.bodies(), ["x"])

    def test_several_queues_that_match_get_one_copy_each(self) -> None:
        for queue, pattern in (("one", "a.*"), ("two", "%23"), ("three", "b.*")):
            self.get(pattern, queue)
        self.published("x", "a.b", "four")
        found = {name: self.bodies("z", name) for name in ("one", "two", "three", "four")}
        self.assertEqual(found, {"one": ["x"], "two": ["x"], "three": [], "four": ["x"]})

    def test_a_queue_bound_after_the_publish_gets_nothing(self) -> None:
        self.published("x", "a.b", "early")
        self.assertEqual(self.bodies("%23", "late"), [])

    def test_a_post_always_reaches_its_own_queue(self) -> None:
        """It is bound with that very key first, and every pattern matches itself."""
        for key in ("%23", "a.*", "*.%23", "", ".", "a..b", "%23.%23"):
            self.published("x", key, "q" + key)
            self.assertEqual(self.bodies(key, "q" + key)[:1], ["x"])

    def test_stars_and_hashes_of_a_published_key_are_plain_text(self) -> None:
        self.get("a.b", "bound")
        self.published("x", "a.*", "own")
        self.assertEqual(self.bodies("a.b", "bound"), [])


class NameTests(RoboMQCase):
    def test_the_default_exchange_leads_to_the_queue_that_the_key_names(self) -> None:
        self.published("a", "other", "testQ", "")
        self.assertEqual(self.queue_names(), ["testQ"])
        self.get("x", "other", "")
        self.published("b", "other", "testQ", "")
        answer = self.get("whatever", "other", "")
        self.assertEqual(answer.text, "b")
        self.assertEqual((answer.envelop["exchange"], answer.envelop["routingKey"]), ("", "other"))
        self.assertEqual(self.bodies("testQ", "testQ", ""), [])
        self.assertEqual(self.rows("SELECT * FROM binding"), [])

    def test_the_queue_of_the_default_exchange_is_made(self) -> None:
        self.assertEqual(self.get("k", "q", "").status, 204)
        self.published("a", "p", "p", "")
        self.assertEqual(self.queue_names(), ["p", "q"])
        self.assertEqual(self.bodies("p", "p", ""), ["a"])

    def test_amq_topic_matches_patterns(self) -> None:
        self.get("a.*", "bound", "amq.topic")
        self.published("x", "a.b", "own", "amq.topic")
        self.assertEqual(self.get("a.*", "bound", "amq.topic").envelop["exchange"], "amq.topic")

    def test_amq_direct_compares_keys(self) -> None:
        for key in ("a.*", "a.b"):
            self.get(key, f"q{key}", "amq.direct")
        self.published("x", "a.b", "own", "amq.direct")
        self.assertEqual(self.bodies("a.*", "qa.*", "amq.direct"), [])
        self.assertEqual(self.bodies("a.b", "qa.b", "amq.direct"), ["x"])

    def test_amq_fanout_leads_everywhere(self) -> None:
        for queue in ("one", "two"):
            self.get(f"key-of-{queue}", queue, "amq.fanout")
        self.published("x", "another", "own", "amq.fanout")
        for queue in ("one", "two", "own"):
            self.assertEqual(self.bodies(f"key-of-{queue}", queue, "amq.fanout"), ["x"])

    def test_what_is_predeclared_is_not_made(self) -> None:
        for exchange in ("amq.topic", "amq.direct", "amq.fanout"):
            self.published("x", "k", "q", exchange)
        self.assertEqual(self.rows("SELECT * FROM exchange"), [])

    def test_other_exchanges_and_queues_with_the_prefix_are_refused(self) -> None:
        for name in ("amq.headers", "amq.match", "amq.x", "amq.", "amq.topic.x"):
            for kind, names in (("exchange", ("k", "q", name)), ("queue", ("k", name, "e"))):
                text = f"403 ACCESS_REFUSED - {kind} name '{name}' contains reserved prefix 'amq.*'"
                self.assert_refused(self.get(*names), 403, text)
                self.assert_refused(self.post("a", *names), 403, text)
        self.assert_refused(self.get("k", "amq.topic", "e"), 403)
        self.assertEqual(self.queue_names(), [])

    def test_what_only_looks_reserved_is_not(self) -> None:
        for name in ("amq", "amqx", "AMQ.x", "x.amq."):
            self.published("a", "amq.x", name, name)
            self.assertEqual(self.bodies("amq.x", name, name), ["a"])
