"""What may stand in the configuration, and what a first start writes."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from mqgate.config.problems import ConfigurationError, Place
from mqgate.config.typed import convert
from mqgate.dialects.robomq import DECLARATION
from mqgate.dialects.robomq.settings import Namespace, Settings
from mqgate.engine.values import Policy

#: A section that is good.
GOOD: dict[str, Any] = {
    "vhosts": ["demo", "/"],
    "users": [
        {"name": "demo", "password": "s3cret", "rights": ["configure", "write", "read"]},
        {"name": "other", "password": "s3cret", "rights": {"/": ["read"]}},
    ],
    "token_headers": [{"header": "X-Secret-Token", "value": "s3cret", "user": "demo"}],
}


def user(**changes: object) -> dict[str, Any]:
    """A section with another user."""
    return {**GOOD, "users": [{**GOOD["users"][0], **changes}]}


def token(**changes: object) -> dict[str, Any]:
    """A section with another token."""
    return {**GOOD, "token_headers": [{**GOOD["token_headers"][0], **changes}]}


class NamespaceTests(SynchronousTestCase):
    def fault(self, section: object) -> str:
        """Why it is refused."""
        place = Place("f", "robomq", secret=True)
        error = self.assertRaises(ConfigurationError, convert, section, Namespace, place)
        self.assertNotIn("s3cret", str(error))
        return str(error).removeprefix("f: robomq")

    def test_a_good_one_is_taken(self) -> None:
        section = convert(GOOD, Namespace, Place("f"))
        self.assertEqual(DECLARATION.claims(section), ["demo", "/"])
        self.assertEqual(section.users[1].rights, {"/": ["read"]})

    def test_what_could_never_work_is_one_line(self) -> None:
        for section, fault in (
            ({**GOOD, "vhosts": []}, ": vhosts is empty: use at least one"),
            ({**GOOD, "vhosts": ["a", "a"]}, ": vhosts has one name twice: use each once"),
            ({**GOOD, "vhosts": [""]}, ": vhosts has '': use printable text, such as \"demo\""),
            ({**GOOD, "users": []}, ": users is empty: use at least one"),
            (
                {**GOOD, "users": GOOD["users"][:1] * 2},
                ": users has one name twice: use each once",
            ),
            (
                user(name="a:b"),
                ": users[0].name is 'a:b': use printable text without a colon",
            ),
            (user(name=""), ": users[0].name is '': use printable text without a colon"),
            (user(password=""), ": users[0].password cannot be used: use text, without NUL"),
            (user(rights={"x": []}), ": users[0].rights has 'x': use names that vhosts has"),
            (
                token(header="Authorization"),
                ": token_headers[0].header is 'Authorization': "
                'use a header of its own, like "X-Secret-Token"',
            ),
            (
                token(header="X Y"),
                ": token_headers[0].header is 'X Y': "
                'use a header of its own, like "X-Secret-Token"',
            ),
            (
                token(value="s3cret\n"),
                ": token_headers[0].value cannot be sent: use printable ASCII",
            ),
            (
                token(user="x"),
                ": token_headers[0].user is 'x': use the name of one of the users",
            ),
            (
                {**GOOD, "token_headers": GOOD["token_headers"] * 2},
                ": token_headers has one header and value twice: use each once",
            ),
        ):
            self.assertEqual(self.fault(section), fault)

    def test_a_wrong_right_is_told_without_showing_anything(self) -> None:
        for rights in (["admin"], "read", {"/": ["all"]}, 1):
            self.assertIn("rights", self.fault(user(rights=rights)))


class SettingsTests(SynchronousTestCase):
    def test_the_defaults(self) -> None:
        self.assertEqual(convert({}, Settings, Place("f")), Settings())

    def test_numbers_out_of_bounds_and_origins_that_cannot_be_sent_are_refused(self) -> None:
        for section in (
            {"body_bytes": (1 << 20) - 1},
            {"body_bytes": (32 << 20) + 1},
            {"allow_origin": "a\nb"},
            {"allow_origin": "ä"},
            {"fill_ids": 1},
        ):
            self.assertRaises(ConfigurationError, convert, section, Settings, Place("f"))

    def test_what_is_put_back_goes_to_its_old_place(self) -> None:
        self.assertEqual(DECLARATION.policies(Settings()), {"robomq": Policy(keeps_place=True)})


class FirstStepsTests(SynchronousTestCase):
    def setUp(self) -> None:
        numbers = itertools.count(0xABC0)
        self.steps = DECLARATION.first_steps(lambda length: f"{next(numbers):0{length}x}")

    def test_the_section_it_writes_can_be_read(self) -> None:
        section = msgspec.convert(self.steps.section, Namespace)
        self.assertEqual(section.vhosts, ["demo"])

    def test_the_vhost_has_the_four_users_that_one_had(self) -> None:
        section = msgspec.convert(self.steps.section, Namespace)
        self.assertEqual(
            {each.name: each.rights for each in section.users},
            {
                "demo": ["configure", "write", "read"],
                "demoRead": ["read"],
                "demoWrite": ["write"],
                "demoRW": ["write", "read"],
            },
        )
        self.assertEqual(len({each.password for each in section.users}), 4)

    def test_the_secret_is_in_curl_s_file_and_nowhere_else(self) -> None:
        section = msgspec.convert(self.steps.section, Namespace)
        [header] = section.token_headers
        self.assertEqual(self.steps.curl_config, [f'header = "X-Secret-Token: {header.value}"'])
        self.assertNotIn(header.value, "".join([*self.steps.curl_arguments, self.steps.curl_path]))

    def test_it_is_for_https_alone(self) -> None:
        self.assertTrue(DECLARATION.https_only)
