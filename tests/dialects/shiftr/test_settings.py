"""What the configuration may say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from mqgate.dialects.shiftr import DECLARATION
from mqgate.dialects.shiftr.settings import Namespace, Settings

SECTION: Mapping[str, Any] = {"instances": ["demo"], "tokens": [{"secret": "s3cret"}]}


class SettingTests(SynchronousTestCase):
    def refused(self, wanted: type, **values: Any) -> str:
        with self.assertRaises(msgspec.ValidationError) as caught:
            msgspec.convert(values, wanted)
        text = str(caught.exception)
        self.assertNotIn("s3cret", text)
        return text

    def test_a_namespace_names_instances_and_tokens(self) -> None:
        section = msgspec.convert(SECTION, Namespace)
        self.assertEqual(section.tokens[0].access, "read-write")
        self.assertEqual(DECLARATION.claims(section), ["demo"])
        self.assertEqual(DECLARATION.policies(Settings()), {})

    def test_what_could_never_work_is_refused(self) -> None:
        changes: Sequence[dict[str, Any]] = (
            {"instances": []},
            {"instances": ["a", "a"]},
            {"instances": [""]},
            {"instances": ["a:b"]},
            {"instances": ["a/b"]},
            {"instances": ["a\n"]},
            {"tokens": []},
            {"tokens": [{"secret": ""}]},
            {"tokens": [{"secret": "s3cret\0"}]},
            {"tokens": [{"secret": "s3cret"}, {"secret": "s3cret"}]},
            {"tokens": [{"secret": "s3cret", "access": "write"}]},
            {"tokens": [{"secret": "s3cret", "key": "a:b"}]},
            {"tokens": [{"secret": "s3cret", "key": "demo"}]},
            {"tokens": [{"secret": "1", "key": "k"}, {"secret": "2", "key": "k"}]},
            {"topics": 5},
        )
        for change in changes:
            with self.subTest(change=change):
                self.refused(Namespace, **{**SECTION, **change})

    def test_settings_that_cannot_be_used_are_refused(self) -> None:
        wrong: Sequence[dict[str, Any]] = (
            {"allow_origin": "a\nb"},
            {"allow_origin": "\u00e9"},
            {"desktop": {"port": 0}},
            {"desktop": {"port": 65_536}},
            {"desktop": {"interface": "localhost:backlog=1"}},
            {"desktop": {"interface": ""}},
            {"keep_values": "yes"},
        )
        for settings in wrong:
            with self.subTest(settings=settings):
                self.refused(Settings, **settings)

    def test_the_first_steps_can_be_configured(self) -> None:
        steps = DECLARATION.first_steps(lambda length: "f" * length)
        section = msgspec.convert(steps.section, Namespace)
        self.assertEqual(section.tokens[0].secret, "f" * 32)
        self.assertEqual(list(steps.curl_config), [f'user = "demo:{"f" * 32}"'])
