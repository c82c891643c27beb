"""POST: where a message goes beside its own queue, and what if it goes nowhere."""

from __future__ import annotations

import json

from tests.dialects.robomq.case import PublishCase


class CopyTests(PublishCase):
    """CC and BCC."""

    def setUp(self) -> None:
        super().setUp()
        for name in ("one", "two"):
            self.get(name, name)

    def reached(self, properties: object) -> dict[str, object]:
        """Which of the queues get a message with these properties, and with which headers."""
        self.published("a", properties=properties)
        self.assertEqual(self.get().status, 200)
        answers = {name: self.get(name, name) for name in ("one", "two")}
        return {
            name: answer.properties["headers"]
            for name, answer in answers.items()
            if answer.status == 200
        }

    def test_cc_leads_further_and_is_shown_as_an_array(self) -> None:
        for value in ("one", ["one"]):
            self.assertEqual(self.reached({"CC": value}), {"one": {"CC": ["one"]}})
        both = {"CC": ["two", "one"]}
        self.assertEqual(self.reached({"CC": ["two", "one"]}), {"one": both, "two": both})

    def test_bcc_leads_further_and_is_shown_to_nobody(self) -> None:
        for value in ("one", ["one"]):
            self.assertEqual(self.reached({"BCC": value}), {"one": {}})
            self.assertEqual(self.reached({"headers": {"BCC": ["one"], "a": 1}}), {"one": {"a": 1}})
        self.published("a", properties={"BCC": "one"})
        self.assertEqual(self.get().properties["headers"], {})

    def test_both_together(self) -> None:
        found = self.reached({"CC": "one", "BCC": ["two"]})
        self.assertEqual(found, {"one": {"CC": ["one"]}, "two": {"CC": ["one"]}})

    def test_numbers_become_strings(self) -> None:
        for value, text in (("7", "7"), ("7.0", "7"), ("1e2", "100"), ("2.5", "2.5"), ("-3", "-3")):
            self.get(text, "number")
            self.published("a", properties=f'{{"CC":[{value}]}}')
            self.assertEqual(self.get(text, "number").properties["headers"], {"CC": [text]})
            self.published("b", properties=f'{{"CC":{value}}}')
            self.assertEqual(self.bodies(text, "number"), ["b"])

    def test_cc_overrides_that_of_the_headers(self) -> None:
        given = {"CC": "one", "headers": {"CC": ["two"], "a": 1}}
        self.assertEqual(self.reached(given), {"one": {"CC": ["one"], "a": 1}})
        given = {"BCC": "one", "headers": {"BCC": ["two"]}}
        self.assertEqual(self.reached(given), {"one": {}})
        self.assertEqual(self.reached({"CC": [], "headers": {"CC": ["two"]}}), {})

    def test_those_of_the_headers_lead_further_too(self) -> None:
        self.assertEqual(self.reached({"headers": {"CC": ["one"]}}), {"one": {"CC": ["one"]}})
        given = {"headers": {"CC": ["one"], "BCC": ["two"]}}
        self.assertEqual(self.reached(given), {"one": {"CC": ["one"]}, "two": {"CC": ["one"]}})

    def test_those_of_the_headers_have_to_be_arrays(self) -> None:
        value: object
        for name in ("CC", "BCC"):
            for value in ("one", 1, None, {}, True):
                self.refuse({"headers": {name: value}}, f"headers.{name} is not an array")

    def test_keys_that_are_no_strings_are_refused(self) -> None:
        value: object
        for name in ("CC", "BCC"):
            for value in ({}, True, False, [True], [None], [{}], [["one"]], [1e21], ["one", {}]):
                text = f"{name} is not a string or an array of strings"
                self.refuse({name: value}, text)
                if isinstance(value, list):
                    self.refuse({"headers": {name: value}}, f"headers.{text}")

    def test_keys_are_no_longer_than_any_routing_key(self) -> None:
        self.refuse({"CC": "ä" * 128}, "a routing key in CC is longer than 255 bytes")
        self.refuse({"headers": {"BCC": ["a\0"]}}, "a routing key in headers.BCC contains NUL")

    def test_lower_case_means_nothing(self) -> None:
        self.assertEqual(self.reached({"cc": "one", "bcc": ["two"]}), {})
        found = self.back({"cc": "one", "headers": {"cc": ["one"], "bcc": "two"}})
        self.assertEqual(found["headers"], {"cc": ["one"], "bcc": "two"})
        self.assertNotIn("cc", found)
        self.assertEqual(self.get("one", "one").status, 204)

    def test_a_queue_that_several_keys_lead_to_gets_one_copy(self) -> None:
        self.published("a", "one", "one", properties={"CC": ["one", "one"], "BCC": "one"})
        self.assertEqual(self.bodies("one", "one"), ["a"])

    def test_they_are_keys_and_no_patterns(self) -> None:
        self.assertEqual(self.reached({"CC": ["#", "*"]}), {})

    def test_those_for_which_looking_would_take_too_long_are_refused_and_nothing_is_made(
        self,
    ) -> None:
        trap = ".".join(["%23", "a"] * 60)
        self.get(trap)
        keys = [".".join(["a"] * 100 + [str(number)]) for number in range(30)]
        for name in ("CC", "BCC"):
            answer = self.post("x", "a.b", "new", properties={name: keys})
            self.assert_refused(
                answer,
                403,
                "403 ACCESS_REFUSED - the routing keys fit the beginnings of too many bindings",
            )
        self.assertNotIn("new", self.queue_names())
        self.published("y", "a.b", properties={"CC": keys[:1]})
        self.assertEqual(self.bodies(), ["y"])

    def test_on_the_default_exchange_they_name_queues(self) -> None:
        self.published("a", "one", "own", "", properties={"CC": ["two", "missing"]})
        self.assertEqual([self.bodies("one", "one"), self.bodies("two", "two")], [["a"], ["a"]])


class SwitchTests(PublishCase):
    def test_a_mandatory_message_that_reaches_no_queue_is_an_error(self) -> None:
        value: object
        for value in (True, 1, "yes", {}):
            properties = json.dumps({"mandatory": value})
            header = f"X-AMQP-Properties: {properties}"
            answer = self.ask("POST", "/rest/demo//own/nobody", b"a", header)
            self.assert_refused(answer, 404, "312 NO_ROUTE")
        self.assertEqual(self.queue_names(), [])

    def test_a_mandatory_message_that_reaches_one_is_none(self) -> None:
        self.published("a", properties={"mandatory": True})
        self.assertEqual(self.bodies(), ["a"])
        for properties in ({"CC": "testQ"}, {"BCC": ["x", "testQ"]}):
            self.published("b", "nobody", "own", "", properties={"mandatory": True, **properties})
            self.assertEqual(self.bodies(), ["b"])
        self.published("c", "own", "own", "", properties={"mandatory": True})

    def test_without_it_a_message_may_reach_nobody(self) -> None:
        for value in (False, 0, "", None):
            self.published("a", "nobody", "own", "", properties={"mandatory": value})
        self.assertEqual(self.bodies("", "own", ""), [])

    def test_immediate_is_not_implemented(self) -> None:
        value: object
        for value in (True, 1, [], {}):
            self.refuse({"immediate": value}, "540 NOT_IMPLEMENTED - immediate=true", 501)

    def test_immediate_that_is_false_is_ignored(self) -> None:
        for value in (False, 0, ""):
            self.published("a", properties={"immediate": value})
            self.assertEqual(self.bodies(), ["a"])
