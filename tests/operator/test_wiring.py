"""``exchanges``, ``bindings`` and ``unbind``."""

from __future__ import annotations

from mqgate.engine.values import NewMessage, Topology, Wiring
from tests.operator.case import PROJECTS, CommandCase

A, B = PROJECTS
NAME_A, NAME_B = (f"demo/ironmq/{project}" for project in PROJECTS)

VHOST = """
[namespaces.demo.robomq]
vhosts = ["plant"]
users = [{ name = "u", password = { env = "UNSET" }, rights = ["read"] }]
exchanges = [{ name = "orders", type = "direct" }]
queues = [{ name = "jobs" }]
bindings = [{ source = "orders", destination = "jobs", routing_key = "new" }]
"""


class WiringCase(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        topology = Topology(
            {"orders": "direct", "news": "fanout"},
            {"jobs": "ironmq", "all": "ironmq"},
            [("orders", "jobs", "new"), ("news", "jobs", ""), ("news", "all", "")],
        )
        self.engine.declare(self.world, topology)
        self.wire("amq.topic", "jobs", "a.#")

    def wire(self, exchange: str, queue: str, key: str) -> None:
        wiring = Wiring(exchange, queue, key, "ironmq")
        self.done(self.engine.take(self.world, queue, wiring=wiring))

    def publish(self, exchange: str, key: str) -> int:
        return self.done(self.engine.publish(self.world, exchange, [key], NewMessage(b"x")))


class ListingTests(WiringCase):
    def test_exchanges_are_listed_with_their_bindings_counted(self) -> None:
        self.assertEqual(
            [line.split() for line in self.did("exchanges", A).out.splitlines()],
            [
                ["WORLD", "EXCHANGE", "TYPE", "BINDINGS"],
                [NAME_A, "amq.topic", "topic", "1"],
                [NAME_A, "news", "fanout", "2"],
                [NAME_A, "orders", "direct", "1"],
            ],
        )

    def test_bindings_are_listed_by_exchange_queue_and_key(self) -> None:
        self.assertEqual(
            [line.split() for line in self.did("bindings").out.splitlines()],
            [
                ["WORLD", "EXCHANGE", "QUEUE", "KEY"],
                [NAME_A, "amq.topic", "jobs", "a.#"],
                [NAME_A, "news", "all", "''"],
                [NAME_A, "news", "jobs", "''"],
                [NAME_A, "orders", "jobs", "new"],
            ],
        )

    def test_those_of_one_exchange_or_one_queue_are_picked(self) -> None:
        for words, count in (
            (["--exchange", "news"], 2),
            (["--queue", "jobs"], 3),
            (["--queue", "jobs", "--exchange", "news"], 1),
            (["--exchange", ""], 0),
        ):
            listed = self.did("bindings", A, *words, "--json").json["bindings"]
            self.assertEqual(len(listed), count, words)

    def test_scripts_get_json(self) -> None:
        world = [NAME_A]
        exchange = {"world": world, "exchange": "news", "type": "fanout", "bindings": 2}
        self.assertIn(exchange, self.did("exchanges", "--json").json["exchanges"])
        binding = {"world": world, "exchange": "amq.topic", "queue": "jobs", "key": "a.#"}
        self.assertIn(binding, self.did("bindings", "--json").json["bindings"])
        self.assertEqual(self.did("exchanges", B, "--json").json, {"exchanges": []})

    def test_where_there_is_nothing_that_is_said(self) -> None:
        outcome = self.did("exchanges", B)
        self.assertEqual((outcome.out, outcome.err.count("\n")), ("", 1))
        outcome = self.did("bindings", B)
        self.assertEqual((outcome.out, outcome.err), ("", "there are no bindings\n"))
        outcome = self.did("bindings", A, "--queue", "no")
        self.assertEqual((outcome.out, outcome.err), ("", "there are no such bindings\n"))

    def test_bindings_of_a_deleted_queue_are_gone(self) -> None:
        self.did("delete", A, "jobs", "--yes")
        self.assertEqual(len(self.did("bindings", "--json").json["bindings"]), 1)
        counted = {
            it["exchange"]: it["bindings"]
            for it in self.did("exchanges", "--json").json["exchanges"]
        }
        self.assertEqual(counted, {"news": 1, "orders": 0})
        self.check()

    def test_names_do_not_talk_to_the_terminal(self) -> None:
        self.wire("amq.topic", "jobs", "\x1b[2J")
        self.assertIn("\\x1b[2J", self.did("bindings").out)


class UnbindingTests(WiringCase):
    def test_the_running_server_sees_it_with_its_next_request(self) -> None:
        self.assertEqual(self.publish("orders", "new"), 1)
        outcome = self.did("unbind", A, "orders", "jobs", "new")
        self.assertEqual(outcome.err, "queue 'jobs' is no longer bound to 'orders' with 'new'\n")
        self.assertEqual(self.publish("orders", "new"), 0)
        self.assertEqual(self.publish("news", ""), 2)
        self.check()

    def test_it_can_be_bound_again(self) -> None:
        self.did("unbind", A, "amq.topic", "jobs", "a.#")
        self.assertEqual(self.publish("amq.topic", "a"), 0)
        self.wire("amq.topic", "jobs", "a.#")
        self.assertEqual(self.publish("amq.topic", "a"), 1)

    def test_scripts_are_told_in_json(self) -> None:
        told = self.did("unbind", A, "news", "all", "", "--json").json
        self.assertEqual(
            told,
            {"world": [NAME_A], "exchange": "news", "queue": "all", "key": "", "unbound": True},
        )

    def test_what_is_not_there_is_said_and_nothing_changes(self) -> None:
        for words, why in (
            (["no", "jobs", "new"], "there is no exchange 'no'"),
            (["orders", "no", "new"], "there is no queue 'no'"),
            (["orders", "jobs", "No"], "queue 'jobs' is not bound to exchange 'orders' with 'No'"),
            (["orders", "jobs", "a\udcffb"], "a name has to be text"),
        ):
            self.assertEqual(self.refused("unbind", A, *words), f"mqgate: {why}\n")
        self.assertEqual(len(self.did("bindings", "--json").json["bindings"]), 4)

    def test_what_the_configuration_declares_will_be_back(self) -> None:
        with open(self.folder / "mqgate.toml", "a", encoding="utf-8") as file:
            file.write(VHOST)
        self.database.change("INSERT INTO world_name VALUES('robomq/plant', ?)", self.world)
        outcome = self.did("unbind", "demo/robomq/plant", "orders", "jobs", "new")
        self.assertIn("the next start makes it again", outcome.err)
        outcome = self.did("unbind", "demo/robomq/plant", "news", "jobs", "")
        self.assertNotIn("the next start", outcome.err)
