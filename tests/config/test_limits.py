"""What worlds and queues may hold: from the file to the engine."""

from __future__ import annotations

from mqgate.allowances import allowances
from mqgate.config.values import Configuration
from mqgate.engine.allowance import Allowance, QueueRule
from tests.config.sample import NAMESPACE, declare
from tests.config.test_reader import ReaderTestCase

LIMITS = """
[namespaces.demo.limits]
queues = 10
messages = 1000
bytes = "2 MB"

[[namespaces.demo.queues]]
match = "log-*"
max_length = 100
overflow = "drop-head"

[[namespaces.demo.queues]]
match = "*"
max_length = 500
max_age_seconds = 3600
"""
ALLOWED = Allowance(
    10,
    1000,
    2_000_000,
    (
        QueueRule("log-*", length=100, drop=True),
        QueueRule("*", length=500, drop=False, age=3_600_000),
    ),
)


class AllowanceTests(ReaderTestCase):
    def allowed(self, configuration: Configuration) -> dict[int, Allowance]:
        """Worlds numbered in the order of the configuration's names."""
        names = [name for group in configuration.worlds for name in group]
        numbers = {name: number for number, name in enumerate(sorted(names))}
        return allowances(configuration, [declare("sample"), declare("other")], numbers)

    def test_limits_hold_for_every_world_of_their_namespace(self) -> None:
        more = '[namespaces.more.other]\nrooms = ["d", "e"]\ntokens = []\n'
        configuration = self.read(NAMESPACE.replace('"hall"', '"a", "b"') + more + LIMITS)
        # other/d, other/e, sample/a, sample/b
        self.assertEqual(self.allowed(configuration), {2: ALLOWED, 3: ALLOWED})

    def test_without_them_a_world_has_none(self) -> None:
        self.assertEqual(self.allowed(self.read(NAMESPACE)), {})
        self.assertEqual(self.allowed(self.read(NAMESPACE + "[namespaces.demo.limits]\n")), {})

    def test_a_part_of_them_will_do(self) -> None:
        text = NAMESPACE + "[namespaces.demo.limits]\nbytes = 5\n"
        self.assertEqual(self.allowed(self.read(text)), {0: Allowance(bytes=5)})

    def test_what_limits_nothing_or_makes_no_sense_is_refused(self) -> None:
        for text, line in [
            (
                "[namespaces.demo.limits]\nqueues = 0",
                "limits.queues is 0: use a whole number of at least 1",
            ),
            (
                "[namespaces.demo.limits]\nbytes = -1",
                'limits.bytes is -1: use a number of bytes or text such as "256 MB"',
            ),
            (
                "[namespaces.demo.limits]\nqueue = 1",
                "limits.queue is not a key: use queues",
            ),
            (
                '[[namespaces.demo.queues]]\nmatch = "a"',
                "queues[0]: has no limit: use max_length, max_age_seconds or both",
            ),
            (
                '[[namespaces.demo.queues]]\nmatch = "a"\nmax_age_seconds = 1\n'
                'overflow = "drop-head"',
                "queues[0]: overflow is for a max_length: use both or neither",
            ),
            (
                '[[namespaces.demo.queues]]\nmatch = "a"\nmax_length = 1\noverflow = "drop"',
                'queues[0].overflow is "drop": use "drop-head" or "reject-publish"',
            ),
            ("[[namespaces.demo.queues]]\nmax_length = 1", "queues[0].match is missing"),
            ("[namespaces.demo.queues]\nmax_length = 1", "queues is a table: use a list"),
        ]:
            with self.subTest(text=text):
                refusal = self.refusal(f"{NAMESPACE}\n{text}\n")
                self.assertIn(f"mqgate.toml: namespaces.demo.{line}", refusal)
