"""Alerts: every row of the documented tables, and what is refused (section 6)."""

from __future__ import annotations

import json
from typing import Any

from mqgate.dialects.ironmq.alert_wire import alert_number, known_ids, new_alerts
from mqgate.dialects.ironmq.refusal import Refused
from mqgate.engine.values import NewAlert
from tests.dialects.case import START
from tests.dialects.ironmq_case import PROJECT, Answer, IronMQCase

#: The seed's examples.
FIXED = {"type": "fixed", "direction": "asc", "trigger": 1000, "queue": "my_queue_for_alerts"}
PROGRESSIVE = {**FIXED, "type": "progressive", "direction": "desc"}
UNKNOWN = "5eee546df4a4140e8638a7e5"


class AlertsCase(IronMQCase):
    def add(self, *alerts: dict[str, Any], queue: str = "q") -> Answer:
        return self.call("POST", f"queues/{queue}/alerts", {"alerts": alerts})

    def replace(self, *alerts: dict[str, Any], queue: str = "q") -> Answer:
        return self.call("PUT", f"queues/{queue}/alerts", {"alerts": alerts})

    def assert_said(self, answer: Answer, status: int, text: str) -> None:
        self.assertEqual((answer.status, answer.json), (status, {"msg": text}))

    def alert(self, type_: str, direction: str, trigger: int, **other: Any) -> None:
        """Give the queue an alert onto ``bell``."""
        asked = {"type": type_, "direction": direction, "trigger": trigger, "queue": "bell"}
        self.assert_said(self.add({**asked, **other}), 201, "Alerts were added.")

    def alerts(self, queue: str = "q") -> list[dict[str, Any]]:
        shown: list[dict[str, Any]] = self.call("GET", f"queues/{queue}").json["alerts"]
        return shown

    def rung(self, queue: str = "bell") -> list[int]:
        """The sizes that were told there, each once."""
        return [json.loads(body)["queue_size"] for body in self.bodies("?n=100&delete=true", queue)]


class FiringTests(AlertsCase):
    """The table of firing, row by row, as the vendor's Ruby client tried it on the service."""

    def up_to(self, size: int) -> list[list[int]]:
        """What is told as the queue grows message by message."""
        told = []
        while self.size() < size:
            self.post("x")
            told.append(self.rung())
        return told

    def down_to(self, size: int) -> list[list[int]]:
        """What is told as it shrinks, by a get and a delete each."""
        told = []
        while self.size() > size:
            (message,) = self.get()
            self.call("DELETE", f"queues/q/messages/{message['id']}")
            told.append(self.rung())
        return told

    def test_fixed_ascending(self) -> None:
        """At exactly its size, not before, not again while above, again after passing back."""
        self.alert("fixed", "asc", 3)
        self.assertEqual(self.up_to(5), [[], [], [3], [], []])
        self.assertEqual(self.down_to(2), [[], [], []])
        self.assertEqual(self.up_to(4), [[3], []])

    def test_fixed_descending(self) -> None:
        self.alert("fixed", "desc", 3)
        self.assertEqual(self.up_to(5), [[]] * 5)
        self.assertEqual(self.down_to(1), [[], [3], [], []])
        self.assertEqual(self.up_to(4), [[]] * 3)
        self.assertEqual(self.down_to(2), [[3], []])

    def test_progressive_ascending(self) -> None:
        self.alert("progressive", "asc", 2)
        self.assertEqual(self.up_to(5), [[], [2], [], [4], []])
        self.assertEqual(self.down_to(3), [[], []])
        self.assertEqual(self.up_to(4), [[4]])

    def test_progressive_descending(self) -> None:
        """So never at 0."""
        self.alert("progressive", "desc", 2)
        self.assertEqual(self.up_to(5), [[]] * 5)
        self.assertEqual(self.down_to(0), [[4], [], [2], [], []])

    def test_a_batch_that_passes_several_fires_once(self) -> None:
        self.alert("progressive", "asc", 2)
        self.alert("progressive", "desc", 2)
        ids = self.post(*"abcdefg")
        self.assertEqual(self.rung(), [7])
        self.call("DELETE", "queues/q/messages", {"ids": ids[:6]})
        self.assertEqual(self.rung(), [1])

    def test_a_get_that_deletes_a_clear_and_expiry_change_the_size(self) -> None:
        self.alert("fixed", "desc", 2)
        self.post("a", "b", "c", expires_in=100)
        self.get("?delete=true")
        self.assertEqual(self.rung(), [2])
        self.post("a", "b")
        self.call("POST", "queues/q/clear")
        self.assertEqual(self.rung(), [0])
        self.post("a", "b", "c", expires_in=100)
        self.get("?n=2")
        self.pass_time(100)
        self.pass_time(1)
        self.assertEqual(self.rung(), [0])

    def test_webhooks_count(self) -> None:
        self.alert("fixed", "asc", 1)
        self.call("POST", "queues/q/messages/webhook", b"x")
        self.assertEqual(self.rung(), [1])

    def test_snooze_drops_and_does_not_delay(self) -> None:
        self.alert("fixed", "asc", 1, snooze=60)
        self.post("a")
        self.assertEqual(self.rung(), [1])
        for seconds, told in ((59, []), (1, [1]), (59.9, [])):
            self.call("POST", "queues/q/clear")
            self.pass_time(seconds)
            self.post("a")
            self.assertEqual(self.rung(), told)
        self.pass_time(100)
        self.assertEqual(self.rung(), [])

    def test_without_direction_and_snooze_it_is_ascending_and_never_silent(self) -> None:
        self.add({"type": "fixed", "trigger": 1, "queue": "bell"})
        for _ in range(2):
            self.post("a")
            self.assertEqual(self.rung(), [1])
            self.call("POST", "queues/q/clear")
            self.assertEqual(self.rung(), [])

    def test_the_message_is_a_json_string_with_the_documented_keys(self) -> None:
        self.add({"type": "progressive", "trigger": 2, "queue": "bell"}, queue="d%C3%BCse%22")
        self.pass_time(5.5)
        self.post("a", "b", "c", queue="d%C3%BCse%22")
        (message,) = self.get(queue="bell")
        self.assertTrue(message["body"].isascii())
        self.assertEqual(
            json.loads(message["body"]),
            {
                "source_queue": 'düse"',
                "queue_size": 3,
                "alert_id": self.alerts("d%C3%BCse%22")[0]["id"],
                "alert_type": "progressive",
                "alert_direction": "asc",
                "alert_trigger": 2,
                "created_at": "2023-11-14T22:13:25Z",
            },
        )
        self.assertEqual(START, 1_700_000_000)
        self.assertEqual(message["timeout"], 60)

    def test_the_message_lives_for_a_week_like_others(self) -> None:
        self.alert("fixed", "asc", 1)
        self.post("a")
        self.pass_time(604_799)
        self.assertEqual(self.size("bell"), 1)
        self.pass_time(1)
        self.assertEqual(self.size("bell"), 0)

    def test_the_queue_of_the_messages_is_made_as_a_pull_queue_when_one_comes(self) -> None:
        self.alert("fixed", "asc", 1)
        self.assert_refused(self.call("GET", "queues/bell"), 404, "Queue not found")
        self.post("a")
        info = self.call("GET", "queues/bell").json
        self.assertEqual((info["size"], info["total_messages"]), (1, 1))
        self.assertNotIn("push_type", info)

    def test_a_long_poll_gets_the_message_at_once(self) -> None:
        self.alert("fixed", "asc", 1)
        poll = self.begin("GET", "queues/bell/messages?wait=30")
        self.assertFalse(poll.answered)
        self.post("a")
        self.assertEqual(len(poll.answer().json["messages"]), 1)


class AskingTests(AlertsCase):
    """The endpoints: statuses, texts, and what is stored."""

    def test_alerts_are_added_and_the_queue_is_made(self) -> None:
        """The seed's example; that it makes the queue: client ruby."""
        self.assert_said(self.add(FIXED), 201, "Alerts were added.")
        self.add(PROGRESSIVE)
        first, second = self.alerts()
        self.assertEqual({**first, "id": 0}, {**FIXED, "snooze": 0, "id": 0})
        self.assertEqual({**second, "id": 0}, {**PROGRESSIVE, "snooze": 0, "id": 0})
        self.assertNotEqual(first["id"], second["id"])
        for alert in (first, second):
            self.assertRegex(alert["id"], "^[0-9a-f]{24}$")

    def test_alerts_are_replaced_and_the_queue_is_made(self) -> None:
        self.assert_said(self.replace(FIXED), 200, "Alerts were replaced.")
        self.replace(PROGRESSIVE, FIXED)
        self.assertEqual([alert["type"] for alert in self.alerts()], ["progressive", "fixed"])

    def test_an_empty_list_clears_them(self) -> None:
        """The seed's note. The key is gone with the last one (client java)."""
        self.add(FIXED, PROGRESSIVE)
        self.assert_said(self.replace(), 200, "Alerts were replaced.")
        self.assertNotIn("alerts", self.call("GET", "queues/q").json)

    def test_alerts_are_deleted_by_their_ids(self) -> None:
        """Unknown ones are skipped, and what is no id too."""
        self.add(FIXED, PROGRESSIVE)
        body = {"alerts": [{"id": self.alerts()[0]["id"]}, {"id": UNKNOWN}, {"id": "no id"}]}
        self.assert_said(self.call("DELETE", "queues/q/alerts", body), 200, "Alerts were deleted.")
        self.assertEqual([alert["type"] for alert in self.alerts()], ["progressive"])

    def test_without_a_body_all_are_deleted(self) -> None:
        """As the Go client does."""
        self.add(FIXED, PROGRESSIVE)
        self.assert_said(self.call("DELETE", "queues/q/alerts"), 200, "Alerts were deleted.")
        self.assertNotIn("alerts", self.call("GET", "queues/q").json)

    def test_an_alert_is_deleted_by_its_path(self) -> None:
        """Python sends no body, Node an empty object."""
        self.add(FIXED, PROGRESSIVE, {**FIXED, "trigger": 7})
        for body in (b"", b"{}", b"no JSON"):
            path = f"queues/q/alerts/{self.alerts()[0]['id']}"
            self.assert_said(self.call("DELETE", path, body), 200, "Alerts were deleted.")
            self.assert_refused(self.call("DELETE", path, body), 404, "Alert not found")
        for id_ in (UNKNOWN, "1", "x" * 24, "f" * 24, "%C3%BC" * 24):
            self.assert_refused(self.call("DELETE", f"queues/q/alerts/{id_}"), 404)

    def test_a_missing_queue_has_none_to_delete(self) -> None:
        for path in ("queues/q/alerts", f"queues/q/alerts/{UNKNOWN}"):
            self.assert_refused(self.call("DELETE", path), 404, "Queue not found")
        answer = self.call("DELETE", "queues/q/alerts", {"alerts": [{"id": UNKNOWN}]})
        self.assert_refused(answer, 404, "Queue not found")

    def test_where_alerts_are_left_out_nothing_changes(self) -> None:
        for body in ({}, {"alerts": None}, {"oauth": "x"}):
            self.assert_said(self.call("POST", "queues/q/alerts", body), 201, "Alerts were added.")
            self.assert_said(
                self.call("PUT", "queues/q/alerts", body), 200, "Alerts were replaced."
            )
        self.assert_refused(self.call("GET", "queues/q"), 404)
        self.add(FIXED)
        for verb in ("PUT", "DELETE"):
            self.assertEqual(self.call(verb, "queues/q/alerts", {}).status, 200)
        self.assertEqual(len(self.alerts()), 1)

    def test_the_queue_object_has_them_wherever_it_is_answered(self) -> None:
        self.add(FIXED)
        updated = self.call("POST", "queues/q", {}).json
        self.assertEqual(updated, self.call("GET", "queues/q").json)
        self.assertEqual(len(updated["alerts"]), 1)
        self.assertNotIn("alerts", self.call("POST", "queues/r", {}).json)

    def test_a_slash_at_the_end_makes_no_difference(self) -> None:
        """The seed writes ``/alerts/``, clients do not."""
        asked = {"alerts": [FIXED]}
        self.assertEqual(self.call("POST", "queues/q/alerts/", asked).status, 201)
        self.assertEqual(self.call("PUT", "queues/q/alerts/", asked).status, 200)
        path = f"queues/q/alerts/{self.alerts()[0]['id']}/"
        self.assertEqual(self.call("DELETE", path).status, 200)
        self.assertEqual(self.call("DELETE", "queues/q/alerts/").status, 200)

    def test_the_java_client_gets_its_200(self) -> None:
        headers = {"User-Agent": "IronMQ Java Client"}
        answer = self.call("POST", "queues/q/alerts", {"alerts": [FIXED]}, headers)
        self.assertEqual(answer.status, 200)

    def test_other_verbs_are_not_there(self) -> None:
        self.assert_refused(self.call("GET", "queues/q/alerts"), 405)
        self.assert_refused(self.call("POST", f"queues/q/alerts/{UNKNOWN}", {}), 405)

    def test_alerts_end_with_their_queue(self) -> None:
        self.alert("fixed", "asc", 1)
        self.call("DELETE", "queues/q")
        self.post("a")
        self.assertNotIn("alerts", self.call("GET", "queues/q").json)
        self.assertEqual(self.rung(), [])

    def test_a_queue_that_is_cleared_keeps_them(self) -> None:
        self.alert("fixed", "asc", 1)
        self.call("POST", "queues/q/clear")
        self.assertEqual(len(self.alerts()), 1)

    def test_numbers_out_of_bounds_are_moved_to_the_bound(self) -> None:
        self.add({**FIXED, "trigger": 10**18, "snooze": 10**18})
        (alert,) = self.alerts()
        self.assertEqual((alert["trigger"], alert["snooze"]), ((1 << 53) - 1, 31_536_000))


class RefusalTests(AlertsCase):
    """What is refused changes nothing."""

    def setUp(self) -> None:
        super().setUp()
        self.add({**FIXED, "trigger": 1})
        self.before = self.alerts()

    def assert_refuses(self, status: int, text: str | None, *alerts: Any) -> None:
        for verb in ("POST", "PUT"):
            answer = self.call(verb, "queues/q/alerts", {"alerts": alerts})
            self.assert_refused(answer, status, text)
        self.assertEqual(self.alerts(), self.before)

    def test_a_missing_field_is_not_acceptable(self) -> None:
        """Seed: type, trigger and queue are required."""
        for name in ("type", "trigger", "queue"):
            alert = {key: value for key, value in FIXED.items() if key != name}
            self.assert_refuses(
                406, f"Required field missing: {name} of an alert", PROGRESSIVE, alert
            )

    def test_wrong_types_and_values_are_refused(self) -> None:
        """Numbers as text too (client ruby)."""
        wrong: tuple[tuple[str, tuple[Any, ...]], ...] = (
            ("type", ("", "Fixed", "other", 1, None)),
            ("trigger", (0, -1, 1.5, "10", True, None)),
            ("queue", ("", 1, None, [])),
            ("direction", ("", "up", "ASC", 1)),
            ("snooze", (-1, 1.5, "10", True)),
        )
        for name, values in wrong:
            for value in values:
                self.assert_refuses(400, None, PROGRESSIVE, {**FIXED, name: value})

    def test_what_is_no_list_of_objects_is_refused(self) -> None:
        bodies: tuple[Any, ...] = (
            b"", b"[]", b"x", {"alerts": {}}, {"alerts": "x"}, {"alerts": ["x"]},
        )  # fmt: skip
        for body in bodies:
            for verb in ("POST", "PUT"):
                self.assert_refused(self.call(verb, "queues/q/alerts", body), 400)
            if body:
                self.assert_refused(self.call("DELETE", "queues/q/alerts", body), 400)
        self.assertEqual(self.alerts(), self.before)

    def test_ids_to_be_deleted_have_to_be_there_and_text(self) -> None:
        for status, alert in ((406, {}), (400, {"id": 1}), (400, {"id": None})):
            body = {"alerts": [{"id": self.before[0]["id"]}, alert]}
            self.assert_refused(self.call("DELETE", "queues/q/alerts", body), status)
        self.assertEqual(self.alerts(), self.before)

    def test_names_that_no_queue_can_have_are_refused(self) -> None:
        self.assert_refuses(400, None, {**FIXED, "queue": "a\0b"})
        self.assert_refused(
            self.call("POST", "queues/q/alerts", b'{"alerts":[{"queue":"\\ud800"}]}'), 400
        )

    def test_there_are_five_at_most(self) -> None:
        many = [{**FIXED, "trigger": trigger} for trigger in range(10, 16)]
        self.assert_refuses(400, None, *many)
        self.assert_refused(self.add(*many[:5]), 400)
        self.assertEqual(self.add(*many[:4]).status, 201)
        self.assert_refused(self.add(many[4]), 400)
        self.assertEqual(len(self.alerts()), 5)

    def test_none_is_like_one_that_is_there(self) -> None:
        """Type, direction and trigger are compared, no more; text as documented."""
        text = "At least one new alert duplicates current queue alerts."
        like = {"type": "fixed", "trigger": 1, "queue": "other", "snooze": 5}
        self.assert_refused(self.add(PROGRESSIVE, like), 400, text)
        self.assertEqual(self.alerts(), self.before)
        for other in (
            {**like, "direction": "desc"},
            {**like, "trigger": 2},
            {**like, "type": "progressive"},
        ):
            self.assertEqual(self.add(other).status, 201)

    def test_alike_ones_in_one_request_are_let_through(self) -> None:
        """Client ruby."""
        self.assertEqual(self.add(FIXED, FIXED).status, 201)
        self.assertEqual(self.replace(FIXED, FIXED, FIXED).status, 200)
        self.assertEqual(len(self.alerts()), 3)

    def test_progressive_alerts_make_no_ring(self) -> None:
        """Client ruby. A fixed one may lead to its own queue (client java)."""
        self.assert_refuses(400, None, {**PROGRESSIVE, "queue": "q"})
        self.assertEqual(self.add({**FIXED, "queue": "q"}).status, 201)
        self.add({**PROGRESSIVE, "queue": "r"})
        self.before = self.alerts()
        self.assert_refused(self.add({**PROGRESSIVE, "queue": "q"}, queue="r"), 400)
        self.assert_refused(self.call("GET", "queues/r"), 404)
        self.add({**PROGRESSIVE, "queue": "s"}, queue="r")
        self.assert_refused(self.replace({**PROGRESSIVE, "queue": "q"}, queue="s"), 400)
        self.assertEqual(self.alerts(), self.before)


class PushQueueTests(AlertsCase):
    """Push queues have no alerts. Text as documented."""

    def push_queue(self) -> None:
        settings = {"push_type": "multicast"}
        done = self.engine.update(self.worlds[PROJECT], "q", settings, policy="ironmq")
        self.settle()
        self.successResultOf(done)

    def test_a_push_queue_refuses_alerts(self) -> None:
        self.push_queue()
        for answer in (self.add(FIXED), self.replace(FIXED)):
            self.assert_refused(answer, 400, "Push queues do not support alerts.")
        self.assertEqual(self.replace().status, 200)
        self.assertEqual(self.call("DELETE", "queues/q/alerts").status, 200)


class WireTests(IronMQCase):
    """From bytes to values."""

    def test_alerts_become_values(self) -> None:
        self.assertEqual(
            new_alerts(json.dumps({"alerts": [{**FIXED, "snooze": 7}, PROGRESSIVE]}).encode()),
            [
                NewAlert(False, False, 1000, "my_queue_for_alerts", 7000),
                NewAlert(True, True, 1000, "my_queue_for_alerts", 0),
            ],
        )

    def test_null_is_the_same_as_leaving_it_out_where_that_is_allowed(self) -> None:
        body = {"alerts": [{**FIXED, "direction": None, "snooze": None}]}
        self.assertEqual(
            new_alerts(json.dumps(body).encode()),
            [NewAlert(False, False, 1000, "my_queue_for_alerts", 0)],
        )

    def test_no_body_names_all(self) -> None:
        self.assertIs(known_ids(b""), None)
        self.assertEqual(known_ids(b"{}"), [])
        named = json.dumps({"alerts": [{"id": UNKNOWN}, {"id": "none"}]}).encode()
        self.assertEqual(known_ids(named), [int(UNKNOWN, 16)])
        with self.assertRaises(Refused):
            known_ids(b"[]")

    def test_ids_have_24_lower_hex_digits(self) -> None:
        self.assertEqual(alert_number("0" * 23 + "a"), 10)
        for text in ("", "a", "A" * 24, "0x" + "a" * 22, "+" + "a" * 23, "_" * 24, "a" * 25):
            self.assertIs(alert_number(text), None)
