"""The dialect's declaration: its words in the configuration, and a first request."""

from __future__ import annotations

from typing import Any

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from mqgate.dialects import ALL
from mqgate.dialects.ironmq import DECLARATION
from mqgate.dialects.ironmq.settings import Namespace, Settings
from tests.dialects.ironmq_case import IronMQCase

GOOD: dict[str, Any] = {"projects": ["4fd2729368a0197d1102056b"], "tokens": ["abc4c7c627376858"]}


class SettingsTests(SynchronousTestCase):
    def refused(self, wanted: type[msgspec.Struct], value: dict[str, Any]) -> str:
        return str(self.assertRaises(msgspec.ValidationError, msgspec.convert, value, wanted))

    def test_defaults_are_the_specifications(self) -> None:
        settings = msgspec.convert({}, Settings)
        self.assertEqual((settings.post_status, settings.deleted_seconds), (201, 600))

    def test_settings_have_bounds(self) -> None:
        for value in (
            {"post_status": 202}, {"post_status": "200"}, {"deleted_seconds": -1},
            {"deleted_seconds": 2_592_001}, {"deleted_seconds": 1.5}, {"post_statuss": 200},
        ):  # fmt: skip
            self.refused(Settings, value)

    def test_a_namespace_claims_its_projects_the_first_one_first(self) -> None:
        section = msgspec.convert({**GOOD, "projects": ["b", "a"], "suspended": ["a"]}, Namespace)
        self.assertEqual(DECLARATION.claims(section), ["b", "a"])

    def test_a_namespace_needs_projects_and_tokens(self) -> None:
        for key in ("projects", "tokens"):
            self.assertIn(key, self.refused(Namespace, {k: v for k, v in GOOD.items() if k != key}))
            self.assertIn(f"{key} is empty", self.refused(Namespace, {**GOOD, key: []}))
            self.assertIn(key, self.refused(Namespace, {**GOOD, key: "x"}))
            self.assertIn(f"{key} has", self.refused(Namespace, {**GOOD, key: ["x", "x"]}))

    def test_what_could_never_be_a_project_is_refused(self) -> None:
        for project in ("", "a/b", "a\0b", "a\n", "\x7f"):
            text = self.refused(Namespace, {**GOOD, "projects": ["good", project]})
            self.assertIn(repr(project), text)

    def test_what_could_never_be_a_token_is_refused_and_not_shown(self) -> None:
        for token in ("", "s3 cret", "s3cret\n", "s3crét", " s3cret"):
            text = self.refused(Namespace, {**GOOD, "tokens": ["good", token]})
            self.assertIn("tokens[1] ", text)
            self.assertNotIn("s3", text)

    def test_only_its_own_projects_can_be_suspended(self) -> None:
        text = self.refused(Namespace, {**GOOD, "suspended": ["stranger"]})
        self.assertIn("'stranger'", text)

    def test_its_queues_put_returned_messages_at_the_back_and_remember(self) -> None:
        policies = DECLARATION.policies(Settings(deleted_seconds=5))
        self.assertEqual(list(policies), ["ironmq"])
        policy = policies["ironmq"]
        self.assertEqual((policy.keeps_place, policy.remembers_for), (False, 5000))

    def test_it_is_among_the_dialects(self) -> None:
        self.assertIn(DECLARATION, ALL)


class FirstStepsTests(IronMQCase):
    def test_the_first_request_works_with_the_first_credentials(self) -> None:
        """And carries no secret on its command line."""
        steps = DECLARATION.first_steps(lambda length: "0123456789abcdef01234567abc"[:length])
        section = msgspec.convert(steps.section, Namespace)
        token = section.tokens[0]
        self.assertEqual(steps.curl_config, [f'header = "Authorization: OAuth {token}"'])
        self.assertNotIn(token, " ".join([*steps.curl_arguments, steps.curl_path]))
        self.assertEqual([len(section.projects[0]), len(token)], [24, 27])
        body = steps.curl_arguments[steps.curl_arguments.index("-d") + 1]
        below = steps.curl_path.removeprefix(f"/1/projects/{section.projects[0]}/")
        self.assertEqual(self.call("POST", below, body.encode()).status, 201)
