"""What the command makes of messages that are on their way to receivers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mqgate.dialects.ironmq import DECLARATION
from mqgate.dialects.ironmq.settings import Settings
from mqgate.engine.engine import Engine
from tests.operator.case import PROJECTS, CommandCase

A = PROJECTS[0]
PUSHING: Mapping[str, Any] = {
    "push_type": "multicast",
    "subscribers": [{"url": "http://a.example.org/"}, {"url": "http://b.example.org/"}],
}


class PushedTests(CommandCase):
    """A push queue with a message that was posted before it became one."""

    def setUp(self) -> None:
        super().setUp()
        policies = DECLARATION.policies(Settings())
        self.engine = Engine(self.store, self.clock, self.now, policies, opened=self.opened)
        self.post(b"pulled")
        self.done(self.engine.update(self.world, "jobs", PUSHING, policy="ironmq"))
        self.post(b"pushed", expires_in=70_000)

    def test_they_are_counted_apart(self) -> None:
        (queue,) = self.did("queues", "--json").json["queues"]
        self.assertEqual((queue["ready"], queue["pushed"], queue["size"]), (1, 1, 2))
        self.assertIn("being pushed  1", self.did("show", A, "jobs").out)

    def test_they_are_shown_at_their_place(self) -> None:
        found = self.did("peek", A, "jobs", "--json").json["messages"]
        self.assertEqual(
            [(each["body"], each["state"]) for each in found],
            [("pulled", "ready"), ("pushed", "pushed")],
        )

    def test_they_are_exported_and_pushed_again_where_they_are_imported(self) -> None:
        out = self.did("export", A, "jobs").out
        self.did("import", "-", "--world", PROJECTS[1], given=out.encode())
        (queue,) = self.did("queues", "--json", PROJECTS[1]).json["queues"]
        self.assertEqual((queue["pushed"], queue["size"]), (2, 2))

    def test_a_purge_ends_them(self) -> None:
        self.did("purge", A, "jobs", "--yes")
        (queue,) = self.did("queues", "--json").json["queues"]
        self.assertEqual((queue["pushed"], queue["size"]), (0, 0))
