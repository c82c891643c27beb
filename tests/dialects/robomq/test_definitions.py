"""Exchanges, queues and bindings in the configuration."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from mqgate.config.problems import ConfigurationError
from mqgate.config.reader import read
from mqgate.dialects import ALL
from mqgate.dialects.robomq import DECLARATION
from mqgate.dialects.robomq.routes import POLICY
from mqgate.engine.values import Topology

SECTION = """
[namespaces.demo.robomq]
vhosts = ["demo", "other"]
users = [{ name = "demo", password = "s3cret", rights = ["read"] }]
"""
ALERTS = """
[[namespaces.demo.robomq.exchanges]]
name = "alerts"
type = "fanout"

[[namespaces.demo.robomq.queues]]
name = "mail"

[[namespaces.demo.robomq.bindings]]
source = "alerts"
destination = "mail"
"""
#: Keys of the section, on top of those that have to be there.
QUEUE = 'queues = [{ name = "q" }]\n'
#: 255 bytes, and one more.
LONGEST = "\u00e4" * 127 + "a"
TOO_LONG = "\u00e4" * 128


class DefinitionTests(SynchronousTestCase):
    def topologies(self, text: str) -> dict[str, Topology]:
        """What a configuration with these keys wants, by vhost."""
        path = self.mktemp()
        with open(path, "w", encoding="utf-8") as file:
            file.write(SECTION + text)
        self.path = path
        configuration = read(path, ALL, os.environ)
        section = configuration.namespaces[0].sections["robomq"]
        return dict(DECLARATION.topologies(section))

    def fault(self, text: str) -> str:
        """Why these keys are refused."""
        error = self.assertRaises(ConfigurationError, self.topologies, text)
        self.assertNotIn("\n", str(error))
        self.assertNotIn("s3cret", str(error))
        return str(error).removeprefix(f"{self.path}: namespaces.demo.robomq").lstrip(":. ")

    def test_a_section_need_not_want_anything(self) -> None:
        nothing = Topology({}, {}, [])
        self.assertEqual(self.topologies(""), {"demo": nothing, "other": nothing})

    def test_what_is_declared_is_wanted_in_the_first_vhost(self) -> None:
        wanted = Topology({"alerts": "fanout"}, {"mail": POLICY}, [("alerts", "mail", "")])
        self.assertEqual(self.topologies(ALERTS)["demo"], wanted)

    def test_a_vhost_can_be_named(self) -> None:
        text = (
            'exchanges = [{ name = "e", type = "direct", vhost = "other" }]\n'
            'queues = [{ name = "q", vhost = "other" }, { name = "q" }]\n'
            "bindings = [\n"
            '  { source = "e", destination = "q", routing_key = "k", vhost = "other" },\n'
            '  { source = "amq.topic", destination = "q", routing_key = "a.#" },\n'
            "]\n"
        )
        self.assertEqual(
            self.topologies(text),
            {
                "demo": Topology({}, {"q": POLICY}, [("amq.topic", "q", "a.#")]),
                "other": Topology({"e": "direct"}, {"q": POLICY}, [("e", "q", "k")]),
            },
        )

    def test_names_may_be_as_long_as_amqp_has_them(self) -> None:
        self.assertIn(
            LONGEST, self.topologies(f'queues = [{{ name = "{LONGEST}" }}]')["demo"].queues
        )

    def test_what_cannot_be_made_is_one_line(self) -> None:
        for text, fault in (
            (
                'exchanges = [{ name = "e", type = "headers" }]',
                'exchanges[0].type is text that cannot be used: use "direct" or "fanout" or',
            ),
            ('exchanges = [{ name = "e" }]', "exchanges[0].type is missing: use"),
            (
                'exchanges = [{ type = "topic" }]',
                "exchanges[0].name is missing: use text in quotes",
            ),
            (
                'exchanges = [{ name = "", type = "topic" }]',
                "exchanges[0].name is empty: use a name",
            ),
            (
                'exchanges = [{ name = "amq.topic", type = "topic" }]',
                "exchanges[0].name is 'amq.topic': use one that does not begin with 'amq.'",
            ),
            (
                'exchanges = [{ name = "e", type = "topic" }, { name = "e", type = "fanout" }]',
                "exchanges[1].name is 'e', as that of one before it: use each once",
            ),
            ('queues = [{ name = "q", durable = true }]', "queues[0].durable is not a key: use"),
            ('queues = [{ name = "amq.q" }]', "queues[0].name is 'amq.q': use one that"),
            ('queues = [{ name = "q" }, { name = "q" }]', "queues[1].name is 'q', as that of"),
            ('queues = [{ name = "q", vhost = "no" }]', "queues[0].vhost is 'no': use names that"),
            (f'queues = [{{ name = "{TOO_LONG}" }}]', "queues[0].name cannot be used: use at most"),
            ('queues = [{ name = "a\\u0000b" }]', "queues[0].name cannot be used: use at most"),
            (
                QUEUE + 'bindings = [{ source = "no", destination = "q" }]',
                "bindings[0].source is 'no': use the name of one of the exchanges of vhost 'demo',"
                " or amq.topic, amq.direct, amq.fanout",
            ),
            (
                QUEUE + 'bindings = [{ source = "", destination = "q" }]',
                "bindings[0].source is empty: nothing is bound to the default exchange",
            ),
            (
                QUEUE + 'bindings = [{ source = "amq.topic", destination = "no" }]',
                "bindings[0].destination is 'no': use the name of one of the queues of",
            ),
            (
                QUEUE + 'bindings = [{ source = "amq.topic", destination = "q", vhost = "other" }]',
                "bindings[0].destination is 'q': use the name of one of the queues of",
            ),
            (
                QUEUE + 'bindings = [{ source = "amq.topic", destination = "q", '
                f'routing_key = "{TOO_LONG}" }}]',
                "bindings[0].routing_key cannot be used: use at most 255 bytes, without NUL",
            ),
        ):
            self.assertTrue(self.fault(text).startswith(fault), (self.fault(text), fault))
