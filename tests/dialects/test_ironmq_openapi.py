"""``/openapi.json``: served to everybody, and in step with what the dialect does.

That it is valid OpenAPI, and that the server keeps to it, ``tests.fuzz.test_described`` shows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from mqgate.dialects.ironmq import limits
from mqgate.dialects.ironmq.openapi import PREFIX
from mqgate.dialects.ironmq.routes import ROUTES
from tests.dialects.ironmq_case import IronMQCase, asking

VERBS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


def references(value: Any) -> Iterator[str]:
    """Every ``$ref`` in a document."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from references(each)


class DescriptionCase(IronMQCase):
    def setUp(self) -> None:
        super().setUp()
        self.document = self.send(asking("GET", "/openapi.json")).answer().json

    def operations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Verb, path and description of every operation."""
        for path, item in self.document["paths"].items():
            for verb in VERBS & item.keys():
                yield verb, path, item[verb]


class ServingTests(DescriptionCase):
    """One path, to be read by anybody."""

    def test_it_is_served_without_credentials(self) -> None:
        answer = self.send(asking("GET", "/openapi.json")).answer()
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.reply.content_type, b"application/json")
        self.assertEqual(answer.json["openapi"], "3.1.0")

    def test_a_query_and_wrong_credentials_mean_nothing_to_it(self) -> None:
        headers = {"Authorization": "OAuth wrong"}
        answer = self.send(asking("GET", "/openapi.json?oauth=wrong", headers=headers)).answer()
        self.assertEqual(answer.json, self.document)

    def test_it_is_made_once(self) -> None:
        """It has 40 kB: a client that asks without end costs no more than for any other answer."""
        first, second = (self.send(asking("GET", "/openapi.json")).answer() for _ in range(2))
        self.assertIs(first.reply, second.reply)

    def test_its_head_can_be_had(self) -> None:
        self.assertEqual(self.send(asking("HEAD", "/openapi.json")).answer().status, 200)

    def test_other_verbs_are_refused(self) -> None:
        for verb in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
            answer = self.send(asking(verb, "/openapi.json")).answer()
            self.assert_refused(answer, 405)
            self.assertEqual(answer.reply.headers, ((b"Allow", b"GET, HEAD"),))

    def test_there_is_nothing_below_it(self) -> None:
        """What lies there is refused as without a token: nothing is told about paths."""
        self.assert_refused(self.send(asking("GET", "/openapi.json/x")).answer(), 404)

    def test_it_is_in_no_project(self) -> None:
        self.assert_refused(self.send(asking("GET", "/1/openapi.json")).answer(), 401)

    def test_the_dialect_owns_its_path(self) -> None:
        self.assertTrue(self.dialect.owns(b"openapi.json"))
        for segment in (b"openapi", b"openapi.json.", b"openapi.yaml", b"OPENAPI.JSON"):
            self.assertFalse(self.dialect.owns(segment), segment)


class StepTests(DescriptionCase):
    """The description changes with the dialect, or these fail."""

    def test_every_route_is_described_and_nothing_else(self) -> None:
        self.assertEqual(
            {(verb, path) for verb, path, _ in self.operations()},
            {(verb.decode().lower(), PREFIX + path.decode()) for verb, path, _ in ROUTES},
        )

    def test_every_name_in_a_path_is_described(self) -> None:
        for path, item in self.document["paths"].items():
            described = [parameter["name"] for parameter in item["parameters"]]
            self.assertEqual(described, re.findall(r"\{(\w+)\}", path))

    def test_every_reference_leads_somewhere(self) -> None:
        for reference in references(self.document):
            place = self.document
            for part in reference.removeprefix("#/").split("/"):
                place = place[part]

    def test_nothing_is_described_for_nobody(self) -> None:
        """A schema or an answer that no operation uses is left over from something."""
        used = set(references(self.document))
        for kind in ("schemas", "responses"):
            for name in self.document["components"][kind]:
                self.assertIn(f"#/components/{kind}/{name}", used)

    def test_a_status_that_every_request_can_get_is_in_every_operation(self) -> None:
        for verb, path, operation in self.operations():
            wanted = {"200", "400", "401", "403", "404", "500", "503"}
            wanted |= {"201"} if verb == "post" else set()
            self.assertLessEqual(wanted, operation["responses"].keys(), path)

    def test_the_bounds_of_numbers_are_told(self) -> None:
        properties = self.document["components"]["schemas"]["NewMessage"]["properties"]
        for name, limit in [
            ("timeout", limits.TIMEOUT),
            ("delay", limits.DELAY),
            ("expires_in", limits.EXPIRES_IN),
        ]:
            self.assertEqual(properties[name]["default"], limit.default)
            self.assertIn(f"{limit.low} to {limit.high}.", properties[name]["description"])

    def test_every_example_is_accepted(self) -> None:
        """An example is what people copy."""
        for number, (verb, path, operation) in enumerate(self.operations()):
            # Each on a queue of its own: one cannot have both subscribers and alerts.
            queue = f"q{number}"
            (message,) = self.post("hello", queue=queue)
            content = operation.get("requestBody", {}).get("content", {})
            reference = content.get("application/json", {}).get("schema", {}).get("$ref", "")
            schema = self.document["components"]["schemas"].get(reference.rpartition("/")[2], {})
            for example in schema.get("examples", ()):
                below = path.removeprefix(PREFIX).format(queue=queue, message=message)
                answer = self.call(verb.upper(), below, json.dumps(example).encode())
                self.assertIn(answer.status, (200, 201), (path, example, answer.json))
